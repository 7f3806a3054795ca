//! Bodies that are too large to be held, of requests that are passed on as they are: sent on as they come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream;
use gateway_provider::Upload;
use gateway_schema::CallError;
use http_body::Body;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::directory::BodyBounds;
use crate::read::{BodyError, broken, too_large, too_slow};

/// How long a body is said to be, if anything is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announced(pub(crate) Option<u64>);

/// A body that may turn out to be too large to be held. Until it does, it is read as any other.
pub(crate) struct Gather<B> {
    /// `None` once it is over.
    incoming: Option<Incoming<B>>,
    /// What is known to be too large is not held at all.
    announced: Option<u64>,
}

/// What became of it.
pub(crate) enum Gathered {
    /// It is small enough.
    Whole(Bytes),
    /// It is not, and goes on as it comes.
    Large(Upload),
}

impl<B> Gather<B> {
    /// Reads `body`. One of unknown length is held up to the bounds.
    pub(crate) const fn new(body: B, announced: Announced, bounds: BodyBounds) -> Self {
        Self {
            incoming: Some(Incoming {
                body,
                held: VecDeque::new(),
                length: 0,
                bounds,
                patience: None,
            }),
            announced: announced.0,
        }
    }
}

impl<B> Gather<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Gathered, CallError>> {
        let Some(incoming) = self.incoming.as_mut() else {
            return Poll::Pending;
        };
        let limit = incoming.bounds.max_bytes as u64;
        while self.announced.is_none() && incoming.length <= limit {
            let Some(piece) = ready!(incoming.poll_piece(cx)) else {
                let mut held = std::mem::take(&mut incoming.held);
                if held.len() == 1 {
                    return Poll::Ready(Ok(Gathered::Whole(held.pop_front().unwrap_or_default())));
                }
                let mut whole = BytesMut::with_capacity(held.iter().map(Bytes::len).sum());
                for piece in held {
                    whole.extend_from_slice(&piece);
                }
                return Poll::Ready(Ok(Gathered::Whole(whole.freeze())));
            };
            match piece {
                Ok(piece) => incoming.held.push_back(piece),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let incoming = self.incoming.take().map(|it| Box::pin(it) as _);
        Poll::Ready(match incoming {
            Some(incoming) => Ok(Gathered::Large(Upload::new(self.announced, incoming))),
            None => Err(broken(&std::io::Error::other("polled after its end"))),
        })
    }
}

/// The pieces of a body: those that were read, then the others.
///
/// Each piece has its time. A provider that takes pieces slowly costs the client none: nobody waits for the client then.
struct Incoming<B> {
    body: B,
    held: VecDeque<Bytes>,
    length: u64,
    bounds: BodyBounds,
    /// Set while a piece is waited for.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<B> Incoming<B>
where
    B: Body + Unpin,
    B::Error: Into<BodyError>,
{
    /// The next piece from the client.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let until = Instant::now() + self.bounds.timeout;
                let patience = self
                    .patience
                    .get_or_insert_with(|| Box::pin(sleep_until(until)));
                ready!(patience.as_mut().poll(cx));
                return Poll::Ready(Some(Err(too_slow())));
            };
            self.patience = None;
            let frame = match frame {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(broken(error.into().as_ref()))));
                }
            };
            // Trailers are of no interest.
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            self.length = self.length.saturating_add(data.remaining() as u64);
            if self.length > self.bounds.max_upload {
                return Poll::Ready(Some(Err(too_large(self.bounds.max_upload))));
            }
            return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
        }
    }
}

impl<B> Stream for Incoming<B>
where
    B: Body + Unpin,
    B::Error: Into<BodyError>,
{
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.held.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => self.poll_piece(cx),
        }
    }
}
