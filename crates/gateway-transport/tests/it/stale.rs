//! Kept connections that turn out to be closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway_provider::TransportFault;
use gateway_transport::{HttpTransport, TransportConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{Server, client, post, read_all, read_request, text};

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
async fn a_close_that_crosses_the_request_is_retried_once_on_a_new_connection() {
    let (server, requests) = second(|stream| async move { drop(stream) }).await;
    let client = client();
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "hello");
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "hello");
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (2, 3));
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
