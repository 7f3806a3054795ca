//! A response body as a stream that gives its connection back when it was read to the end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use gateway_provider::{TransportError, TransportFault};
use tokio_util::io::poll_read_buf;

use super::decode::{Decoder, Malformed};
use super::head::Reuse;
use super::{Answer, H1, scratch};
use crate::origin_pool::Origin;

/// The largest buffer that is read into directly.
const DIRECT: u64 = 64 * 1024;

/// The body. Dropping it before its end closes the connection, unless all that is missing has already arrived.
#[derive(Debug)]
pub(crate) struct H1Body {
    first: Bytes,
    decoder: Decoder,
    reuse: Reuse,
    connection: Option<H1>,
    origin: Arc<Origin>,
}

impl H1Body {
    /// Splits an answer into its head and its body.
    pub(crate) fn new(answer: Answer, origin: Arc<Origin>) -> (http::Response<()>, Self) {
        let mut body = Self {
            first: answer.first,
            decoder: answer.decoder,
            reuse: answer.reuse,
            connection: Some(answer.connection),
            origin,
        };
        if body.decoder.is_done() {
            body.give_back();
        }
        (answer.response, body)
    }

    /// The connection has served: it goes back to its origin, or is closed.
    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            match self.reuse {
                Reuse::No => drop(connection),
                Reuse::Yes => self.origin.put_back(connection, None),
                Reuse::For(timeout) => self.origin.put_back(connection, Some(timeout)),
            }
        }
    }

    /// Reads once and returns the body bytes in it, none when only framing came.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Ok(Bytes::new()));
        };
        let io = &mut connection.io;
        let read = if self.decoder.known_left() > scratch::SIZE as u64 {
            ready!(poll_direct(io, &mut self.decoder, cx))
        } else {
            let decoder = &mut self.decoder;
            ready!(scratch::poll_read(io, cx, |bytes| {
                (!bytes.is_empty()).then(|| copy_out(decoder, bytes))
            }))
        };
        let error = match read {
            Ok(Some(Ok((bytes, excess)))) => {
                if excess {
                    self.reuse = Reuse::No;
                }
                if self.decoder.is_done() {
                    self.give_back();
                }
                return Poll::Ready(Ok(bytes));
            }
            Ok(None) if self.decoder.may_end() => {
                self.connection = None;
                return Poll::Ready(Ok(Bytes::new()));
            }
            Ok(None) => TransportError::new(
                TransportFault::Body,
                "the connection ended before the body was complete",
            ),
            Ok(Some(Err(malformed))) => {
                TransportError::new(TransportFault::Protocol, malformed.text())
            }
            Err(error) => TransportError::new(TransportFault::Body, error.to_string()),
        };
        self.connection = None;
        Poll::Ready(Err(error))
    }
}

/// What a read brought: body bytes and whether anything lay behind the end of the body.
type Piece = Result<(Bytes, bool), Malformed>;

/// Copies the body bytes out of a read.
fn copy_out(decoder: &mut Decoder, bytes: &[u8]) -> Piece {
    if let Decoder::Chunked { .. } = decoder {
        let mut data = Vec::with_capacity(bytes.len());
        let rest = decoder.feed(bytes, |run| data.extend_from_slice(run))?;
        Ok((Bytes::from(data), !rest.is_empty()))
    } else {
        let mut data = Bytes::new();
        let rest = decoder.feed(bytes, |run| data = Bytes::copy_from_slice(run))?;
        Ok((data, !rest.is_empty()))
    }
}

/// Reads bytes that are certain to be body into memory of their own, without a copy.
fn poll_direct(
    io: &mut crate::io::Io,
    decoder: &mut Decoder,
    cx: &mut Context<'_>,
) -> Poll<std::io::Result<Option<Piece>>> {
    let size = usize::try_from(decoder.known_left().min(DIRECT)).unwrap_or(scratch::SIZE);
    let mut buffer = BytesMut::with_capacity(size).limit_to(size);
    let read = ready!(poll_read_buf(Pin::new(io), cx, &mut buffer))?;
    if read == 0 {
        return Poll::Ready(Ok(None));
    }
    let data = buffer.into_inner().freeze();
    Poll::Ready(Ok(Some(
        decoder
            .feed(&data, |_| {})
            .map(|rest| !rest.is_empty())
            .map(|excess| (data.clone(), excess)),
    )))
}

/// `BufMut::limit` under a name that does not clash with readers.
trait LimitTo: Sized {
    fn limit_to(self, size: usize) -> bytes::buf::Limit<Self>;
}

impl LimitTo for BytesMut {
    fn limit_to(self, size: usize) -> bytes::buf::Limit<Self> {
        bytes::BufMut::limit(self, size)
    }
}

impl Stream for H1Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.first))));
        }
        while this.connection.is_some() {
            let bytes = ready!(this.poll_some(cx))?;
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
        Poll::Ready(None)
    }
}

impl Drop for H1Body {
    /// A reader that stops at the last event leaves the terminator of the body unread. When it is there already, one read
    /// that does not wait saves the connection.
    fn drop(&mut self) {
        if self.connection.is_some() && self.decoder.is_between_chunks() {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.poll_some(&mut cx);
        }
    }
}
