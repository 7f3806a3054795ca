//! HTTP/2 where it is wanted and offered.

use std::num::NonZeroUsize;

use futures_util::future::join_all;
use gateway_transport::{Protocol, TransportConfig};

use crate::support::{post, read_all, text};
use crate::tls::{Alpn, Server};

fn preferring() -> TransportConfig {
    TransportConfig::default().with_protocol(Protocol::PreferHttp2)
}

#[tokio::test]
async fn http2_is_spoken_when_both_sides_want_it() {
    let server = Server::start("localhost", Alpn::Http2).await;
    let client = server.client(preferring());
    for _ in 0..3 {
        let answer = text(&client, &server.url("/a")).await.unwrap();
        assert_eq!(answer, "HTTP/2.0 localhost /a");
    }
    assert_eq!(server.accepted(), 1);
    let body = vec![b'q'; 1_000_000];
    let response = post(&client, &server.url("/echo"), body.clone())
        .await
        .unwrap();
    assert_eq!(read_all(response.into_body()).await.unwrap(), body);
}

#[tokio::test]
async fn http1_is_spoken_unless_http2_is_configured_and_offered() {
    let server = Server::start("localhost", Alpn::Http2).await;
    let client = server.client(TransportConfig::default());
    let answer = text(&client, &server.url("/")).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 localhost /");

    let server = Server::start("localhost", Alpn::Http1).await;
    let client = server.client(preferring());
    for _ in 0..3 {
        let answer = text(&client, &server.url("/")).await.unwrap();
        assert_eq!(answer, "HTTP/1.1 localhost /");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_burst_opens_one_connection_for_each_hundred_streams_or_what_is_set() {
    let server = Server::start("localhost", Alpn::Http2).await;
    let streams = NonZeroUsize::new(10).unwrap();
    let client = server.client(preferring().with_streams_per_connection(streams));
    let url = server.url("/slow");
    let answers = join_all((0..30).map(|_| text(&client, &url))).await;
    for answer in answers {
        assert_eq!(answer.unwrap(), "HTTP/2.0 localhost /slow");
    }
    assert_eq!(server.accepted(), 3);
    assert_eq!(client.stats().idle, 3);
    client.shutdown().await;
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn dropping_an_http2_request_frees_its_stream_and_keeps_the_connection() {
    let server = Server::start("localhost", Alpn::Http2).await;
    let streams = NonZeroUsize::new(1).unwrap();
    let client = server.client(preferring().with_streams_per_connection(streams));
    for _ in 0..5 {
        let url = server.url("/slow");
        let send = text(&client, &url);
        let limit = std::time::Duration::from_millis(100);
        assert!(tokio::time::timeout(limit, send).await.is_err());
    }
    text(&client, &server.url("/")).await.unwrap();
    assert_eq!(server.accepted(), 1);
}
