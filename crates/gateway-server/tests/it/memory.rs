//! What strangers and callers can make the process hold, and that it goes back to the system.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Server, chat, client, folder, plain_client, post, simulators};

const MIB: usize = 1024 * 1024;

/// Mebibytes of memory, as the system counts them: now (`VmRSS`), or at most so far (`VmHWM`).
fn resident(server: &Server, which: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kibibytes = line.and_then(|line| line.trim_start_matches(':').trim().strip_suffix(" kB"));
    kibibytes.unwrap().trim().parse::<usize>().unwrap() / 1024
}

/// Sends a head that announces `length` bytes of body and `sent` of them, or as many as are taken. Returns the connection, and
/// the beginning of the answer if there is one within a moment.
async fn begin(server: &Server, headers: &str, length: usize, sent: usize) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let body = vec![b' '; sent];
    let mut answer = [0; 12];
    let (mut reading, mut writing) = stream.split();
    let read = async {
        let read = tokio::time::timeout(Duration::from_secs(3), reading.read(&mut answer)).await;
        let length = read.ok().and_then(Result::ok).unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let write = async {
        // A server that has answered may not read on.
        let _ = tokio::time::timeout(Duration::from_secs(3), writing.write_all(&body)).await;
    };
    let (answer, ()) = tokio::join!(read, write);
    (stream, answer)
}

/// Waits until memory in use is below `bound` MiB.
async fn falls_below(server: &Server, bound: usize) {
    let begun = Instant::now();
    while resident(server, "VmRSS") > bound {
        assert!(
            begun.elapsed() < PATIENCE,
            "{} MiB, not {bound}",
            resident(server, "VmRSS")
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn large_bodies_are_held_up_to_the_bound_and_their_memory_goes_back_to_the_system() {
    let config = simulators(&["chat"], "") + "server: {max_memory: 100MiB, max_body: 20MiB}\n";
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    let question = chat("chat", false);
    assert_eq!(
        post(&server, "/v1/chat/completions", &question).await.0,
        200
    );
    let idle = resident(&server, "VmRSS");
    let all = join_all((0..20).map(|_| begin(&server, "", 18 * MIB, 15 * MIB))).await;
    let refused = all.iter().filter(|(_, answer)| answer.ends_with("503"));
    assert!(refused.count() >= 10, "too much to hold is refused");
    let most = resident(&server, "VmHWM");
    assert!(most < idle + 200, "{most} MiB at most, {idle} idle");
    assert_eq!(
        post(&server, "/v1/chat/completions", &question).await.0,
        200,
        "small calls pass beside them"
    );
    drop(all);
    let begun = Instant::now();
    loop {
        let body = format!("{{\"model\":\"chat\",\"x\":\"{}\"}}", "a".repeat(15 * MIB));
        let sent = plain_client()
            .post(server.url("/v1/chat/completions"))
            .header("content-type", "application/json")
            .body(body);
        if sent.send().await.is_ok_and(|reply| reply.status() != 503) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "no room again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    falls_below(&server, idle + 60).await;
}

#[tokio::test]
async fn streams_of_one_connection_share_its_bound() {
    let config = simulators(&["chat"], "") + "server: {max_memory: 1GiB, max_body: 10MiB}\n";
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    let idle = resident(&server, "VmRSS");
    let one = client(reqwest::ClientBuilder::http2_prior_knowledge);
    let calls = (0..40).map(|_| {
        let sent = one
            .post(server.url("/v1/chat/completions"))
            .header("content-type", "application/json")
            .body(vec![b' '; 8 * MIB]);
        async move { sent.send().await.map(|reply| reply.status().as_u16()) }
    });
    let statuses: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
    assert!(statuses.contains(&503), "{statuses:?}");
    let most = resident(&server, "VmHWM");
    assert!(most < idle + 150, "{most} MiB at most, {idle} idle");
    assert_eq!(
        post(&server, "/v1/chat/completions", &chat("chat", false))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn strangers_have_nothing_buffered() {
    let keys = "auth:\n  keys:\n    - {name: a, key: vk-aaaaaaaaaaaaaaaa, aws: {access_key_id: AKIDA, secret_access_key: secret}}\n";
    let config = simulators(&["chat"], "") + keys;
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    let idle = resident(&server, "VmRSS");
    let scope =
        "20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
    let signed = format!("authorization: AWS4-HMAC-SHA256 Credential=AKIDX/{scope}\r\n");
    for headers in [signed.as_str(), "authorization: Bearer wrong\r\n", ""] {
        let all = join_all((0..20).map(|_| begin(&server, headers, 20 * MIB, 10 * MIB))).await;
        for (_, answer) in &all {
            assert!(
                answer.ends_with("403") || answer.ends_with("401"),
                "{answer:?}"
            );
        }
    }
    let most = resident(&server, "VmHWM");
    assert!(most < idle + 60, "{most} MiB at most, {idle} idle");
}
