//! Leaving: what is dropped is closed at once.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::support::{Server, client, post, read_request};

/// A server that sends `first`, waits for the client to leave and reports when it did.
async fn watching(first: &'static [u8]) -> (Server, mpsc::UnboundedReceiver<Instant>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(first).await.unwrap();
            let mut rest = [0; 1];
            // Both an orderly end and a reset are the client's leaving.
            let _ = stream.read(&mut rest).await;
            tx.send(Instant::now()).unwrap();
        }
    })
    .await;
    (server, rx)
}

async fn closed_soon(left: Instant, mut seen: mpsc::UnboundedReceiver<Instant>) {
    let seen = tokio::time::timeout(Duration::from_secs(2), seen.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(seen.duration_since(left) < Duration::from_millis(200));
}

#[tokio::test]
async fn dropping_a_request_before_its_head_closes_the_connection() {
    let (server, seen) = watching(b"HTTP/1.1 200").await;
    let client = client();
    let url = server.url("/");
    let send = post(&client, &url, "{}");
    assert!(
        tokio::time::timeout(Duration::from_millis(100), send)
            .await
            .is_err()
    );
    closed_soon(Instant::now(), seen).await;
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn dropping_an_unread_body_closes_the_connection() {
    let (server, seen) = watching(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
    let client = client();
    let response = post(&client, &server.url("/"), "{}").await.unwrap();
    drop(response);
    closed_soon(Instant::now(), seen).await;
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn dropping_a_stream_between_events_closes_the_connection() {
    let (server, seen) =
        watching(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
            .await;
    let client = client();
    let mut body = post(&client, &server.url("/"), "{}")
        .await
        .unwrap()
        .into_body();
    assert_eq!(body.next().await.unwrap().unwrap(), "data: 1\n\n");
    let pending = tokio::time::timeout(Duration::from_millis(50), body.next()).await;
    assert!(pending.is_err());
    drop(body);
    closed_soon(Instant::now(), seen).await;
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn a_reader_that_pauses_makes_the_upstream_wait() {
    let (tx, mut written) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let piece = vec![b'x'; 64 * 1024];
            while stream.write_all(&piece).await.is_ok() {
                let _ = tx.send(piece.len());
            }
        }
    })
    .await;
    let client = client();
    let body = post(&client, &server.url("/"), "{}")
        .await
        .unwrap()
        .into_body();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut total = 0;
    while let Ok(more) = written.try_recv() {
        total += more;
    }
    assert!(total < 50_000_000, "{total} bytes went nowhere");
    drop(body);
}
