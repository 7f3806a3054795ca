//! One connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::Gateway;
use gateway_core::provider::ByteBudget;
use gateway_http::{Connection, EdgeBody, Loopback, Peer};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service as HyperService;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::guard::{Activity, Busy, Guarded};
use super::tls::Tls;

/// How long a fresh connection may take to send its first request after the process was told to stop.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) gateway: Gateway,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) stop: CancellationToken,
    /// Only this machine reaches the listener.
    pub(super) is_loopback: bool,
}

impl Connections {
    /// Serves one connection to its end; after `stop`, to the end of the calls that are in flight.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        super::tune(&stream, peer);
        let head_timeout = self.gateway.engine().server().header_timeout;
        match &self.tls {
            None => self.speak(stream, peer, head_timeout).await,
            Some(tls) => {
                let shaking = tls.acceptor().accept(stream);
                match tokio::time::timeout(head_timeout, shaking).await {
                    Ok(Ok(stream)) => self.speak(stream, peer, head_timeout).await,
                    Ok(Err(error)) => {
                        tracing::debug!(target: "gateway::listen", %peer, %error, "TLS handshake failed");
                    }
                    Err(_) => {
                        tracing::debug!(target: "gateway::listen", %peer, "TLS handshake took too long");
                    }
                }
            }
        }
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr, head_timeout: Duration)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::default();
        let stream = Guarded::new(stream, activity.clone(), head_timeout);
        let service = Caller {
            gateway: self.gateway.clone(),
            peer: Peer(peer.ip()),
            shared: std::sync::OnceLock::new(),
            activity: activity.clone(),
            is_loopback: self.is_loopback,
        };
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = self.stop.cancelled() => {
                // The first request of a fresh connection may be on its way: hyper would not wait for it.
                let first = FIRST_REQUEST * u32::from(!activity.has_begun());
                if let Ok(outcome) = tokio::time::timeout(first, connection.as_mut()).await {
                    outcome
                } else {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(target: "gateway::listen", %peer, %error, "connection ended badly");
        }
    }
}

/// The gateway for one caller.
struct Caller {
    gateway: Gateway,
    peer: Peer,
    /// What the requests of an HTTP/2 connection share.
    shared: std::sync::OnceLock<Connection>,
    activity: Activity,
    is_loopback: bool,
}

impl Caller {
    /// The bodies in progress of one connection hold at most twice the largest body together.
    fn connection(&self) -> Connection {
        let largest = || self.gateway.engine().server().max_body;
        let budget = || Connection(ByteBudget::new(largest().saturating_mul(2)));
        self.shared.get_or_init(budget).clone()
    }
}

impl HyperService<Request<Incoming>> for Caller {
    type Response = Response<Counted>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let busy = self.activity.begin(request.version());
        request.extensions_mut().insert(self.peer);
        if request.version() == http::Version::HTTP_2 {
            let connection = self.connection();
            request.extensions_mut().insert(connection);
        }
        if self.is_loopback {
            request.extensions_mut().insert(Loopback);
        }
        // The gateway is always ready; a fresh clone needs no polling.
        let mut gateway = self.gateway.clone();
        Answering {
            inner: Box::pin(gateway.call(request)),
            busy: Some(busy),
        }
    }
}

type GatewayFuture = <Gateway as Service<Request<Incoming>>>::Future;

/// An answer under way. The future is boxed once, because it is large and hyper moves it around.
pub(super) struct Answering {
    inner: Pin<Box<GatewayFuture>>,
    busy: Option<Busy>,
}

impl Future for Answering {
    type Output = Result<Response<Counted>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx).map(|answer| {
            let busy = self.busy.take();
            answer.map(|answer| answer.map(|inner| Counted { inner, _busy: busy }))
        })
    }
}

/// A body that keeps its connection busy until it is over.
#[derive(Debug)]
pub(super) struct Counted {
    inner: EdgeBody,
    _busy: Option<Busy>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = <EdgeBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
