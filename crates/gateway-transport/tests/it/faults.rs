//! What goes wrong, and that it is told apart.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_provider::{SendLimits, Transport as _, TransportError, TransportFault};
use http::Request;
use tokio::net::TcpListener;

use crate::support::{Server, client, limits, post, read_all, read_request};

async fn fault(url: &str) -> TransportError {
    match post(&client(), url, "{}").await {
        Ok(response) => read_all(response.into_body()).await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_connect_fault_and_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = fault(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!((error.fault, error.unsent), (TransportFault::Connect, true));
}

#[tokio::test]
async fn an_unknown_host_is_a_dns_fault() {
    let error = fault("http://name.invalid/").await;
    assert_eq!((error.fault, error.unsent), (TransportFault::Dns, true));
    assert!(error.detail.contains("name.invalid"));
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_a_connect_timeout() {
    let server = Server::start(|stream, _| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let started = Instant::now();
    let request = Request::post(format!("https://127.0.0.1:{}/", server.port))
        .body(Bytes::new())
        .unwrap();
    let limits = SendLimits::default().with_connect(Duration::from_millis(100));
    let client = client();
    let Err(error) = client.send(request, limits).await else {
        panic!("no server answered");
    };
    assert_eq!(error.fault, TransportFault::ConnectTimeout);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn a_slow_answer_is_not_a_connect_timeout() {
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, reply)
            .await
            .unwrap();
    })
    .await;
    let request = Request::get(server.url("/")).body(Bytes::new()).unwrap();
    let limits = SendLimits::default().with_connect(Duration::from_millis(100));
    assert!(client().send(request, limits).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_ends_before_the_head_is_complete_is_closed() {
    for part in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r",
    ] {
        let server = Server::closing(part.as_bytes()).await;
        let error = fault(&server.url("/")).await;
        assert_eq!(
            (error.fault, error.unsent),
            (TransportFault::Closed, false),
            "{part}"
        );
        assert_eq!(server.accepted(), 1, "a fresh connection is not retried");
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_fault() {
    for reply in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 099 low\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nab\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        "\x16\x03\x01\x02\x00",
    ] {
        let server = Server::closing(reply.as_bytes()).await;
        let error = fault(&server.url("/")).await;
        assert_eq!(error.fault, TransportFault::Protocol, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let line = b"x-padding: 0123456789012345678901234567890123456789\r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
        while tokio::io::AsyncWriteExt::write_all(&mut stream, line)
            .await
            .is_ok()
        {}
    })
    .await;
    assert_eq!(
        fault(&server.url("/")).await.fault,
        TransportFault::Protocol
    );

    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 ").await;
        while tokio::io::AsyncWriteExt::write_all(&mut stream, &[b'x'; 4096])
            .await
            .is_ok()
        {}
    })
    .await;
    assert_eq!(
        fault(&server.url("/")).await.fault,
        TransportFault::Protocol
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_says_so_and_hides_credentials() {
    for url in [
        "/relative",
        "ftp://host/",
        "http://user:hunter2@127.0.0.1:1/",
    ] {
        let request = Request::post(url).body(Bytes::new()).unwrap();
        let Err(error) = client().send(request, limits()).await else {
            panic!("{url} was sent");
        };
        assert_eq!(
            (error.fault, error.unsent),
            (TransportFault::Request, true),
            "{url}"
        );
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn every_failure_closes_its_connection() {
    let client = client();
    for reply in [
        "",
        "junk\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
    ] {
        let server = Server::closing(reply.as_bytes()).await;
        for _ in 0..20 {
            if let Ok(response) = post(&client, &server.url("/"), "{}").await {
                assert!(read_all(response.into_body()).await.is_err());
            }
        }
        assert_eq!(client.stats().open, 0, "{reply:?}");
    }
}
