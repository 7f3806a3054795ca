//! Requests, replies and the reuse of connections.

use bytes::Bytes;
use gateway_provider::Transport as _;
use gateway_transport::{HttpTransport, TransportConfig};
use http::{Method, Request, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::{Server, client, limits, post, read_all, read_request, text};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server that says hello and passes on what it was sent.
async fn recording() -> (Server, mpsc::UnboundedReceiver<String>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                tx.send(request).unwrap();
                stream.write_all(HELLO.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    (server, rx)
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_body_was_read() {
    let server = Server::repeating(HELLO).await;
    let client = client();
    for _ in 0..10 {
        assert_eq!(text(&client, &server.url("/x")).await.unwrap(), "hello");
    }
    assert_eq!(server.accepted(), 1);
    assert_eq!((client.stats().open, client.stats().idle), (1, 1));
}

#[tokio::test]
async fn the_request_is_written_as_it_was_given_with_host_and_length() {
    let (server, mut seen) = recording().await;
    let request = Request::post(server.url("/v1/chat?api-version=1"))
        .header("x-first", "1")
        .header("connection", "close")
        .header("host", "elsewhere.example")
        .header("transfer-encoding", "chunked")
        .header("content-length", "999")
        .header("x-last", "2")
        .body(Bytes::from_static(b"{\"a\":1}"))
        .unwrap();
    client().send(request, limits()).await.unwrap();
    assert_eq!(
        seen.recv().await.unwrap(),
        format!(
            "POST /v1/chat?api-version=1 HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nx-first: 1\r\nx-last: 2\r\n\
             content-length: 7\r\n\r\n{{\"a\":1}}",
            server.port
        )
    );
}

#[tokio::test]
async fn a_get_without_a_body_has_no_length_and_an_empty_post_says_zero() {
    let (server, mut seen) = recording().await;
    let client = client();
    for (method, expected) in [(Method::GET, false), (Method::POST, true)] {
        let request = Request::builder()
            .method(method)
            .uri(server.url(""))
            .body(Bytes::new())
            .unwrap();
        let response = client.send(request, limits()).await.unwrap();
        read_all(response.into_body()).await.unwrap();
        let text = seen.recv().await.unwrap();
        assert!(text.contains(" / HTTP/1.1"), "{text}");
        assert_eq!(text.contains("content-length: 0\r\n"), expected, "{text}");
    }
}

#[tokio::test]
async fn a_large_request_body_arrives_whole() {
    let (server, mut seen) = recording().await;
    let body = "0123456789abcdef".repeat(256 * 1024);
    let client = client();
    let response = post(&client, &server.url("/"), body.clone()).await.unwrap();
    assert_eq!(read_all(response.into_body()).await.unwrap(), b"hello");
    assert!(seen.recv().await.unwrap().ends_with(&body));
    assert_eq!(client.stats().idle, 1);
}

#[tokio::test]
async fn headers_of_the_reply_arrive_without_those_of_the_connection() {
    let server = Server::repeating(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=9\r\n\
         x-private: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;
    let response = post(&client(), &server.url("/"), "{}").await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let names: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            "retry-after=3",
            "content-length=2",
            "set-cookie=a",
            "set-cookie=b"
        ]
    );
}

#[tokio::test]
async fn interim_responses_are_skipped() {
    let server = Server::repeating(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let client = client();
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "ok");
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "ok");
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn replies_that_have_no_body_leave_the_connection_usable() {
    for (method, reply) in [
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n",
        ),
        (Method::POST, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
        ),
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let server = Server::repeating(reply).await;
        let client = client();
        for _ in 0..2 {
            let request = Request::builder()
                .method(method.clone())
                .uri(server.url("/"))
                .body(Bytes::new())
                .unwrap();
            let response = client.send(request, limits()).await.unwrap();
            assert_eq!(read_all(response.into_body()).await.unwrap(), b"");
        }
        assert_eq!(server.accepted(), 1, "{reply}");
    }
}

#[tokio::test]
async fn a_connection_the_server_will_close_is_not_kept() {
    for reply in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more than was announced",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = Server::repeating(reply).await;
        let client = client();
        assert_eq!(
            text(&client, &server.url("/")).await.unwrap(),
            "ok",
            "{reply}"
        );
        assert_eq!(
            (client.stats().open, client.stats().idle),
            (0, 0),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn an_early_refusal_of_a_large_body_is_heard() {
    let server = Server::start(|mut stream, _| async move {
        // Answers without reading the body, as servers with a limit do.
        let reply = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";
        stream.write_all(reply).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    })
    .await;
    let client = client();
    let body = vec![b'x'; 16 * 1024 * 1024];
    let response = post(&client, &server.url("/"), body).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(read_all(response.into_body()).await.unwrap(), b"big");
    assert_eq!(client.stats().open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_share_connections_and_none_leaks_after_ten_thousand() {
    let server = Server::repeating(HELLO).await;
    let client = client();
    let workers: Vec<_> = (0..50)
        .map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            tokio::spawn(async move {
                for _ in 0..200 {
                    assert_eq!(text(&client, &url).await.unwrap(), "hello");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let stats = client.stats();
    assert!(stats.opened <= 50, "{stats:?}");
    assert_eq!(stats.open, stats.idle, "{stats:?}");
    client.shutdown().await;
    assert_eq!((client.stats().open, client.stats().idle), (0, 0));
}

#[tokio::test]
async fn no_more_than_the_cap_stay_idle() {
    let server = Server::repeating(HELLO).await;
    let client = HttpTransport::new(TransportConfig::default().with_idle_per_origin(3)).unwrap();
    let url = server.url("/");
    let replies = futures_util::future::join_all((0..20).map(|_| text(&client, &url))).await;
    assert!(replies.iter().all(Result::is_ok));
    let stats = client.stats();
    assert_eq!((stats.open, stats.idle), (3, 3));
}

#[tokio::test]
async fn after_shutdown_requests_work_and_keep_nothing() {
    let server = Server::repeating(HELLO).await;
    let client = client();
    text(&client, &server.url("/")).await.unwrap();
    client.shutdown().await;
    assert_eq!(client.stats().open, 0);
    text(&client, &server.url("/")).await.unwrap();
    assert_eq!(client.stats().open, 0);
}
