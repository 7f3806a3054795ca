//! One connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::Gateway;
use gateway_core::provider::ByteBudget;
use gateway_http::{Connection, EdgeBody, Loopback, Peer};
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service as HyperService;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::activity::{Activity, Busy};
use super::clock::{Clock, Streams, Watched};
use super::guard::{Bounds, Guarded};
use super::host;
use super::socket::Socket;
use super::tls::Tls;
use super::{Management, ManagementFuture};

/// How long a fresh connection may take to send its first request after the process was told to stop.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// How often it is looked whether a connection that is to end has anything left to do, and how often it has to have
/// nothing.
const TURN: Duration = Duration::from_millis(100);
const QUIET_TURNS: u32 = 3;
/// How much later than the time of its call an answer is cut: a client that reads has had its error event by then.
const LATE: Duration = Duration::from_secs(1);
/// How long an answer of the gateway's own may take to be read.
const OWN_ANSWER: Duration = Duration::from_mins(10);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) builder: Builder<Streams>,
    pub(super) gateway: Gateway,
    pub(super) management: Option<Arc<dyn Management>>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) stop: CancellationToken,
    /// Only this machine reaches the listener.
    pub(super) is_loopback: bool,
}

impl Connections {
    /// Serves one connection to its end; after `stop`, to the end of the calls that are in flight.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        super::tune(&stream, peer);
        let server = self.gateway.engine().server();
        let bounds = Bounds {
            head: server.header_timeout,
            idle: server.idle_timeout,
            write: server.write_timeout,
        };
        let Some(tls) = &self.tls else {
            return self.speak(stream, peer, bounds).await;
        };
        let shaking = tokio::time::timeout(bounds.head, tls.acceptor().accept(stream));
        let stopped = async {
            self.stop.cancelled().await;
            tokio::time::sleep(FIRST_REQUEST).await;
        };
        let shaken = tokio::select! {
            shaken = shaking => shaken,
            () = stopped => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, peer, bounds).await,
            Ok(Err(error)) => {
                tracing::debug!(target: "gateway::listen", %peer, %error, "TLS handshake failed");
            }
            Err(_) => {
                tracing::debug!(target: "gateway::listen", %peer, "TLS handshake took too long");
            }
        }
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr, bounds: Bounds)
    where
        S: Socket + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::default();
        let stream = Guarded::new(stream, activity.clone(), bounds);
        let service = Caller {
            gateway: self.gateway.clone(),
            management: self.management.clone(),
            peer: Peer(peer.ip()),
            shared: std::sync::OnceLock::new(),
            activity: activity.clone(),
            is_loopback: self.is_loopback,
            write_timeout: bounds.write,
        };
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let connection = Watched::new(connection).of_connection(activity.clone());
        let mut connection = std::pin::pin!(connection);
        let first = tokio::select! {
            outcome = connection.as_mut() => return ended(peer, outcome),
            // The first request of a fresh connection may be on its way: hyper would not wait for it.
            () = self.stop.cancelled() => FIRST_REQUEST * u32::from(!activity.has_begun()),
            () = activity.http2_idle(bounds.idle) => Duration::ZERO,
        };
        if let Ok(outcome) = tokio::time::timeout(first, connection.as_mut()).await {
            return ended(peer, outcome);
        }
        if let Some(connection) = connection.as_mut().inner() {
            connection.graceful_shutdown();
        }
        // hyper waits for a head that has begun, and for the peer's word that it has heard; neither need ever come.
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            tokio::select! {
                outcome = connection.as_mut() => return ended(peer, outcome),
                () = tokio::time::sleep(TURN) => quiet = if activity.is_quiet() { quiet + 1 } else { 0 },
            }
        }
    }
}

fn ended(peer: SocketAddr, outcome: Option<Result<(), Box<dyn std::error::Error + Send + Sync>>>) {
    match outcome {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::debug!(target: "gateway::listen", %peer, %error, "connection ended badly");
        }
        None => {
            tracing::debug!(target: "gateway::listen", %peer, "connection cut: the call's time was over before its answer was read");
        }
    }
}

/// The gateway for one caller.
struct Caller {
    gateway: Gateway,
    management: Option<Arc<dyn Management>>,
    peer: Peer,
    /// What the requests of an HTTP/2 connection share.
    shared: std::sync::OnceLock<Connection>,
    activity: Activity,
    is_loopback: bool,
    write_timeout: Duration,
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
        let whole = request.body().is_end_stream();
        let version = request.version();
        let busy = self.activity.begin(version, whole);
        let refusal = host::refusal(&request);
        request.extensions_mut().insert(self.peer);
        if version == Version::HTTP_2 {
            let connection = self.connection();
            request.extensions_mut().insert(connection);
        }
        if self.is_loopback {
            request.extensions_mut().insert(Loopback);
        }
        let activity = self.activity.clone();
        let request = request.map(|inner| Arriving { inner, activity });
        let path = request.uri().path();
        let management = self.management.as_ref().filter(|it| it.handles(path));
        // The gateway is always ready; a fresh clone needs no polling.
        let mut gateway = self.gateway.clone();
        Answering {
            inner: match (refusal, management) {
                (Some(response), _) => Asked::Refused(Some(response)),
                (None, Some(management)) => Asked::Managed(management.call(request, self.peer.0)),
                (None, None) => Asked::Gateway(Box::pin(gateway.call(request))),
            },
            busy: Some(busy),
            activity: self.activity.clone(),
            // HTTP/1 has one answer at a time: there the clock of the socket says the same, more precisely.
            write_timeout: (version == Version::HTTP_2).then_some(self.write_timeout),
        }
    }
}

type GatewayFuture = <Gateway as Service<Request<Arriving>>>::Future;

/// An answer under way. The future is boxed once, because it is large and hyper moves it around.
pub(super) struct Answering {
    inner: Asked,
    busy: Option<Busy>,
    activity: Activity,
    write_timeout: Option<Duration>,
}

enum Asked {
    Gateway(Pin<Box<GatewayFuture>>),
    Managed(ManagementFuture),
    Refused(Option<Response<EdgeBody>>),
}

impl Future for Answering {
    type Output = Result<Response<Counted>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let answer = match &mut this.inner {
            Asked::Gateway(future) => {
                let Ok(answer) = ready!(future.as_mut().poll(cx));
                answer
            }
            Asked::Managed(future) => ready!(future.as_mut().poll(cx)).map(EdgeBody::full),
            Asked::Refused(answer) => match answer.take() {
                Some(answer) => answer,
                None => return Poll::Pending,
            },
        };
        this.activity.answered();
        let (activity, busy) = (this.activity.clone(), this.busy.take());
        let write_timeout = this.write_timeout;
        Poll::Ready(Ok(
            answer.map(|inner| Counted::new(inner, (activity, busy), write_timeout))
        ))
    }
}

/// A body that is arriving: its end is noticed.
#[derive(Debug)]
pub(crate) struct Arriving {
    inner: Incoming,
    activity: Activity,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() || self.inner.is_end_stream() {
            self.activity.received();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that keeps its connection busy until it is over, and says by when that must be.
#[derive(Debug)]
pub(super) struct Counted {
    inner: EdgeBody,
    activity: Activity,
    _busy: Option<Busy>,
    /// The clock of the task that polls it.
    clock: Option<Clock>,
    until: Instant,
    write_timeout: Option<Duration>,
}

impl Counted {
    fn new(
        inner: EdgeBody,
        (activity, busy): (Activity, Option<Busy>),
        write_timeout: Option<Duration>,
    ) -> Self {
        let until = match inner.deadline() {
            Some(deadline) => Instant::from_std(deadline) + LATE,
            None => Instant::now() + OWN_ANSWER,
        };
        let counted = Self {
            inner,
            activity,
            _busy: busy,
            clock: Clock::current(),
            until,
            write_timeout,
        };
        counted.set_clock(Some(until));
        counted
    }

    fn set_clock(&self, until: Option<Instant>) {
        if let Some(clock) = &self.clock {
            clock.set(until);
        }
    }

    /// A stream of HTTP/2 shares its socket with others: here it is seen whether its client takes anything. hyper comes
    /// back for more when what it has was taken.
    fn watch_stream(&self, frame: Option<usize>, write_timeout: Duration) {
        let Some(length) = frame else {
            // It waits for the provider.
            return self.set_clock(Some(self.until));
        };
        self.set_clock(Some(self.until.min(Instant::now() + write_timeout)));
        // A reset and the windows of the frames that it is sent as, with some room.
        self.activity.earn(4 + length as u64 / 4096);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set_clock(None);
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = <EdgeBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if let Some(write_timeout) = self.write_timeout {
            let length = |frame: &Option<Result<Frame<Bytes>, _>>| {
                let frame = frame.as_ref()?.as_ref().ok()?;
                frame.data_ref().map(Bytes::len)
            };
            let length = match &frame {
                Poll::Ready(frame) => length(frame),
                Poll::Pending => None,
            };
            self.watch_stream(length, write_timeout);
        }
        if matches!(frame, Poll::Ready(Some(Err(_)))) && self.activity.is_http10() {
            // There the end of the connection would be a good end.
            self.activity.cut();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
