//! Sockets: accepting, TLS, HTTP/1.1 and HTTP/2, and letting go in good order.

mod activity;
mod clock;
mod connection;
mod flood;
mod guard;
mod half;
mod host;
mod socket;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use gateway_core::Gateway;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use tls::{Tls, TlsFiles};

/// Answers the requests of some paths in the place of the gateway.
pub(crate) trait Management: Send + Sync {
    /// Whether requests of this path are answered here.
    fn handles(&self, path: &str) -> bool;

    /// Answers one.
    fn call(&self, request: http::Request<Arriving>, peer: std::net::IpAddr) -> ManagementFuture;
}

/// An answer of [`Management`].
pub(crate) type ManagementFuture =
    std::pin::Pin<Box<dyn Future<Output = http::Response<bytes::Bytes>> + Send>>;

use clock::Streams;
pub(crate) use connection::Arriving;
use connection::Connections;

/// How many bytes of each stream of HTTP/2 are taken from its answer before the client takes them.
const SEND_BUFFER: usize = 64 * 1024;

/// After an error of `accept` that is not about one connection (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything a listener needs.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Its running configuration says how long a client may take to send the head of a request.
    pub(crate) gateway: Gateway,
    /// What manages the gateway, where that is on.
    pub(crate) management: Option<Arc<dyn Management>>,
}

impl Listener {
    /// Serves until `stop`, then lets connections finish for at most `drain` (as the configuration says at that time, if
    /// it is absent), or until `now`.
    pub(crate) async fn serve(
        self,
        stop: CancellationToken,
        now: CancellationToken,
        drain: Option<Duration>,
    ) {
        let tasks = TaskTracker::new();
        let connections = Connections {
            builder: builder(),
            gateway: self.gateway.clone(),
            management: self.management,
            tls: self.tls,
            stop: stop.clone(),
            is_loopback: self
                .socket
                .local_addr()
                .is_ok_and(|it| it.ip().is_loopback()),
        };
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        tasks.spawn(connections.clone().serve(stream, peer));
                    }
                    Err(error) => refused(&error).await,
                },
            }
        }
        // Who has connected by now is served.
        while let Some((stream, peer)) = waiting(&self.socket).await {
            tasks.spawn(connections.clone().serve(stream, peer));
        }
        drop(self.socket);
        self.gateway.set_ready(false);
        let drain = drain.unwrap_or(self.gateway.engine().server().drain);
        tasks.close();
        tracing::info!(
            target: "gateway::listen",
            connections = tasks.len(),
            seconds = drain.as_secs_f64(),
            "stopping: calls in flight may finish"
        );
        tokio::select! {
            () = tasks.wait() => tracing::info!(target: "gateway::listen", "stopped: every call was finished"),
            () = tokio::time::sleep(drain) => {
                let left = tasks.len();
                tracing::warn!(target: "gateway::listen", connections = left, "stopped: time is up, calls were cut");
            }
            () = now.cancelled() => {
                let left = tasks.len();
                tracing::warn!(target: "gateway::listen", connections = left, "stopped at once, as asked");
            }
        }
    }
}

/// A connection that waits to be accepted, if there is one now.
async fn waiting(socket: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        Poll::Ready(match socket.poll_accept(cx) {
            Poll::Ready(accepted) => accepted.ok(),
            Poll::Pending => None,
        })
    })
    .await
}

async fn refused(error: &std::io::Error) {
    use std::io::ErrorKind;
    let about_one_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    );
    if !about_one_connection {
        tracing::warn!(target: "gateway::listen", %error, "a connection cannot be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// HTTP/1.1 and HTTP/2, told apart by the first bytes.
fn builder() -> Builder<Streams> {
    use hyper_util::rt::TokioTimer;
    let mut builder = Builder::new(Streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The guard around the socket bounds heads; hyper's own bound would close idle connections as well.
        .header_read_timeout(None)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(1_000)
        // What of an answer lies here while its client does not read.
        .max_send_buf_size(SEND_BUFFER)
        .adaptive_window(true);
    builder
}

/// Events must not wait for more bytes.
fn tune(stream: &TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target: "gateway::listen", %peer, %error, "TCP_NODELAY cannot be set");
    }
}
