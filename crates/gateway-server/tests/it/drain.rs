//! Being told to stop.
#![cfg(unix)]

use std::time::{Duration, Instant};

use futures_util::StreamExt;

use crate::harness::{Server, chat, folder, plain_client, simulators};

const SLOW: &str = "tokens_per_second: 20, reply_tokens: 40";

/// A stream that has begun; its future reads the rest.
async fn begin(server: &Server) -> impl Future<Output = Result<String, reqwest::Error>> + use<> {
    let sent = plain_client().post(server.url("/v1/chat/completions"));
    let reply = sent.json(&chat("slow", true)).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let mut body = reply.bytes_stream();
    let first = body.next().await.unwrap().unwrap();
    async move {
        let mut text = String::from_utf8_lossy(&first).into_owned();
        while let Some(chunk) = body.next().await {
            text += &String::from_utf8_lossy(&chunk?);
        }
        Ok(text)
    }
}

#[tokio::test]
async fn a_stream_in_flight_is_finished_and_new_connections_are_refused() {
    let (_folder, path) = folder(&simulators(&["slow"], SLOW));
    let mut server = Server::with(&path, &[]);
    let rest = begin(&server).await;
    server.signal("TERM");
    server.wait_for_log("stopping");
    let refused = plain_client().get(server.url("/health")).send().await;
    assert!(refused.unwrap_err().is_connect());
    let text = rest.await.unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(server.wait().success());
}

#[tokio::test]
async fn time_is_bounded_and_a_second_signal_ends_it_at_once() {
    let (_folder, path) = folder(&simulators(
        &["slow"],
        "tokens_per_second: 1, reply_tokens: 400",
    ));
    let mut server = Server::with(&path, &["--drain-timeout", "300ms"]);
    let rest = begin(&server).await;
    let begun = Instant::now();
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let cut = rest.await;
    assert!(cut.map_or(true, |text| !text.contains("[DONE]")));

    let mut server = Server::with(&path, &["--drain-timeout", "60s"]);
    let _rest = begin(&server).await;
    let begun = Instant::now();
    server.signal("INT");
    server.wait_for_log("stopping");
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn half_a_request_does_not_delay_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    let (_folder, path) = folder(&simulators(&["slow"], SLOW));
    let mut server = Server::with(&path, &[]);
    let mut halves = Vec::new();
    for before in ["", "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            stream.read_exact(&mut [0; 12]).await.unwrap();
        }
        let half = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-half: ";
        stream.write_all(half).await.unwrap();
        halves.push(stream);
    }
    // Every byte of them has arrived when this is answered.
    let alive = plain_client().get(server.url("/livez")).send().await;
    assert!(alive.is_ok());
    let begun = Instant::now();
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}
