//! Which Redis it is: one with TLS, another one after a reload, none.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gateway_testkit::store::RedisServer;
use tempfile::TempDir;

use crate::harness::{PATIENCE, Server, chat, command, folder, get, plain_client, post};
use crate::reload::{replace, until_names};

/// Five calls of `limited`, and an endpoint named `name`, whose streams take a while; counted at `url` or in memory.
fn config(url: Option<&str>, name: &str) -> String {
    let stores = url.map_or(String::new(), |url| format!("stores: {{redis: '{url}'}}\n"));
    let endpoint = |name: &str, options: &str, settings: &str| {
        format!(
            "  - {{name: {name}, endpoint_type: llm/v1/chat, model: {{provider: simulator, name: sim, \
             config: {{{options}}}}}, {settings}}}\n"
        )
    };
    let requests =
        |count: u64| format!("limits: [{{per: endpoint, requests: {count}, every: 30d}}]");
    let slow = "tokens_per_second: 5, reply_tokens: 40";
    let places = "limits: [{per: endpoint, concurrent: 10}], cache: {ttl: 3600}";
    format!(
        "{stores}endpoints:\n{}{}",
        endpoint("limited", "", &requests(5)),
        endpoint(name, slow, places)
    )
}

/// How many calls pass until one is refused.
async fn passing(server: &Server) -> usize {
    let begun = Instant::now();
    let mut passed = 0;
    loop {
        assert!(begun.elapsed() < PATIENCE, "{passed} passed");
        let (status, body) = post(server, "/v1/chat/completions", &chat("limited", false)).await;
        match status {
            200 => passed += 1,
            429 => return passed,
            // A store that is being connected.
            503 => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => panic!("{status}: {body}"),
        }
    }
}

/// Connections of others than the test.
fn connections(redis: &RedisServer) -> usize {
    redis.ask("CLIENT LIST").matches("id=").count() - 1
}

async fn until_left(redis: &RedisServer) {
    let begun = Instant::now();
    while connections(redis) > 0 {
        assert!(begun.elapsed() < PATIENCE, "{}", redis.ask("CLIENT LIST"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_reload_moves_limits_to_another_redis_to_memory_and_back_and_leaves_nothing_behind() {
    let (Some(one), Some(other)) = (RedisServer::start(), RedisServer::start()) else {
        return;
    };
    let (_folder, path) = folder(&config(Some(&one.url()), "slow"));
    let server = Server::with(&path, &[]);
    for _ in 0..3 {
        let asked = chat("limited", false);
        let reply = post(&server, "/v1/chat/completions", &asked).await;
        assert_eq!(reply.0, 200);
    }
    let sent = plain_client().post(server.url("/v1/chat/completions"));
    let reply = sent.json(&chat("slow", true)).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let mut body = reply.bytes_stream();
    let mut text = body.next().await.unwrap().unwrap().to_vec();

    replace(&path, &config(Some(&other.url()), "slow2"));
    until_names(&server, &["limited", "slow2"]).await;
    assert_eq!(passing(&server).await, 5, "the other one counts for itself");
    assert!(other.ask("KEYS *").contains("gateway:1:rate:limited/"));
    assert!(connections(&one) > 0, "a call is in flight");
    while let Some(chunk) = body.next().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "cut: {text}");
    assert!(!text.contains("\"error\""), "{text}");
    until_left(&one).await;

    replace(&path, &config(None, "slow3"));
    until_names(&server, &["limited", "slow3"]).await;
    assert_eq!(passing(&server).await, 5, "memory counts for itself");
    until_left(&other).await;
    assert_eq!(
        get(&server, "/health").await.1["stores"],
        serde_json::Value::Null
    );

    replace(&path, &config(Some(&one.url()), "slow4"));
    until_names(&server, &["limited", "slow4"]).await;
    assert_eq!(passing(&server).await, 2, "three of five passed before");
    assert_eq!(connections(&one), 2);
}

/// An authority in a file, and a server whose certificate is by it.
fn with_tls() -> Option<(TempDir, String, RedisServer)> {
    let (authority, redis) = RedisServer::start_tls("localhost")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, authority).unwrap();
    let path = path.to_str().unwrap().to_owned();
    Some((folder, path, redis))
}

#[tokio::test]
async fn a_redis_with_tls_is_trusted_by_ssl_cert_file_and_refused_without_it() {
    let Some((_authority, roots, redis)) = with_tls() else {
        return;
    };
    assert!(redis.ask("CONFIG SET requirepass hunter2").contains("OK"));
    let address = redis.tls_url().unwrap().replace("rediss://", "");
    let (_folder, path) = folder(&config(
        Some(&format!("rediss://:hunter2@{address}")),
        "slow",
    ));
    let start = |roots: Option<&str>| {
        let path = path.to_str().unwrap();
        let mut command = command(&["start", "--port", "0", "--config-path", path]);
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        if let Some(roots) = roots {
            command.env("SSL_CERT_FILE", roots);
        }
        Server::spawn(&mut command)
    };
    let trusting = start(Some(&roots));
    assert_eq!(passing(&trusting).await, 5);
    assert_eq!(get(&trusting, "/health").await.1["status"], "OK");

    let refusing = start(None);
    let line = refusing.wait_for_log("Redis is away");
    for part in [&*address, "invalid peer certificate: UnknownIssuer"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("hunter2"), "{line}");
    let asked = chat("limited", false);
    let reply = post(&refusing, "/v1/chat/completions", &asked).await;
    assert_eq!(reply.0, 503);
    let health = get(&refusing, "/health").await.1;
    let reason = health["stores"]["redis"]["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("{address}: ")), "{reason}");
}
