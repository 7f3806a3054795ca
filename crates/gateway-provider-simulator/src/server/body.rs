//! A body whose pieces come in time.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use gateway_provider::{TransportError, TransportFault};
use tokio::time::{Sleep, sleep};

use super::{End, Piece};

pub(super) struct Body {
    pieces: VecDeque<Piece>,
    end: End,
    /// The pause before the first piece, once it has begun.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body {
    pub(super) fn new(pieces: Vec<Piece>, end: End) -> Self {
        Self {
            pieces: pieces.into(),
            end,
            pause: None,
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(next) = self.pieces.front() else {
            return match std::mem::replace(&mut self.end, End::Clean) {
                End::Clean => Poll::Ready(None),
                End::Broken(detail) => {
                    let error = TransportError::new(TransportFault::Body, detail);
                    Poll::Ready(Some(Err(error)))
                }
                End::Stalled => {
                    self.end = End::Stalled;
                    Poll::Pending
                }
            };
        };
        if !next.pause.is_zero() {
            let wait = next.pause;
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(wait)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let piece = self.pieces.pop_front();
        Poll::Ready(piece.map(|piece| Ok(piece.bytes)))
    }
}
