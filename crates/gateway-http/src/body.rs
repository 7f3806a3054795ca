//! Response bodies: all at once, or as the provider speaks.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use gateway_provider::Holds;
use http_body::{Body, Frame, SizeHint};

use crate::pass::PassedBody;
use crate::stream::StreamBody;

/// The body of a response. What goes wrong in a stream is told inside it, so that it never fails; but for an answer that
/// is passed back as it is, where a break can be told by breaking off only.
///
/// Backpressure: a stream is polled only when the body is. Cancellation: dropping the body drops the stream, and with
/// it the upstream exchange.
///
/// Time and places: a whole answer is handed out in pieces, and gives back what its call holds (places, reservations) with
/// the last one, so that a client that does not read holds no more than it may. By [`deadline`](Self::deadline) the body
/// must be over; whoever polls it has to see to that, since nobody polls a body whose client does not read.
pub struct EdgeBody {
    inner: Inner,
    deadline: Option<Instant>,
    holds: Holds,
}

/// The largest piece of a whole answer.
const PIECE: usize = 64 * 1024;

enum Inner {
    Full(Bytes),
    /// `None` once it is over.
    Later(LateBytes),
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
    fn new(inner: Inner) -> Self {
        Self {
            inner,
            deadline: None,
            holds: Holds::default(),
        }
    }

    /// A whole body.
    pub fn full(bytes: Bytes) -> Self {
        Self::new(Inner::Full(bytes))
    }

    /// A body that is made while its response is under way.
    pub(crate) fn later(bytes: LateBytes) -> Self {
        Self::new(Inner::Later(bytes))
    }

    pub(crate) fn stream(stream: StreamBody) -> Self {
        Self::new(Inner::Stream(Box::new(stream)))
    }

    pub(crate) fn passed(body: PassedBody) -> Self {
        Self::new(Inner::Passed(Box::new(body)))
    }

    /// States when it must be over.
    pub(crate) const fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Lets it hold `holds` until its last piece was handed out.
    pub(crate) fn holding(mut self, holds: Holds) -> Self {
        self.holds = holds;
        self
    }

    /// When the answer must have been read to its end; `None` when no call's time bounds it.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next piece of a whole answer.
    fn piece(&mut self) -> Option<Bytes> {
        let Inner::Full(bytes) = &mut self.inner else {
            return None;
        };
        let piece = bytes.split_to(bytes.len().min(PIECE));
        if bytes.is_empty() {
            self.holds = Holds::default();
        }
        (!piece.is_empty()).then_some(piece)
    }
}

impl std::fmt::Debug for EdgeBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.inner {
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
        if let Inner::Later(later) = &mut self.inner {
            self.inner = Inner::Full(ready!(later.as_mut().poll(cx)));
        }
        match &mut self.inner {
            Inner::Later(_) | Inner::Full(_) => {
                Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece))))
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
        match &self.inner {
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Later(_) => false,
            Inner::Stream(stream) => stream.is_over(),
            Inner::Passed(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(stream) if stream.is_over() => SizeHint::with_exact(0),
            Inner::Passed(body) if body.is_over() => SizeHint::with_exact(0),
            Inner::Later(_) | Inner::Stream(_) | Inner::Passed(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_whole_answer_leaves_in_pieces_and_gives_back_what_it_holds_with_the_last() {
        let place = Arc::new(());
        let mut holds = Holds::default();
        holds.push(Arc::clone(&place));
        let bytes: Bytes = (0..=u8::MAX).cycle().take(3 * PIECE + 5).collect();
        let mut body = EdgeBody::full(bytes.clone()).holding(holds);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut seen = Vec::new();
        while !body.is_end_stream() {
            assert_eq!(Arc::strong_count(&place), 2, "held at {}", seen.len());
            let left = (bytes.len() - seen.len()) as u64;
            assert_eq!(body.size_hint().exact(), Some(left));
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) else {
                panic!("a piece");
            };
            seen.extend_from_slice(&frame.into_data().unwrap());
        }
        assert_eq!(Arc::strong_count(&place), 1);
        assert_eq!(seen, bytes);
        assert!(matches!(
            Pin::new(&mut body).poll_frame(&mut cx),
            Poll::Ready(None)
        ));
    }
}
