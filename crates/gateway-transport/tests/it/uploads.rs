//! Bodies that are sent on as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use gateway_provider::{BodyStream, Transport as _, TransportError, TransportFault, Upload};
use gateway_schema::{CallError, ErrorKind};
use gateway_transport::HttpTransport;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::support::{Server, client, limits, read_all, text};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn send(
    client: &HttpTransport,
    url: &str,
    upload: Upload,
) -> Result<Response<BodyStream>, TransportError> {
    let request = Request::post(url)
        .header("content-type", "application/octet-stream")
        .body(Bytes::new())
        .unwrap();
    client.send_upload(request, upload, limits()).await
}

fn pieces(pieces: &[&'static str]) -> impl Stream<Item = Result<Bytes, CallError>> + use<> {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|it| Ok(Bytes::from_static(it.as_bytes())))
        .collect();
    stream::iter(pieces)
}

/// A server that reads until `end` has come, answers, and tells what it read.
async fn reading(end: &'static str) -> (Server, mpsc::UnboundedReceiver<String>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            let mut seen = Vec::new();
            loop {
                let mut buffer = [0; 1024];
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                seen.extend_from_slice(&buffer[..read]);
                if read == 0 {
                    break;
                }
                if seen.ends_with(end.as_bytes()) {
                    tx.send(String::from_utf8(std::mem::take(&mut seen)).unwrap())
                        .unwrap();
                    stream.write_all(OK).await.unwrap();
                }
            }
            tx.send(format!("closed after {}", seen.len())).unwrap();
        }
    })
    .await;
    (server, rx)
}

#[tokio::test]
async fn a_body_of_known_length_goes_as_it_is_and_one_of_unknown_length_in_chunks() {
    for (length, end, said) in [
        (Some(11), "world", "hello world"),
        (None, "0\r\n\r\n", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    ] {
        let (server, mut seen) = reading(end).await;
        let client = client();
        let upload = Upload::new(length, Box::pin(pieces(&["hello", "", " world"])));
        let response = send(&client, &server.url("/files"), upload).await.unwrap();
        assert_eq!(read_all(response.into_body()).await.unwrap(), b"ok");
        let request = seen.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, said);
        assert_eq!(head.contains("content-length: 11"), length.is_some());
        assert_eq!(
            head.contains("transfer-encoding: chunked"),
            length.is_none()
        );
        // The connection serves again.
        assert_eq!(client.stats().idle, 1);
    }
}

#[tokio::test]
async fn no_more_is_taken_of_a_body_than_the_server_takes() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 2_000;
    let taken = Arc::new(AtomicUsize::new(0));
    let (tx, mut rx) = mpsc::unbounded_channel();
    let counter = Arc::clone(&taken);
    let server = Server::start(move |mut stream, _| {
        let (tx, counter) = (tx.clone(), Arc::clone(&counter));
        async move {
            // Nothing is read until the client has had all the time to run ahead.
            tokio::time::sleep(Duration::from_millis(300)).await;
            tx.send(counter.load(Ordering::SeqCst)).unwrap();
            let mut left = PIECE * PIECES;
            let mut buffer = vec![0; 256 * 1024];
            let mut head = true;
            while left > 0 {
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0);
                let mut body = &buffer[..read];
                if head {
                    let at = body.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
                    body = &body[at + 4..];
                    head = false;
                }
                left -= body.len();
            }
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let piece = Bytes::from(vec![7; PIECE]);
    let body = stream::iter(0..PIECES).map(move |_| {
        taken.fetch_add(1, Ordering::SeqCst);
        Ok(piece.clone())
    });
    let upload = Upload::new(Some((PIECE * PIECES) as u64), Box::pin(body));
    let response = send(&client(), &server.url("/"), upload).await.unwrap();
    assert_eq!(response.status(), 200);
    let ahead = rx.recv().await.unwrap();
    // What the sockets hold, and no more: a small part of the 125 MiB.
    assert!(ahead < PIECES / 4, "{ahead} pieces were taken");
}

#[tokio::test]
async fn an_answer_that_comes_early_is_heard_and_the_rest_is_not_sent() {
    let server = Server::start(|mut stream, _| async move {
        let mut buffer = [0; 1024];
        let heard = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..heard].starts_with(b"POST / HTTP/1.1\r\n"));
        let reply = b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 3\r\n\r\nbig";
        stream.write_all(reply).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let client = client();
    let endless = stream::iter([Ok(Bytes::from_static(b"hello"))]).chain(stream::pending());
    let upload = Upload::new(None, Box::pin(endless));
    let response = send(&client, &server.url("/"), upload).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(read_all(response.into_body()).await.unwrap(), b"big");
    // Half a request is on it.
    assert_eq!((client.stats().idle, client.stats().open), (0, 0));
}

#[tokio::test]
async fn a_body_that_breaks_off_closes_the_connection_and_is_told_as_the_callers() {
    let broken = CallError::client(ErrorKind::InvalidRequest, "it left");
    for length in [Some(100), None] {
        let (server, mut seen) = reading("never").await;
        let client = client();
        let end = Err(broken.clone());
        let body = stream::iter([Ok(Bytes::from_static(b"hello")), end]);
        let upload = Upload::new(length, Box::pin(body));
        let sent = send(&client, &server.url("/"), upload.clone()).await;
        let error = sent.map(|_| ()).unwrap_err();
        assert_eq!((error.fault, error.unsent), (TransportFault::Upload, false));
        assert_eq!(upload.failure().unwrap().message(), "it left");
        // The provider sees that the request is not complete, whichever way its end is told.
        assert!(seen.recv().await.unwrap().starts_with("closed after"));
        assert_eq!(client.stats().open, 0);
    }
}

/// A body that never comes, and tells when it is let go.
struct Waiting(mpsc::UnboundedSender<()>);

impl Stream for Waiting {
    type Item = Result<Bytes, CallError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn leaving_in_mid_upload_closes_the_connection_and_lets_go_of_the_body() {
    let (server, mut seen) = reading("never").await;
    let client = client();
    let (tx, mut gone) = mpsc::unbounded_channel();
    let upload = Upload::new(Some(100), Box::pin(Waiting(tx)));
    let url = server.url("/");
    let sending = send(&client, &url, upload);
    let left = tokio::time::timeout(Duration::from_millis(100), sending).await;
    assert!(left.is_err());
    gone.recv().await.unwrap();
    assert!(seen.recv().await.unwrap().starts_with("closed after"));
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn a_body_is_not_touched_when_the_server_is_not_reached() {
    let server = Server::closing(b"").await;
    let url = server.url("/");
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let upload = Upload::new(Some(5), Box::pin(pieces(&["hello"])));
    let error = send(&client(), &url, upload.clone())
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(error.unsent && !upload.is_spent());
    // Where it is reached, it is there.
    let (server, _seen) = reading("hello").await;
    let response = send(&client(), &server.url("/"), upload).await.unwrap();
    assert_eq!(response.status(), 200);
    // Requests that are not uploads go as ever.
    let whole = Server::repeating("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(text(&client(), &whole.url("/")).await.unwrap(), "ok");
}
