//! A request whose body comes in pieces.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_core::Stream as _;
use gateway_provider::{TransportError, UploadBody};
use http::Method;

use super::H1;
use super::exchange::{Answer, Exchange, Failure, Stop};
use super::head::Head;

/// Sends `head` and the pieces of `body` and reads until the final response head is complete. A body of unknown length is
/// sent in chunks.
///
/// Backpressure: the next piece is asked for when the one before it has been written. A server that answers before it has
/// read everything is heard, and the rest is not sent. Cancellation: dropping the future closes the connection, as does a
/// body that breaks off.
pub(crate) async fn upload(
    connection: H1,
    method: &Method,
    head: &[u8],
    (body, is_chunked): (UploadBody, bool),
) -> Result<Answer, Failure> {
    let mut uploading = Uploading {
        exchange: Exchange::new(connection, method, head, Bytes::new()),
        body: Some(body),
        is_chunked,
    };
    match poll_fn(|cx| uploading.poll(cx)).await {
        Ok((head, first)) => uploading.exchange.answer(head, &first),
        Err(stop) => Err(uploading.exchange.failure(stop)),
    }
}

struct Uploading<'a> {
    exchange: Exchange<'a>,
    /// `None` once all of it was handed over.
    body: Option<UploadBody>,
    is_chunked: bool,
}

enum Fault {
    Connection(io::Error),
    Body(TransportError),
}

impl Uploading<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Head, Bytes), Stop>> {
        if !self.exchange.written && self.exchange.write_error.is_none() {
            match self.poll_send(cx) {
                Poll::Ready(Ok(())) => self.exchange.written = true,
                // The answer that explains it may have arrived: read before giving up.
                Poll::Ready(Err(Fault::Connection(error))) => {
                    self.exchange.write_error = Some(error);
                    self.body = None;
                }
                Poll::Ready(Err(Fault::Body(error))) => {
                    return Poll::Ready(Err(Stop::Fault(error)));
                }
                Poll::Pending => {}
            }
        }
        self.exchange.poll_answer(cx)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            ready!(self.exchange.poll_write(cx)).map_err(Fault::Connection)?;
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(()));
            };
            self.exchange.body = match ready!(Pin::new(body).poll_next(cx)) {
                Some(Ok(piece)) if self.is_chunked => chunk(&piece),
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Poll::Ready(Err(Fault::Body(error))),
                None => {
                    self.body = None;
                    Bytes::from_static(if self.is_chunked { b"0\r\n\r\n" } else { b"" })
                }
            };
        }
    }
}

/// A piece with its length before it.
fn chunk(piece: &Bytes) -> Bytes {
    let length = format!("{:x}\r\n", piece.len());
    let mut out = BytesMut::with_capacity(length.len() + piece.len() + 2);
    out.put_slice(length.as_bytes());
    out.put_slice(piece);
    out.put_slice(b"\r\n");
    out.freeze()
}
