//! The way to a provider: one request out, one response back, body as a stream.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use gateway_schema::{CallError, ErrorKind, Retry};

use crate::journal::Exchange;
use crate::upload::Upload;

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A response body: chunks as they arrive. Dropping it cancels the transfer and closes the connection unless it
/// was read to its end.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// How long the parts of an exchange may take. Deadlines of whole calls are the business of the layers above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendLimits {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
        }
    }
}

impl SendLimits {
    /// Limits the time to connect.
    pub const fn with_connect(mut self, connect: Duration) -> Self {
        self.connect = connect;
        self
    }
}

/// Sends requests. Implemented by `gateway-transport` for real networks and by the test kit for scripted ones.
///
/// Cancellation: dropping the future, or the body it returned, abandons the exchange at once.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` (its URI absolute) and returns the response head with its body as a stream.
    ///
    /// # Errors
    /// [`TransportError`] when no response head arrived. HTTP statuses are not errors.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>>;

    /// Sends as [`send`](Self::send) does, and notes in `exchange` when the request begins to be written. A transport that
    /// cannot tell need not say more: then it is noted at once.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn send_noting(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
        exchange: Exchange,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>> {
        exchange.sent();
        self.send(request, limits)
    }

    /// Sends a request whose body comes in pieces: all of `request` but its body, which is taken from `upload` once
    /// there is a connection for it. A transport that sends whole bodies only need not say more.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`TransportFault::Upload`] when the body does not come to its end.
    fn send_upload(
        &self,
        request: http::Request<Bytes>,
        upload: Upload,
        limits: SendLimits,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>> {
        let _ = (request, upload, limits);
        let error = TransportError::new(TransportFault::Request, "only whole bodies are sent");
        Box::pin(async { Err(error) })
    }
}

/// What went wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFault {
    /// The host name is unknown or the resolver failed.
    Dns,
    /// Connection refused, unreachable or reset while connecting.
    Connect,
    /// DNS, TCP and TLS together took too long.
    ConnectTimeout,
    /// The TLS handshake failed (certificate, protocol).
    Tls,
    /// The connection ended before the response head.
    Closed,
    /// The connection broke, or ended early, in the middle of the body.
    Body,
    /// What came back is not HTTP.
    Protocol,
    /// The request cannot be sent as it is (bad URI, bad header).
    Request,
    /// The caller's body, which was being sent on, did not come to its end.
    Upload,
}

/// No usable response. `detail` is for the log: it may name hosts and addresses.
#[derive(Debug, Clone)]
pub struct TransportError {
    /// What went wrong.
    pub fault: TransportFault,
    /// The particulars.
    pub detail: String,
    /// True when the request cannot have reached the provider's application, so that sending it again is safe.
    pub unsent: bool,
    /// The failure on a kept connection after which the transport sent the request once more, on a new one.
    pub resent: Option<Box<Resent>>,
}

/// A transport sent a request a second time, because the connection that it was sent on first turned out to be closed. A
/// transport puts it into the extensions of the response, or into the error, of the second try.
///
/// It sends again only what the provider cannot have taken whole, or what may be sent twice by its method (RFC 9110
/// section 9.2.2): a POST that was written whole is never repeated.
#[derive(Debug, Clone)]
pub struct Resent {
    /// Why the first try failed.
    pub error: TransportError,
    /// From its start to its failure.
    pub duration: Duration,
}

impl TransportError {
    /// A fault with its particulars.
    pub fn new(fault: TransportFault, detail: impl Into<String>) -> Self {
        let unsent = matches!(
            fault,
            TransportFault::Dns
                | TransportFault::Connect
                | TransportFault::ConnectTimeout
                | TransportFault::Tls
                | TransportFault::Request
        );
        Self {
            fault,
            detail: detail.into(),
            unsent,
            resent: None,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.fault, self.detail)
    }
}

impl std::error::Error for TransportError {}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        let (kind, message) = match error.fault {
            TransportFault::Dns => (
                ErrorKind::Unavailable,
                "The provider's host name could not be resolved.",
            ),
            TransportFault::Connect => (
                ErrorKind::Unavailable,
                "The connection to the provider was refused.",
            ),
            TransportFault::ConnectTimeout => (
                ErrorKind::Timeout,
                "Connecting to the provider took too long.",
            ),
            TransportFault::Tls => (
                ErrorKind::Unavailable,
                "The TLS handshake with the provider failed.",
            ),
            TransportFault::Closed => (
                ErrorKind::Unavailable,
                "The provider closed the connection before it answered.",
            ),
            TransportFault::Body => (
                ErrorKind::Upstream,
                "The connection to the provider broke in the middle of its answer.",
            ),
            TransportFault::Protocol => (
                ErrorKind::Upstream,
                "The provider's answer is not valid HTTP.",
            ),
            TransportFault::Request => (
                ErrorKind::Internal,
                "The request to the provider could not be built.",
            ),
            TransportFault::Upload => {
                let message = "The request body ended before it was complete.";
                return Self::client(ErrorKind::InvalidRequest, message)
                    .with_detail(error.to_string());
            }
        };
        let retry = match error.fault {
            TransportFault::Request => Retry::Never,
            // Nothing of a body that broke has been shown to anybody while it may still be tried again.
            TransportFault::Closed | TransportFault::Connect | TransportFault::Body => Retry::Same,
            _ => Retry::Elsewhere,
        };
        Self::upstream(kind, message)
            .with_retry(retry)
            .with_detail(error.to_string())
    }
}
