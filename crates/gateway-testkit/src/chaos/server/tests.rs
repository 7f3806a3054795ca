use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::chaos::RetryAfter;

/// Sends a request and reads until the connection ends; the error is how it ended.
async fn ask(upstream: &Chaos) -> (String, io::Result<()>) {
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let request = "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-Key: k\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 512];
    let end = loop {
        match tokio::time::timeout(Duration::from_millis(100), stream.read(&mut piece)).await {
            Ok(Ok(0)) => break Ok(()),
            Ok(Ok(read)) => text.extend_from_slice(&piece[..read]),
            Ok(Err(error)) => break Err(error),
            Err(_) => break Err(io::ErrorKind::TimedOut.into()),
        }
    };
    (String::from_utf8_lossy(&text).into_owned(), end)
}

#[tokio::test]
async fn requests_are_recorded_and_a_good_answer_keeps_the_connection() {
    let upstream = Chaos::start().await.unwrap();
    let (text, end) = ask(&upstream).await;
    assert!(text.ends_with("content-length: 2\r\n\r\n{}"), "{text}");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let received = upstream.received();
    assert_eq!(received[0].path, "/v1/x?y=1");
    assert_eq!(received[0].header("x-key"), Some("k"));
    assert_eq!(received[0].body, "{}");
}

#[tokio::test]
async fn bodies_are_cut_reset_and_stalled_where_told() {
    let upstream = Chaos::start().await.unwrap();
    let reply = Reply::sse(["data: one\n\n", "data: two\n\n"]);
    upstream.push(Behaviour::answer(reply.clone()).cut_after(15));
    upstream.push(Behaviour::answer(reply.clone()).stall_after(11));
    upstream.push(Behaviour::reset());
    upstream.push(Behaviour::hang_up());
    upstream.push(Behaviour::answer(reply));
    let (text, end) = ask(&upstream).await;
    assert!(
        text.ends_with("data: one\n\n\r\nb\r\ndata") && end.is_ok(),
        "{text}"
    );
    let (text, end) = ask(&upstream).await;
    assert!(text.ends_with("data: one\n\n\r\n"), "{text}");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (text, end) = ask(&upstream).await;
    assert_eq!(text, "");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let (text, end) = ask(&upstream).await;
    assert!(text.is_empty() && end.is_ok());
    let (text, _) = ask(&upstream).await;
    assert!(text.ends_with("data: two\n\n\r\n0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn lengths_can_lie_and_waits_come_in_every_spelling() {
    let upstream = Chaos::start().await.unwrap();
    upstream.push(Behaviour::answer(Reply::json("{}")).wrong_length(40));
    let (text, end) = ask(&upstream).await;
    assert!(text.contains("content-length: 42\r\n") && end.is_ok());
    for wait in RetryAfter::every(std::time::SystemTime::UNIX_EPOCH) {
        upstream.push(Behaviour::rate_limited(wait));
        let (text, _) = ask(&upstream).await;
        assert!(text.starts_with("HTTP/1.1 429 "));
        match wait.header() {
            Some((name, value)) => assert!(text.contains(&format!("{name}: {value}\r\n"))),
            None => assert!(!text.contains("retry-after")),
        }
    }
}

#[tokio::test]
async fn a_refused_origin_refuses() {
    let origin = refused_origin().await.unwrap();
    let address = origin.strip_prefix("http://").unwrap().to_owned();
    assert!(TcpStream::connect(address).await.is_err());
}
