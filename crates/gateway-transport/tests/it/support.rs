//! Servers that follow a script, and short cuts for sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use gateway_provider::{BodyStream, SendLimits, Transport as _, TransportError};
use gateway_transport::{HttpTransport, TransportConfig};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that calls `serve` with each connection and its number, from 0.
pub(crate) struct Server {
    pub(crate) port: u16,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, usize) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, number));
            }
        });
        Self {
            port,
            accepted,
            task,
        }
    }

    /// Answers every request on every connection with `reply`.
    pub(crate) async fn repeating(reply: &'static str) -> Self {
        Self::start(move |mut stream, _| async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        })
        .await
    }

    /// Writes `reply` to the first request of every connection and closes.
    pub(crate) async fn closing(reply: &'static [u8]) -> Self {
        Self::start(move |mut stream, _| async move {
            if read_request(&mut stream).await.is_some() {
                stream.write_all(reply).await.unwrap();
            }
        })
        .await
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Reads one request with its body; `None` at the end of the connection.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        seen.push(byte[0]);
    }
    let mut text = String::from_utf8(seen).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    text.push_str(&String::from_utf8_lossy(&body));
    Some(text)
}

pub(crate) fn client() -> HttpTransport {
    HttpTransport::new(TransportConfig::default()).unwrap()
}

pub(crate) fn limits() -> SendLimits {
    SendLimits::default().with_connect(Duration::from_secs(5))
}

/// Posts `body` and returns the response with its body unread.
pub(crate) async fn post(
    client: &HttpTransport,
    url: &str,
    body: impl Into<Bytes>,
) -> Result<Response<BodyStream>, TransportError> {
    let request = Request::post(url)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    client.send(request, limits()).await
}

/// Gets and returns the response with its body unread.
pub(crate) async fn get(
    client: &HttpTransport,
    url: &str,
) -> Result<Response<BodyStream>, TransportError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    client.send(request, limits()).await
}

/// Reads a body to its end.
pub(crate) async fn read_all(mut body: BodyStream) -> Result<Vec<u8>, TransportError> {
    let mut all = Vec::new();
    while let Some(bytes) = body.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

/// Posts and reads the answer's body as text.
pub(crate) async fn text(client: &HttpTransport, url: &str) -> Result<String, TransportError> {
    let response = post(client, url, "{}").await?;
    Ok(String::from_utf8(read_all(response.into_body()).await?).unwrap())
}
