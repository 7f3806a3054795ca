//! One request out and one response head back.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use gateway_provider::{TransportError, TransportFault};
use http::{Method, Response, StatusCode};
use tokio::io::AsyncWrite as _;

use super::decode::Decoder;
use super::head::{self, Head, MAX_HEAD, Reuse};
use super::{H1, scratch};

/// A head, what of the body came with it, and the connection that carries the rest.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<()>,
    pub(super) decoder: Decoder,
    pub(super) reuse: Reuse,
    pub(super) first: Bytes,
    pub(super) connection: H1,
}

/// No head came back.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: TransportError,
    /// Whether the connection ended before a single byte of an answer, as one does that the server closed while the
    /// request was on its way.
    pub(crate) silent: bool,
    /// Whether the whole request was handed to the connection: then a server may have acted on it.
    pub(crate) written: bool,
}

/// Sends `head` and `body` and reads until the final response head is complete.
///
/// The request is written and the answer read at the same time, so that a server which refuses a large body early is
/// heard. Cancellation: dropping the future closes the connection.
pub(crate) async fn exchange(
    connection: H1,
    method: &Method,
    head: &[u8],
    body: &Bytes,
) -> Result<Answer, Failure> {
    let mut exchange = Exchange::new(connection, method, head, body.clone());
    match poll_fn(|cx| exchange.poll(cx)).await {
        Ok((head, first)) => exchange.answer(head, &first),
        Err(error) => Err(exchange.failure(error)),
    }
}

pub(super) struct Exchange<'a> {
    connection: H1,
    method: &'a Method,
    head: &'a [u8],
    pub(super) body: Bytes,
    /// Whether others were let go first.
    yielded: bool,
    pub(super) written: bool,
    wrote_any: bool,
    heard_any: bool,
    pub(super) write_error: Option<io::Error>,
    /// What came of a head that is not complete.
    partial: Vec<u8>,
}

/// Why polling ended without a head.
pub(super) enum Stop {
    Closed,
    Io(io::Error),
    Fault(TransportError),
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(
        connection: H1,
        method: &'a Method,
        head: &'a [u8],
        body: Bytes,
    ) -> Self {
        Self {
            connection,
            method,
            head,
            body,
            yielded: false,
            written: false,
            wrote_any: false,
            heard_any: false,
            write_error: None,
            partial: Vec::new(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Head, Bytes), Stop>> {
        if !self.yielded {
            // Requests that are ready together leave together: a peer on this machine is woken once for all of them.
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.written && self.write_error.is_none() {
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) => self.written = true,
                // The answer that explains it may have arrived: read before giving up.
                Poll::Ready(Err(error)) => self.write_error = Some(error),
                Poll::Pending => {}
            }
        }
        self.poll_answer(cx)
    }

    /// Reads until the head is complete.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Head, Bytes), Stop>> {
        loop {
            if let Some(found) = ready!(self.poll_head(cx)) {
                return Poll::Ready(found);
            }
        }
    }

    /// Writes all that is there.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.head.is_empty() || !self.body.is_empty() {
            let io = Pin::new(&mut self.connection.io);
            let sent = if self.body.is_empty() {
                ready!(io.poll_write(cx, self.head))?
            } else {
                let parts = [IoSlice::new(self.head), IoSlice::new(&self.body)];
                ready!(io.poll_write_vectored(cx, &parts))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote_any = true;
            let of_head = sent.min(self.head.len());
            self.head = self.head.split_at_checked(of_head).unwrap_or_default().1;
            self.body.advance((sent - of_head).min(self.body.len()));
        }
        Pin::new(&mut self.connection.io).poll_flush(cx)
    }

    /// Reads once; `None` when more is needed.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(Head, Bytes), Stop>>> {
        let (partial, method) = (&mut self.partial, self.method);
        let read = ready!(scratch::poll_read(&mut self.connection.io, cx, |bytes| {
            if bytes.is_empty() {
                return Err(Stop::Closed);
            }
            let result = take_head(partial, bytes, method);
            result.map_err(Stop::Fault)
        }));
        Poll::Ready(match read {
            Err(error) => Some(Err(Stop::Io(error))),
            Ok(Err(Stop::Closed)) => Some(Err(Stop::Closed)),
            Ok(other) => {
                self.heard_any = true;
                other.transpose()
            }
        })
    }

    pub(super) fn answer(self, head: Head, first: &Bytes) -> Result<Answer, Failure> {
        let mut decoder = Decoder::new(head.framing);
        let mut reuse = head.reuse;
        if !self.written {
            // The server answered without having read the whole request: what it does with the rest is unknown.
            reuse = Reuse::No;
        }
        let first = if matches!(decoder, Decoder::Chunked { .. }) {
            let mut data = Vec::with_capacity(first.len());
            let rest = decoder
                .feed(first, |bytes| data.extend_from_slice(bytes))
                .map_err(|malformed| Failure {
                    error: TransportError::new(TransportFault::Protocol, malformed.text()),
                    silent: false,
                    written: true,
                })?;
            if !rest.is_empty() {
                reuse = Reuse::No;
            }
            Bytes::from(data)
        } else {
            let mut length = 0;
            let fed = decoder.feed(first, |bytes| length += bytes.len());
            if fed.is_ok_and(|rest| !rest.is_empty()) {
                reuse = Reuse::No;
            }
            first.slice(..length)
        };
        Ok(Answer {
            response: head.response,
            decoder,
            reuse,
            first,
            connection: self.connection,
        })
    }

    pub(super) fn failure(self, stop: Stop) -> Failure {
        let mut error = match stop {
            Stop::Fault(error) => {
                return Failure {
                    error,
                    silent: false,
                    written: self.written,
                };
            }
            Stop::Closed => {
                let what = match (&self.write_error, self.heard_any) {
                    (Some(error), _) => format!("while sending the request: {error}"),
                    (None, true) => "in the middle of the response head".to_owned(),
                    (None, false) => "before the response".to_owned(),
                };
                TransportError::new(TransportFault::Closed, format!("closed {what}"))
            }
            Stop::Io(error) => {
                let error = self.write_error.unwrap_or(error);
                TransportError::new(TransportFault::Closed, error.to_string())
            }
        };
        error.unsent = !self.wrote_any;
        Failure {
            error,
            silent: !self.heard_any,
            written: self.written,
        }
    }
}

/// Looks for a complete final head in `partial` and `bytes` together and returns it with what lies behind it.
fn take_head(
    partial: &mut Vec<u8>,
    bytes: &[u8],
    method: &Method,
) -> Result<Option<(Head, Bytes)>, TransportError> {
    let mut rest = bytes;
    if !partial.is_empty() {
        partial.extend_from_slice(bytes);
        if !bytes.contains(&b'\n') && partial.len() <= MAX_HEAD {
            return Ok(None);
        }
        rest = partial;
    }
    loop {
        match head::parse(rest, method)? {
            None if rest.len() > MAX_HEAD => {
                return Err(TransportError::new(
                    TransportFault::Protocol,
                    "the response head is too long",
                ));
            }
            None => {
                let kept = rest.to_vec();
                *partial = kept;
                return Ok(None);
            }
            Some(head) => {
                rest = rest.split_at_checked(head.length).unwrap_or_default().1;
                let status = head.response.status();
                if status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(TransportError::new(
                        TransportFault::Protocol,
                        "the server switched protocols unasked",
                    ));
                }
                if !status.is_informational() {
                    return Ok(Some((head, Bytes::copy_from_slice(rest))));
                }
                if rest.is_empty() {
                    partial.clear();
                    return Ok(None);
                }
            }
        }
    }
}
