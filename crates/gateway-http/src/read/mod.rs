//! Request bodies: read once, bounded, counted while they are held, decompressed.

mod buffer;
mod encoding;
mod pace;
mod unpack;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use gateway_schema::{CallError, ErrorKind};
use http_body::Body;
use pin_project_lite::pin_project;

pub(crate) use buffer::Budgets;
pub(crate) use encoding::{Encoding, announced, check_announced, inspect};
pub(crate) use pace::Pace;
pub(crate) use unpack::Unpack;

use buffer::Buffer;

/// What is read of a body before the request takes its place among those in flight.
pub(crate) const BEFORE_ENTRY: usize = 64 * 1024;

/// The error of a body.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What sees a body while it is read.
pub(crate) trait Reader {
    /// The next bytes of it; `length` with them.
    ///
    /// # Errors
    /// No more of it is wanted.
    fn piece(&mut self, bytes: &[u8], length: usize) -> Result<(), CallError>;
}

pin_project! {
    /// A body being read. One that comes in a single frame is not copied.
    pub(crate) struct ReadBody<B> {
        #[pin]
        body: B,
        buffer: Buffer,
        length: usize,
        limit: usize,
        pace: Pace,
    }
}

impl<B> ReadBody<B> {
    /// Reads at most `limit` bytes of `body` at the pace of `timeout`, counted in `budgets`.
    pub(crate) fn new(body: B, limit: usize, timeout: Duration, budgets: &Budgets) -> Self {
        Self {
            body,
            buffer: Buffer::new(budgets, limit),
            length: 0,
            limit,
            pace: Pace::new(timeout),
        }
    }
}

impl<B> ReadBody<B>
where
    B: Body,
    B::Error: Into<BodyError>,
{
    /// The whole body, once it is there.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        reader: &mut impl Reader,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, CallError>> {
        let mut this = self.project();
        loop {
            let Poll::Ready(polled) = this.body.as_mut().poll_frame(cx) else {
                return this.pace.poll_late(cx).map(|()| Err(too_slow()));
            };
            let Some(frame) = polled else {
                return Poll::Ready(Ok(this.buffer.take()));
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Poll::Ready(Err(broken(error.into().as_ref()))),
            };
            // Trailers are of no interest.
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            let data = data.copy_to_bytes(data.remaining());
            *this.length = this.length.saturating_add(data.len());
            if *this.length > *this.limit {
                return Poll::Ready(Err(too_large(*this.limit)));
            }
            this.pace.earn(data.len());
            let rest = this.body.size_hint().lower();
            let taken = reader
                .piece(&data, *this.length)
                .and_then(|()| this.buffer.push(data, rest));
            if let Err(error) = taken {
                return Poll::Ready(Err(error));
            }
        }
    }
}

pub(crate) fn too_slow() -> CallError {
    CallError::client(
        ErrorKind::Timeout,
        "The request body took too long to arrive (server.body_timeout).",
    )
    .with_code("body_timeout")
}

pub(crate) fn broken(error: &(dyn std::error::Error + 'static)) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        "The request body ended before it was complete.",
    )
    .with_detail(error.to_string())
}

pub(crate) fn too_large(limit: impl std::fmt::Display) -> CallError {
    CallError::client(
        ErrorKind::PayloadTooLarge,
        format!("The request body is larger than the {limit} bytes that are accepted."),
    )
}
