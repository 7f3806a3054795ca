//! The client: from a request to a connection to a response.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{
    BodyStream, BoxFuture, Exchange, Resent, SendLimits, Transport, TransportError, TransportFault,
    Upload,
};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ConfigError;
use crate::config::TransportConfig;
use crate::connect::Connector;
use crate::h1::{self, H1, H1Body, Target};
use crate::h2::{self, Http2Pool, Lease};
use crate::io::Io;
use crate::origin_pool::{Origin, Origins};
use crate::stats::{Counters, Stats};
use crate::tls::{Offer, Tls};

/// How soon after sending on a kept connection its silent end is taken for the server having closed it while it was idle.
/// Such a close is at most a round trip away. Only requests that may be sent twice by their method are sent again then: a
/// server that took one and died looks the same.
const RACE: Duration = Duration::from_secs(1);

/// The upstream HTTP client. Cloning it is cheap and shares its connections.
///
/// It must be used inside a tokio runtime with I/O and time enabled.
#[derive(Debug, Clone)]
pub struct HttpTransport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: TransportConfig,
    connector: Connector,
    origins: Origins,
    tasks: TaskTracker,
    closing: CancellationToken,
    sweeping: AtomicBool,
}

impl HttpTransport {
    /// A client without connections; nothing is opened or spawned until the first request.
    ///
    /// # Errors
    /// [`ConfigError`] when an extra root certificate cannot be used.
    pub fn new(config: TransportConfig) -> Result<Self, ConfigError> {
        let connector = Connector {
            tls: Tls::new(&config.extra_roots_pem)?,
            keepalive: config.keepalive,
            counters: Arc::new(Counters::default()),
        };
        Ok(Self(Arc::new(Inner {
            config,
            connector,
            origins: Origins::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            sweeping: AtomicBool::new(false),
        })))
    }

    /// What is open now.
    pub fn stats(&self) -> Stats {
        let mut idle = 0;
        self.0.origins.each(|origin| idle += origin.idle());
        Stats {
            open: self.0.connector.counters.open(),
            idle,
            opened: self.0.connector.counters.opened(),
            origins: self.0.origins.len(),
        }
    }

    /// Closes idle connections now and the others as their exchanges end, and waits until none is open and every task has
    /// ended. Requests sent meanwhile still work; their connections are not kept. Waiting is bounded by the caller:
    /// dropping the future changes nothing.
    pub async fn shutdown(&self) {
        self.0.closing.cancel();
        self.0.origins.close();
        self.0.tasks.close();
        self.0.connector.counters.wait_none_open().await;
        self.0.tasks.wait().await;
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: SendLimits,
    ) -> BoxFuture<'static, Result<Response<BodyStream>, TransportError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(request, limits, None).await })
    }

    fn send_noting(
        &self,
        request: Request<Bytes>,
        limits: SendLimits,
        exchange: Exchange,
    ) -> BoxFuture<'static, Result<Response<BodyStream>, TransportError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(request, limits, Some(exchange)).await })
    }

    fn send_upload(
        &self,
        request: Request<Bytes>,
        upload: Upload,
        limits: SendLimits,
    ) -> BoxFuture<'static, Result<Response<BodyStream>, TransportError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.upload(request, &upload, limits).await })
    }
}

/// One request on its way.
struct Job {
    origin: Arc<Origin>,
    parts: Parts,
    body: Bytes,
    limits: SendLimits,
    /// Noted when the request begins to be written.
    exchange: Option<Exchange>,
}

impl Job {
    fn begins(&self) {
        if let Some(exchange) = &self.exchange {
            exchange.sent();
        }
    }

    /// The request as HTTP/1.1 sends it.
    fn encode(&self) -> (Vec<u8>, Bytes) {
        let body = self.body.clone();
        h1::encode(&self.parts, &self.origin.host, self.target(), body)
    }

    fn target(&self) -> Target<'_> {
        match self.origin.route.absolute_form() {
            Some(proxy) => Target::Absolute(proxy.authorization.as_ref()),
            None => Target::Origin,
        }
    }

    /// The request as HTTP/2 sends it.
    fn http2(&self) -> Request<Full<Bytes>> {
        let mut parts = self.parts.clone();
        h1::strip_connection_headers(&mut parts.headers);
        parts.version = http::Version::HTTP_2;
        Request::from_parts(parts, Full::new(self.body.clone()))
    }

    fn respond(&self, answer: h1::Answer) -> Response<BodyStream> {
        let (response, body) = H1Body::new(answer, Arc::clone(&self.origin));
        response.map(|()| Box::pin(body) as BodyStream)
    }
}

/// Whether a request that was sent on a kept connection may be sent again on another one. What was not written whole
/// cannot have been acted on; what was, by its method alone.
fn may_send_again(method: &Method, failure: &h1::Failure, after: Duration) -> bool {
    failure.silent && (!failure.written || (method.is_idempotent() && after < RACE))
}

/// Tells of the first of two tries.
fn mark(
    outcome: Result<Response<BodyStream>, TransportError>,
    resent: Option<Resent>,
) -> Result<Response<BodyStream>, TransportError> {
    let Some(resent) = resent else { return outcome };
    match outcome {
        Ok(mut response) => {
            response.extensions_mut().insert(resent);
            Ok(response)
        }
        Err(mut error) => {
            error.resent = Some(Box::new(resent));
            Err(error)
        }
    }
}

/// A connection that was opened for a request, by what was agreed on it.
enum Fresh {
    Http1(H1),
    Http2(Lease),
}

impl Inner {
    fn job(&self, request: Request<Bytes>, limits: SendLimits) -> Result<Job, TransportError> {
        let origin = self.origins.of(request.uri(), &self.config)?;
        let (parts, body) = request.into_parts();
        Ok(Job {
            origin,
            parts,
            body,
            limits,
            exchange: None,
        })
    }

    async fn send(
        self: Arc<Self>,
        request: Request<Bytes>,
        limits: SendLimits,
        exchange: Option<Exchange>,
    ) -> Result<Response<BodyStream>, TransportError> {
        let mut job = self.job(request, limits)?;
        job.exchange = exchange;
        match &job.origin.http2 {
            Some(pool) if !pool.is_refused() => Box::pin(self.send_negotiated(&job, pool)).await,
            _ => self.send_http1(&job).await,
        }
    }

    async fn send_http1(
        self: &Arc<Self>,
        job: &Job,
    ) -> Result<Response<BodyStream>, TransportError> {
        let (head, body) = job.encode();
        let mut resent = None;
        if let Some(kept) = job.origin.check_out() {
            let sent_at = Instant::now();
            job.begins();
            match h1::exchange(kept, &job.parts.method, &head, &body).await {
                Ok(answer) => return Ok(job.respond(answer)),
                Err(failure) => {
                    let duration = sent_at.elapsed();
                    if !may_send_again(&job.parts.method, &failure, duration) {
                        return Err(failure.error);
                    }
                    let error = failure.error;
                    resent = Some(Resent { error, duration });
                }
            }
        }
        // Connecting is rare and its future large: it is kept out of this one.
        let connected = Box::pin(self.connect(&job.origin, Offer::Http1, job.limits)).await;
        let outcome = match connected {
            Ok(io) => {
                job.begins();
                h1::exchange(H1 { io }, &job.parts.method, &head, &body)
                    .await
                    .map_err(|failure| failure.error)
            }
            Err(error) => Err(error),
        };
        mark(outcome.map(|answer| job.respond(answer)), resent)
    }

    /// Sends a body in pieces, by HTTP/1.1 and on a connection of its own: it cannot be sent again on another one when a
    /// kept one turns out to be closed.
    async fn upload(
        self: Arc<Self>,
        request: Request<Bytes>,
        upload: &Upload,
        limits: SendLimits,
    ) -> Result<Response<BodyStream>, TransportError> {
        let job = self.job(request, limits)?;
        let io = self.connect(&job.origin, Offer::Http1, job.limits).await?;
        let body = upload.take().ok_or_else(|| {
            TransportError::new(TransportFault::Upload, "it was sent before, and comes once")
        })?;
        let length = upload.length();
        let head = h1::encode_upload(&job.parts, &job.origin.host, job.target(), length);
        let what = (body, length.is_none());
        match h1::upload(H1 { io }, &job.parts.method, &head, what).await {
            Ok(answer) => Ok(job.respond(answer)),
            Err(failure) => Err(failure.error),
        }
    }

    /// Sends to an origin that may speak HTTP/2.
    async fn send_negotiated(
        self: &Arc<Self>,
        job: &Job,
        pool: &Http2Pool,
    ) -> Result<Response<BodyStream>, TransportError> {
        let mut request = job.http2();
        let mut resent = None;
        if let Some(lease) = pool.lease() {
            let sent_at = Instant::now();
            job.begins();
            match h2::exchange(lease, request).await {
                Ok((response, body)) => return Ok(response.map(|()| Box::pin(body) as BodyStream)),
                Err(failure) => match failure.unsent {
                    Some(unsent) => {
                        request = unsent;
                        let (error, duration) = (failure.error, sent_at.elapsed());
                        resent = Some(Resent { error, duration });
                    }
                    None => return Err(failure.error),
                },
            }
        }
        mark(self.send_fresh(job, pool, request).await, resent)
    }

    /// Sends on a connection that has room by now, or on a new one.
    async fn send_fresh(
        self: &Arc<Self>,
        job: &Job,
        pool: &Http2Pool,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<BodyStream>, TransportError> {
        let fresh = self.lease_or_connect(&job.origin, pool, job.limits).await?;
        job.begins();
        match fresh {
            Fresh::Http2(lease) => match h2::exchange(lease, request).await {
                Ok((response, body)) => Ok(response.map(|()| Box::pin(body) as BodyStream)),
                Err(failure) => Err(failure.error),
            },
            Fresh::Http1(connection) => {
                let (head, body) = job.encode();
                match h1::exchange(connection, &job.parts.method, &head, &body).await {
                    Ok(answer) => Ok(job.respond(answer)),
                    Err(failure) => Err(failure.error),
                }
            }
        }
    }

    /// A stream on a connection that has room by now, or a new connection. One request connects, the others of a burst
    /// wait for what it gets; an origin that turns out to speak HTTP/1.1 is not waited for again.
    async fn lease_or_connect(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        pool: &Http2Pool,
        limits: SendLimits,
    ) -> Result<Fresh, TransportError> {
        let deadline = Instant::now() + limits.connect;
        let turn = tokio::time::timeout_at(deadline, pool.connecting.lock())
            .await
            .map_err(|_| {
                TransportError::new(
                    TransportFault::ConnectTimeout,
                    format!("waiting for a connection to {}", origin.route.place),
                )
            })?;
        if let Some(lease) = pool.lease() {
            return Ok(Fresh::Http2(lease));
        }
        let turn = if pool.is_refused() { None } else { Some(turn) };
        let limits = limits.with_connect(deadline.saturating_duration_since(Instant::now()));
        let io = self.connect(origin, Offer::Http2OrHttp1, limits).await?;
        pool.set_refused(!io.chose_http2());
        let fresh = if io.chose_http2() {
            let lease = pool.start(io, self.config.keepalive, &self.tasks).await?;
            Fresh::Http2(lease)
        } else {
            Fresh::Http1(H1 { io })
        };
        drop(turn);
        Ok(fresh)
    }

    async fn connect(
        self: &Arc<Self>,
        origin: &Origin,
        offer: Offer,
        limits: SendLimits,
    ) -> Result<Io, TransportError> {
        self.start_sweeper();
        self.connector
            .connect(&origin.route, offer, limits.connect)
            .await
    }

    /// Starts the one task that closes connections which grew old or were closed by their server. It ends with the client.
    fn start_sweeper(self: &Arc<Self>) {
        if self.sweeping.swap(true, Ordering::Relaxed) || self.closing.is_cancelled() {
            return;
        }
        let pause = (self.config.idle_timeout / 8)
            .clamp(Duration::from_millis(100), Duration::from_secs(5));
        let inner: Weak<Self> = Arc::downgrade(self);
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            loop {
                let slept = closing.run_until_cancelled(tokio::time::sleep(pause)).await;
                let (Some(()), Some(inner)) = (slept, inner.upgrade()) else {
                    return;
                };
                let now = Instant::now();
                inner
                    .origins
                    .each(|origin| origin.sweep(now, inner.config.idle_timeout));
            }
        });
    }
}
