//! Bodies: every framing, cut anywhere, and what may not pass for an end.

use futures_util::StreamExt as _;
use gateway_provider::TransportFault;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Server, client, post, read_all, read_request, text};

/// Replies to try, with the body they carry.
const REPLIES: &[(&str, &str)] = &[
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
        "hello world",
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=\"1\"\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n",
        "hello world",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n000B\r\nhello world\r\n00\r\n\r\n",
        "hello world",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "",
    ),
    ("HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", "ok"),
];

#[tokio::test]
async fn a_reply_cut_in_two_at_any_byte_is_the_same_reply() {
    for (reply, body) in REPLIES {
        let server = Server::start(move |mut stream, _| async move {
            for cut in 0.. {
                if read_request(&mut stream).await.is_none() {
                    return;
                }
                let (first, rest) = reply.as_bytes().split_at(cut % reply.len());
                stream.write_all(first).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                stream.write_all(rest).await.unwrap();
            }
        })
        .await;
        let client = client();
        for cut in 0..reply.len() {
            assert_eq!(
                text(&client, &server.url("/")).await.unwrap(),
                *body,
                "{cut}"
            );
        }
        assert_eq!(server.accepted(), 1, "{reply}");
    }
}

#[tokio::test]
async fn a_reply_that_drips_byte_by_byte_is_read_as_it_comes() {
    for (reply, body) in REPLIES {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            for byte in reply.as_bytes() {
                stream.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(text(&client(), &server.url("/")).await.unwrap(), *body);
    }
}

#[tokio::test]
async fn a_reply_that_ends_early_is_never_a_clean_end() {
    for (reply, _) in REPLIES {
        let head = reply.find("\r\n\r\n").unwrap() + 4;
        for cut in head..reply.len() {
            let part = &reply.as_bytes()[..cut];
            let server = Server::closing(part).await;
            let response = post(&client(), &server.url("/"), "{}").await.unwrap();
            let error = read_all(response.into_body()).await.unwrap_err();
            assert_eq!(error.fault, TransportFault::Body, "{cut} of {reply}");
            assert!(!error.unsent);
        }
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let server = Server::closing(b"HTTP/1.1 200 OK\r\n\r\nall there is").await;
    let client = client();
    assert_eq!(
        text(&client, &server.url("/")).await.unwrap(),
        "all there is"
    );
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn pieces_arrive_when_they_are_sent_not_when_the_body_is_complete() {
    let (next, turns) = tokio::sync::mpsc::unbounded_channel::<()>();
    let turns = std::sync::Arc::new(tokio::sync::Mutex::new(turns));
    let server = Server::start(move |mut stream, _| {
        let turns = std::sync::Arc::clone(&turns);
        async move {
            read_request(&mut stream).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while turns.lock().await.recv().await.is_some() {
                stream.write_all(b"3\r\nabc\r\n").await.unwrap();
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            let _ = read_request(&mut stream).await;
        }
    })
    .await;
    let client = client();
    let mut body = post(&client, &server.url("/"), "{}")
        .await
        .unwrap()
        .into_body();
    for _ in 0..5 {
        next.send(()).unwrap();
        assert_eq!(body.next().await.unwrap().unwrap(), "abc");
    }
    drop(next);
    assert!(body.next().await.is_none());
    assert_eq!(client.stats().idle, 1);
}

#[tokio::test]
async fn large_bodies_of_every_framing_arrive_whole() {
    let size = 3_000_000;
    for chunked in [false, true] {
        let server = Server::start(move |mut stream, _| async move {
            let body: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
            while read_request(&mut stream).await.is_some() {
                let head = if chunked {
                    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n")
                } else {
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&body).await.unwrap();
                if chunked {
                    stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
                }
            }
        })
        .await;
        let client = client();
        for _ in 0..3 {
            let response = post(&client, &server.url("/"), "{}").await.unwrap();
            let body = read_all(response.into_body()).await.unwrap();
            assert_eq!(body.len(), size as usize);
            assert!(
                (0..size)
                    .zip(&body)
                    .all(|(n, byte)| n.to_le_bytes()[0] == *byte)
            );
        }
        assert_eq!(server.accepted(), 1);
    }
}

#[tokio::test]
async fn a_reader_that_stops_before_the_terminator_does_not_cost_a_connection() {
    let server = Server::repeating(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let client = client();
    for _ in 0..5 {
        let mut body = post(&client, &server.url("/"), "{}")
            .await
            .unwrap()
            .into_body();
        assert_eq!(body.next().await.unwrap().unwrap(), "hello");
        drop(body);
    }
    assert_eq!(server.accepted(), 1);
}
