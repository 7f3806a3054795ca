//! A look at the beginning of a body, for providers that state the wrong content type.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::reply::next;
use crate::transport::{BodyStream, TransportError};

/// How server-sent events begin.
const BEGINNINGS: [&[u8]; 3] = [b"data:", b"event:", b":"];
/// The longest of them.
const ENOUGH: usize = 6;

/// Whether `body` begins like server-sent events, and the body with nothing missing.
///
/// # Errors
/// The transport's fault, when nothing could be read at all.
pub(crate) async fn begins_with_event(
    mut body: BodyStream,
) -> Result<(bool, BodyStream), TransportError> {
    let mut held = VecDeque::new();
    let mut beginning = Vec::new();
    while beginning.len() < ENOUGH {
        let Some(chunk) = next(&mut body).await else {
            break;
        };
        let chunk = chunk?;
        let missing = ENOUGH - beginning.len();
        let blank = |byte: &u8| byte.is_ascii_whitespace() && beginning.is_empty();
        let text: Vec<u8> = chunk
            .iter()
            .copied()
            .skip_while(blank)
            .take(missing)
            .collect();
        beginning.extend_from_slice(&text);
        held.push_back(chunk);
    }
    let is_event = BEGINNINGS.iter().any(|known| beginning.starts_with(known));
    Ok((is_event, Box::pin(Held { held, rest: body })))
}

/// The chunks of a body that were looked at, then the others.
pub(crate) struct Held {
    pub(crate) held: VecDeque<Bytes>,
    pub(crate) rest: BodyStream,
}

impl Stream for Held {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.held.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None => self.rest.as_mut().poll_next(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    struct Chunks(VecDeque<Bytes>);

    impl Stream for Chunks {
        type Item = Result<Bytes, TransportError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it never waits"),
        }
    }

    /// What is seen of `text` in chunks of `size` bytes; nothing of it may be missing afterwards.
    fn seen(text: &str, size: usize) -> bool {
        let chunks = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
        let body: BodyStream = Box::pin(Chunks(chunks.collect()));
        let (is_event, mut body) = ready(begins_with_event(body)).unwrap();
        let mut whole = Vec::new();
        while let Some(chunk) = ready(next(&mut body)) {
            whole.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(whole, text.as_bytes());
        is_event
    }

    #[test]
    fn events_are_told_from_documents_at_any_cut() {
        for size in 1..20 {
            for events in [
                "data: {}\n\n",
                "\n\n event: ping\ndata: {}\n\n",
                ": hello\n\n",
            ] {
                assert!(seen(events, size), "{events:?} in {size}");
            }
            for other in ["", " ", "{\"data:\":1}", "<html>data:</html>", "data"] {
                assert!(!seen(other, size), "{other:?} in {size}");
            }
        }
    }
}
