//! Bodies on their way through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::{Redactor, starred};
use crate::transport::{BodyStream, TransportError};

/// A body without the credential. Bytes at the end of a chunk that may be the beginning of the credential wait for the
/// next one; nothing else does.
pub(super) struct Redacted {
    /// `None` once it is over.
    body: Option<BodyStream>,
    redactor: Arc<Redactor>,
    held: Bytes,
}

impl Redacted {
    pub(super) const fn new(body: BodyStream, redactor: Arc<Redactor>) -> Self {
        Self {
            body: Some(body),
            redactor,
            held: Bytes::new(),
        }
    }

    /// What may leave of what was held and `chunk`.
    fn pass(&mut self, chunk: Bytes) -> Bytes {
        let text = if self.held.is_empty() {
            chunk
        } else {
            let mut joined = BytesMut::with_capacity(self.held.len() + chunk.len());
            joined.extend_from_slice(&self.held);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
        let spans = self.redactor.spans(&text);
        let mut text = starred(text, &spans);
        let open = self.redactor.open_end(&text);
        self.held = text.split_off(text.len() - open);
        text
    }
}

impl Stream for Redacted {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = self.body.as_mut() else {
                return Poll::Ready(None);
            };
            match ready!(body.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => {
                    let was_empty = chunk.is_empty();
                    let passed = self.pass(chunk);
                    if was_empty || !passed.is_empty() {
                        return Poll::Ready(Some(Ok(passed)));
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.body = None;
                    let held = std::mem::take(&mut self.held);
                    return Poll::Ready((!held.is_empty()).then_some(Ok(held)));
                }
            }
        }
    }
}
