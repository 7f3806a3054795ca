//! Response bodies: all at once, or as the provider speaks.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::pass::PassedBody;
use crate::stream::StreamBody;

/// The body of a response. What goes wrong in a stream is told inside it, so that it never fails; but for an answer that
/// is passed back as it is, where a break can be told by breaking off only.
///
/// Backpressure: a stream is polled only when the body is. Cancellation: dropping the body drops the stream, and with
/// it the upstream exchange.
pub struct EdgeBody(Inner);

enum Inner {
    Full(Bytes),
    /// `None` once it is over.
    Later(Option<LateBytes>),
    Stream(Box<StreamBody>),
    Passed(Box<PassedBody>),
}

/// A text that is made while its response is under way, on a thread that does not serve.
///
/// Cancellation: dropping it drops the text.
pub type LateText = Pin<Box<dyn Future<Output = String> + Send>>;

/// A text as a body.
pub(crate) type LateBytes = Pin<Box<dyn Future<Output = Bytes> + Send>>;

/// An answer that is passed back broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the provider's answer broke off")
    }
}

impl std::error::Error for Broken {}

impl EdgeBody {
    /// A whole body.
    pub const fn full(bytes: Bytes) -> Self {
        Self(Inner::Full(bytes))
    }

    /// A body that is made while its response is under way.
    pub(crate) const fn later(bytes: LateBytes) -> Self {
        Self(Inner::Later(Some(bytes)))
    }

    pub(crate) fn stream(stream: StreamBody) -> Self {
        Self(Inner::Stream(Box::new(stream)))
    }

    pub(crate) fn passed(body: PassedBody) -> Self {
        Self(Inner::Passed(Box::new(body)))
    }
}

impl std::fmt::Debug for EdgeBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Inner::Full(bytes) => write!(f, "EdgeBody({} bytes)", bytes.len()),
            Inner::Later(_) | Inner::Stream(_) | Inner::Passed(_) => {
                f.write_str("EdgeBody(stream)")
            }
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Inner::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Later(later) => {
                let Some(bytes) = later else {
                    return Poll::Ready(None);
                };
                let bytes = ready!(bytes.as_mut().poll(cx));
                *later = None;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Inner::Stream(stream) => stream
                .poll_next(cx)
                .map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Passed(body) => body
                .poll_next(cx)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Later(bytes) => bytes.is_none(),
            Inner::Stream(stream) => stream.is_over(),
            Inner::Passed(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(stream) if stream.is_over() => SizeHint::with_exact(0),
            Inner::Passed(body) if body.is_over() => SizeHint::with_exact(0),
            Inner::Later(_) | Inner::Stream(_) | Inner::Passed(_) => SizeHint::default(),
        }
    }
}
