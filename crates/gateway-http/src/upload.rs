//! Bodies that are too large to be held, of requests that are passed on as they are: sent on as they come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use gateway_provider::{Exhausted, HeldBytes, Upload};
use gateway_schema::CallError;
use http_body::Body;

use crate::directory::BodyBounds;
use crate::read::{BodyError, Budgets, Pace, Reader, broken, too_large, too_slow};

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
    pub(crate) fn new(
        body: B,
        announced: Announced,
        bounds: BodyBounds,
        budgets: &Budgets,
    ) -> Self {
        Self {
            incoming: Some(Incoming {
                body,
                held: VecDeque::new(),
                counted: budgets.process.nothing(),
                on_connection: budgets.connection.nothing(),
                length: 0,
                bounds,
                pace: None,
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
    pub(crate) fn poll(
        &mut self,
        reader: &mut impl Reader,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Gathered, CallError>> {
        let Some(incoming) = self.incoming.as_mut() else {
            return Poll::Pending;
        };
        let limit = incoming.bounds.max_bytes as u64;
        while self.announced.is_none() && incoming.length <= limit {
            let Some(piece) = ready!(incoming.poll_piece(cx)) else {
                return Poll::Ready(incoming.take_whole().map(Gathered::Whole));
            };
            let length = usize::try_from(incoming.length).unwrap_or(usize::MAX);
            let held = piece.and_then(|piece| {
                reader.piece(&piece, length)?;
                incoming.hold(piece)
            });
            if let Err(error) = held {
                return Poll::Ready(Err(error));
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
    /// What `held` counts for.
    counted: HeldBytes,
    on_connection: HeldBytes,
    length: u64,
    bounds: BodyBounds,
    /// Set while a piece is waited for.
    pace: Option<Pace>,
}

impl<B> Incoming<B> {
    /// Keeps a piece until it is known whether the body is too large.
    fn hold(&mut self, piece: Bytes) -> Result<(), CallError> {
        let length = piece.len() as u64;
        self.on_connection.grow(length)?;
        self.counted.grow(length)?;
        self.held.push_back(piece);
        Ok(())
    }

    /// The pieces as one.
    fn take_whole(&mut self) -> Result<Bytes, CallError> {
        let mut held = std::mem::take(&mut self.held);
        let mut counted = std::mem::take(&mut self.counted);
        if held.len() == 1 {
            return Ok(counted.attach(held.pop_front().unwrap_or_default()));
        }
        let length: usize = held.iter().map(Bytes::len).sum();
        counted.grow(length as u64)?;
        let mut whole = Vec::new();
        whole.try_reserve_exact(length).map_err(|_| Exhausted)?;
        for piece in held {
            whole.extend_from_slice(&piece);
        }
        counted.shrink_to(length as u64);
        Ok(counted.attach(whole))
    }

    /// The next piece that was kept.
    fn pop(&mut self) -> Option<Bytes> {
        let piece = self.held.pop_front()?;
        for counted in [&mut self.counted, &mut self.on_connection] {
            counted.shrink_to(counted.bytes().saturating_sub(piece.len() as u64));
        }
        Some(piece)
    }
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
                let timeout = self.bounds.timeout;
                let pace = self.pace.get_or_insert_with(|| Pace::new(timeout));
                ready!(pace.poll_late(cx));
                return Poll::Ready(Some(Err(too_slow())));
            };
            self.pace = None;
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
        match self.pop() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => self.poll_piece(cx),
        }
    }
}
