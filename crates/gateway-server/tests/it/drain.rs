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
