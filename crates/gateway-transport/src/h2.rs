//! HTTP/2: several connections per origin, each with a bounded number of streams.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use gateway_provider::{TransportError, TransportFault};
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::io::Io;

/// The HTTP/2 connections of one origin.
#[derive(Debug)]
pub(crate) struct Http2Pool {
    connections: Mutex<Vec<Arc<Connection>>>,
    streams: usize,
    closed: AtomicBool,
    /// Held while connecting, so that a burst does not open a connection for each of its requests.
    pub(crate) connecting: tokio::sync::Mutex<()>,
    refused: AtomicBool,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    streams: AtomicUsize,
    idle_since: Mutex<Instant>,
}

/// The right to one stream on a connection.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Connection>);

impl Drop for Lease {
    fn drop(&mut self) {
        *lock(&self.0.idle_since) = Instant::now();
        self.0.streams.fetch_sub(1, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Http2Pool {
    pub(crate) fn new(streams: NonZeroUsize) -> Self {
        Self {
            connections: Mutex::new(Vec::new()),
            streams: streams.get(),
            closed: AtomicBool::new(false),
            connecting: tokio::sync::Mutex::new(()),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether the origin has chosen HTTP/1.1 when it could have had HTTP/2.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Remembers which version the origin chose last.
    pub(crate) fn set_refused(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    /// A stream on the first connection that has room, so that spare connections fall idle and go.
    pub(crate) fn lease(&self) -> Option<Lease> {
        let mut connections = lock(&self.connections);
        connections.retain(|connection| !connection.sender.is_closed());
        let free = connections
            .iter()
            .find(|connection| connection.streams.load(Ordering::Acquire) < self.streams)?;
        free.streams.fetch_add(1, Ordering::Relaxed);
        Some(Lease(Arc::clone(free)))
    }

    /// Starts HTTP/2 on a connection and leases its first stream. Its driver is the one task this connection has.
    pub(crate) async fn start(
        &self,
        io: Io,
        keepalive: Option<Duration>,
        tasks: &TaskTracker,
    ) -> Result<Lease, TransportError> {
        let (sender, driver) = Builder::new(Tracked(tasks.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(keepalive)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| classify(&error))?;
        tasks.spawn(async move {
            // Every exchange on the connection hears of its end by itself.
            let _ = driver.await;
        });
        let connection = Arc::new(Connection {
            sender,
            streams: AtomicUsize::new(1),
            idle_since: Mutex::new(Instant::now()),
        });
        if !self.closed.load(Ordering::Relaxed) {
            lock(&self.connections).push(Arc::clone(&connection));
        }
        Ok(Lease(connection))
    }

    pub(crate) fn idle(&self) -> usize {
        lock(&self.connections)
            .iter()
            .filter(|connection| connection.streams.load(Ordering::Relaxed) == 0)
            .count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.connections).is_empty()
    }

    pub(crate) fn sweep(&self, now: Instant, idle_timeout: Duration) {
        lock(&self.connections).retain(|connection| {
            let busy = connection.streams.load(Ordering::Acquire) > 0;
            let fresh = now.duration_since(*lock(&connection.idle_since)) < idle_timeout;
            !connection.sender.is_closed() && (busy || fresh)
        });
    }

    /// Lets go of every connection: each closes when its last stream ends.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        lock(&self.connections).clear();
    }
}

/// Spawns the few helper tasks of HTTP/2 where they are waited for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// No response head, and the request again if it certainly was not sent.
pub(crate) struct Failure {
    pub(crate) error: TransportError,
    pub(crate) unsent: Option<Request<Full<Bytes>>>,
}

/// Sends one request on a leased stream. Cancellation: dropping the future resets the stream.
pub(crate) async fn exchange(
    lease: Lease,
    request: Request<Full<Bytes>>,
) -> Result<(Response<()>, Http2Body), Failure> {
    let mut sender = lease.0.sender.clone();
    match sender.try_send_request(request).await {
        Ok(response) => {
            let (parts, incoming) = response.into_parts();
            let body = Http2Body {
                incoming,
                _lease: lease,
            };
            Ok((Response::from_parts(parts, ()), body))
        }
        Err(mut failed) => {
            let unsent = failed.take_message();
            let mut error = classify(failed.error());
            error.unsent = unsent.is_some();
            Err(Failure { error, unsent })
        }
    }
}

fn classify(error: &hyper::Error) -> TransportError {
    let fault = if error.is_parse() || error.is_user() {
        TransportFault::Protocol
    } else {
        TransportFault::Closed
    };
    TransportError::new(fault, chain(error))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A body over HTTP/2. Dropping it before its end resets the stream; the connection lives on.
#[derive(Debug)]
pub(crate) struct Http2Body {
    incoming: Incoming,
    _lease: Lease,
}

impl Stream for Http2Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    let error = TransportError::new(TransportFault::Body, chain(&error));
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}
