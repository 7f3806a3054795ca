//! Many at once: changes, the end of the process, and clients that mean harm.
#![cfg(unix)]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Server, chat, folder, plain_client, post, simulators};

/// How many calls are on their way, as `/metrics` tells.
async fn in_flight(server: &Server) -> usize {
    let sent = plain_client().get(server.url("/metrics")).send().await;
    let text = sent.unwrap().text().await.unwrap();
    let lines = text.lines();
    let counts = lines.filter_map(|line| line.strip_prefix("gateway_in_flight{")?.rsplit_once(' '));
    counts
        .map(|(_, count)| count.parse::<usize>().unwrap())
        .sum()
}

#[tokio::test]
async fn no_accepted_request_is_dropped_when_the_process_is_told_to_stop() {
    const CALLS: usize = 120;
    let slow = "time_to_first_token: 2s, tokens_per_second: 20, reply_tokens: 20";
    let (_folder, path) = folder(&simulators(&["slow"], slow));
    let mut server = Server::with(&path, &["--drain-timeout", "20s"]);
    let calls = (0..CALLS).map(|number| {
        let sent = plain_client()
            .post(server.url("/v1/chat/completions"))
            .json(&chat("slow", number % 2 == 0))
            .send();
        tokio::spawn(async move {
            let reply = sent.await.unwrap();
            assert_eq!(reply.status(), 200);
            reply.text().await.unwrap()
        })
    });
    let calls: Vec<_> = calls.collect();
    let begun = Instant::now();
    while in_flight(&server).await < CALLS {
        assert!(begun.elapsed() < PATIENCE, "not all calls arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.signal("TERM");
    for (number, call) in calls.into_iter().enumerate() {
        let text = call.await.unwrap();
        let end = if number % 2 == 0 {
            "data: [DONE]\n\n"
        } else {
            "}"
        };
        assert!(text.ends_with(end) && !text.contains("\"error\""), "{text}");
    }
    assert!(server.wait().success());
}

#[tokio::test]
async fn a_request_that_has_just_come_when_the_process_is_told_to_stop_is_answered() {
    let (_folder, path) = folder(&simulators(&["chat"], ""));
    let mut server = Server::with(&path, &[]);
    let mut late = TcpStream::connect(server.address()).await.unwrap();
    // The connection is there, its request is not.
    plain_client()
        .get(server.url("/livez"))
        .send()
        .await
        .unwrap();
    server.signal("TERM");
    server.wait_for_log("stopping");
    late.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    late.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(server.wait().success());
}

#[tokio::test]
async fn hundreds_of_half_requests_hold_nobody_and_are_let_go() {
    let bounds = "server: {header_timeout: 1s, body_timeout: 1s, max_in_flight: 4}\n";
    let config = simulators(&["chat"], "") + bounds;
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    let half = [
        &b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-slow: "[..],
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{\"model\":",
    ];
    let opened = (0..300).map(|number| {
        let address = server.address().to_owned();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(half[number % half.len()]).await.unwrap();
            stream
        }
    });
    let opened = join_all(opened).await;
    for _ in 0..5 {
        let (status, reply) = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
        assert_eq!(status, 200, "{reply}");
    }
    let ends = opened.into_iter().map(|mut stream| async move {
        let mut reply = Vec::new();
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
        // Closed in good order or not: it is let go.
        let _ = end.expect("the connection is let go");
        String::from_utf8_lossy(&reply).into_owned()
    });
    for (number, reply) in join_all(ends).await.into_iter().enumerate() {
        let expected = if number % 2 == 0 { "" } else { "HTTP/1.1 408" };
        assert!(reply.starts_with(expected), "{number}: {reply}");
    }
}

#[tokio::test]
async fn bounds_of_the_server_change_with_a_reload() {
    let plain = simulators(&["chat"], "");
    let (_folder, path) = folder(&plain);
    let server = Server::with(&path, &[]);
    let question = chat("chat", false);
    let ask = || post(&server, "/v1/chat/completions", &question);
    assert_eq!(ask().await.0, 200);
    for (bounds, status) in [("server: {max_body: 10B}\n", 413), ("", 200)] {
        std::fs::write(&path, format!("{plain}{bounds}")).unwrap();
        server.wait_for_log("the new configuration is in use");
        assert_eq!(ask().await.0, status);
    }
    std::fs::write(&path, format!("{plain}server: {{header_timeout: 300ms}}\n")).unwrap();
    server.wait_for_log("the new configuration is in use");
    let begun = Instant::now();
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0, "closed");
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}
