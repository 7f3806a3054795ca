//! Configurations that change while the gateway runs.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::harness::{Server, chat, folder, get, plain_client, post, simulators};

/// A change must be visible within this time.
const VISIBLE: Duration = Duration::from_secs(3);

async fn names(server: &Server) -> Vec<String> {
    let (_, reply) = get(server, "/v1/models").await;
    let models = reply["data"].as_array().unwrap();
    models
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) async fn until_names(server: &Server, wanted: &[&str]) {
    let begun = Instant::now();
    loop {
        let seen = names(server).await;
        if seen == wanted {
            return;
        }
        assert!(begun.elapsed() < VISIBLE, "{seen:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[tokio::test]
async fn written_in_place_and_renamed_files_are_seen() {
    let (_folder, path) = folder(&simulators(&["one"], ""));
    let server = Server::with(&path, &[]);
    std::fs::write(&path, simulators(&["one", "two"], "")).unwrap();
    until_names(&server, &["one", "two"]).await;
    replace(&path, &simulators(&["three"], ""));
    until_names(&server, &["three"]).await;
    assert_eq!(
        post(&server, "/v1/chat/completions", &chat("three", false))
            .await
            .0,
        200
    );
    assert_eq!(
        post(&server, "/v1/chat/completions", &chat("one", false))
            .await
            .0,
        404
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_swapped_symlink_above_the_file_is_seen() {
    use std::os::unix::fs::symlink;
    // As Kubernetes mounts config maps: config.yaml -> ..data/config.yaml, ..data -> a folder per version.
    let (folder, _) = folder("");
    let root = folder.path();
    for (version, name) in [("v1", "one"), ("v2", "two")] {
        std::fs::create_dir(root.join(version)).unwrap();
        let text = simulators(&[name], "");
        std::fs::write(root.join(version).join("config.yaml"), text).unwrap();
    }
    symlink("v1", root.join("..data")).unwrap();
    let path = root.join("mounted.yaml");
    symlink("..data/config.yaml", &path).unwrap();
    let server = Server::with(&path, &[]);
    until_names(&server, &["one"]).await;
    symlink("v2", root.join("..data_tmp")).unwrap();
    std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    until_names(&server, &["two"]).await;
}

#[tokio::test]
async fn a_bad_file_is_refused_and_health_says_so_until_it_is_mended() {
    let (_folder, path) = folder(&simulators(&["one"], ""));
    let server = Server::with(&path, &[]);
    for bad in [
        "endpoints: [",
        "endponits: []",
        "endpoints:\n  - {name: a}\n",
        "\u{0}",
    ] {
        replace(&path, bad);
        server.wait_for_log("is refused");
        assert_eq!(names(&server).await, ["one"]);
        assert_eq!(
            post(&server, "/v1/chat/completions", &chat("one", false))
                .await
                .0,
            200
        );
        let (status, health) = get(&server, "/health").await;
        assert_eq!(status, 200);
        assert!(health.to_string().contains("config.yaml"), "{health}");
    }
    std::fs::remove_file(&path).unwrap();
    server.wait_for_log("is refused");
    assert_eq!(names(&server).await, ["one"]);
    replace(&path, &simulators(&["two"], ""));
    until_names(&server, &["two"]).await;
    let (_, health) = get(&server, "/health").await;
    assert!(!health.to_string().contains("config.yaml"), "{health}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_reads_the_file_again() {
    let (_folder, path) = folder(&simulators(&["one"], ""));
    let server = Server::with(&path, &[]);
    server.signal("HUP");
    server.wait_for_log("the new configuration is in use");
    assert_eq!(names(&server).await, ["one"]);
}

#[tokio::test]
async fn a_file_with_a_credential_is_watched_too() {
    let (folder, path) = folder("");
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-1").unwrap();
    let config = format!(
        "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model: {{provider: openai, name: m, config: \
         {{openai_api_key: {}}}}}\n",
        key.display()
    );
    std::fs::write(&path, config).unwrap();
    let server = Server::with(&path, &[]);
    std::fs::write(&key, "sk-2").unwrap();
    server.wait_for_log("the new configuration is in use");
}

#[tokio::test]
async fn two_hundred_streams_survive_reloads() {
    let slow = "tokens_per_second: 5, reply_tokens: 25";
    let (_folder, path) = folder(&simulators(&["slow"], slow));
    let server = Server::with(&path, &[]);
    let client = plain_client();
    let streams = (0..200).map(|_| async {
        let sent = client.post(server.url("/v1/chat/completions"));
        let reply = sent.json(&chat("slow", true)).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let mut body = reply.bytes_stream();
        let mut text = Vec::new();
        while let Some(chunk) = body.next().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("data: [DONE]\n\n"), "cut: {text}");
        assert!(!text.contains("\"error\""), "{text}");
    });
    let reloads = async {
        for names in [["slow", "two"], ["slow", "three"], ["four", "three"]] {
            tokio::time::sleep(Duration::from_millis(300)).await;
            replace(&path, &simulators(&names, slow));
            until_names(&server, &names).await;
        }
    };
    tokio::join!(join_all(streams), reloads);
}

/// Many endpoints, and as many keys.
fn many(count: usize, prefix: &str) -> String {
    let endpoints = (0..count).map(|n| {
        format!(
            "  - {{name: {prefix}{n}, endpoint_type: llm/v1/chat, model: {{provider: simulator, name: sim}}}}\n"
        )
    });
    let keys = (0..count).map(|n| format!("    - {{name: k{n}, key: vk-{prefix}-{n:08}}}\n"));
    let (endpoints, keys): (String, String) = (endpoints.collect(), keys.collect());
    format!("endpoints:\n{endpoints}auth:\n  keys:\n{keys}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_reload_delays_no_request_even_with_one_thread() {
    const COUNT: usize = 2_000;
    let (_folder, path) = folder(&many(COUNT, "a"));
    let server = Server::with(&path, &["--workers", "1"]);
    let client = plain_client();
    let last = |prefix: &str| {
        let (name, key) = (
            format!("{prefix}{}", COUNT - 1),
            format!("vk-{prefix}-{:08}", COUNT - 1),
        );
        let asked = client.post(server.url("/v1/chat/completions"));
        asked.bearer_auth(key).json(&chat(&name, false)).send()
    };
    assert_eq!(last("a").await.unwrap().status(), 200);
    replace(&path, &many(COUNT, "b"));
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut answered = 0;
    loop {
        let asked = Instant::now();
        let reply = client.get(server.url("/livez")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.bytes().await.unwrap();
        slowest = slowest.max(asked.elapsed());
        answered += 1;
        if answered % 16 == 0 && last("b").await.unwrap().status() == 200 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "the reload does not end"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The reload itself takes the better part of a second here, all of it on another thread.
    assert!(
        slowest < Duration::from_millis(300),
        "{slowest:?} of {:?}",
        begun.elapsed()
    );
}
