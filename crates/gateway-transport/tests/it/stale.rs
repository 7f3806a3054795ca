//! Kept connections that turn out to be closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway_provider::{Resent, TransportFault};
use gateway_transport::{HttpTransport, TransportConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Server, client, get, post, read_all, read_request, text};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Answers the first request of each connection; does `then` with the connection at the second. Counts requests.
async fn second<F, Fut>(then: F) -> (Server, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let requests = Arc::new(AtomicUsize::new(0));
    let (then, counter) = (Arc::new(then), Arc::clone(&requests));
    let server = Server::start(move |mut stream, _| {
        let (then, counter) = (Arc::clone(&then), Arc::clone(&counter));
        async move {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            counter.fetch_add(1, Ordering::SeqCst);
            stream.write_all(HELLO).await.unwrap();
            if read_request(&mut stream).await.is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
                then(stream).await;
            }
        }
    })
    .await;
    (server, requests)
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unnoticed() {
    let server = Server::closing(HELLO).await;
    let client = client();
    for expected in 1..=5 {
        assert_eq!(text(&client, &server.url("/")).await.unwrap(), "hello");
        assert_eq!(server.accepted(), expected);
        // Lets the close arrive, as it does between two requests.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_close_that_crosses_a_request_that_may_come_twice_is_retried_once_and_told() {
    let (server, requests) = second(|stream| async move { drop(stream) }).await;
    let client = client();
    for (number, resent) in [false, true].into_iter().enumerate() {
        let response = get(&client, &server.url("/")).await.unwrap();
        assert_eq!(response.extensions().get::<Resent>().is_some(), resent);
        assert_eq!(read_all(response.into_body()).await.unwrap(), b"hello");
        let seen = (server.accepted(), requests.load(Ordering::SeqCst));
        assert_eq!(seen, (1 + number, 1 + 2 * number));
    }
}

#[tokio::test]
async fn a_post_that_was_written_whole_is_never_sent_again() {
    let (server, requests) = second(|stream| async move { drop(stream) }).await;
    let client = client();
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "hello");
    let error = text(&client, &server.url("/")).await.unwrap_err();
    assert_eq!((error.fault, error.unsent), (TransportFault::Closed, false));
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_post_that_could_not_be_written_whole_is_sent_again() {
    // The server closes with most of the body unread: the rest cannot be written.
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let server = Server::start(move |mut stream, number| {
        let counter = Arc::clone(&counter);
        async move {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            counter.fetch_add(1, Ordering::SeqCst);
            stream.write_all(HELLO).await.unwrap();
            if number == 0 {
                // Some of the next request, so that it is certain to have been begun.
                let _ = stream.read_u8().await;
            }
        }
    })
    .await;
    let client = client();
    text(&client, &server.url("/")).await.unwrap();
    let large = vec![b'x'; 64 * 1024 * 1024];
    let response = post(&client, &server.url("/"), large).await.unwrap();
    assert!(response.extensions().get::<Resent>().is_some());
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn a_reply_that_broke_off_is_not_retried() {
    let (server, requests) =
        second(|mut stream| async move { stream.write_all(b"HTTP/1.1 2").await.unwrap() }).await;
    let client = client();
    text(&client, &server.url("/")).await.unwrap();
    let error = text(&client, &server.url("/")).await.unwrap_err();
    assert_eq!((error.fault, error.unsent), (TransportFault::Closed, false));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_thought_about_it_first_is_not_asked_again() {
    let (server, requests) = second(|stream| async move {
        tokio::time::sleep(Duration::from_millis(1200)).await;
        drop(stream);
    })
    .await;
    let client = client();
    text(&client, &server.url("/")).await.unwrap();
    let error = text(&client, &server.url("/")).await.unwrap_err();
    assert_eq!((error.fault, error.unsent), (TransportFault::Closed, false));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_without_another_request() {
    let server = Server::repeating("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let config = TransportConfig::default().with_idle_timeout(Duration::from_millis(300));
    let client = HttpTransport::new(config).unwrap();
    text(&client, &server.url("/")).await.unwrap();
    assert_eq!(client.stats().open, 1);
    tokio::time::timeout(Duration::from_secs(3), async {
        while client.stats().open > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_reply_read_whole_with_its_head_frees_its_connection_at_once() {
    let (server, _) = second(|stream| async move { drop(stream) }).await;
    let client = client();
    let response = post(&client, &server.url("/"), "{}").await.unwrap();
    // The whole reply came in one read: the connection is free although nobody has asked for the body yet.
    assert_eq!(client.stats().idle, 1);
    assert_eq!(read_all(response.into_body()).await.unwrap(), b"hello");
}
