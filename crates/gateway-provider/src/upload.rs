//! Request bodies that are too large to be held: sent on as they come, once.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use gateway_schema::CallError;

use crate::transport::{TransportError, TransportFault};

/// A caller's body as it comes. What goes wrong with it is the caller's business.
pub type UploadStream = Pin<Box<dyn Stream<Item = Result<Bytes, CallError>> + Send>>;

/// A body on its way from a caller. Clones share it: who takes it first has it, and there is no second time.
#[derive(Clone)]
pub struct Upload(Arc<Shared>);

struct Shared {
    length: Option<u64>,
    body: Mutex<Option<UploadStream>>,
    failure: Mutex<Option<CallError>>,
    sent: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("length", &self.0.length)
            .field("is_spent", &self.is_spent())
            .finish()
    }
}

impl Upload {
    /// A body that `body` yields, of this length if it is known.
    pub fn new(length: Option<u64>, body: UploadStream) -> Self {
        Self(Arc::new(Shared {
            length,
            body: Mutex::new(Some(body)),
            failure: Mutex::new(None),
            sent: AtomicU64::new(0),
        }))
    }

    /// How long it is; `None` when nobody knows before its end.
    pub fn length(&self) -> Option<u64> {
        self.0.length
    }

    /// Takes it, to be sent. `None` when somebody did before.
    pub fn take(&self) -> Option<UploadBody> {
        let stream = lock(&self.0.body).take()?;
        Some(UploadBody {
            stream: Some(stream),
            left: self.0.length,
            upload: self.clone(),
        })
    }

    /// Whether it was taken: it cannot be sent again.
    pub fn is_spent(&self) -> bool {
        lock(&self.0.body).is_none()
    }

    /// How many bytes of it were handed on so far.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Why it did not come to its end, if that is the caller's doing.
    pub fn failure(&self) -> Option<CallError> {
        lock(&self.0.failure).clone()
    }
}

/// The pieces of a body, none of them empty. It ends well only when it is as long as it was said to be.
///
/// Backpressure: the caller is read only when this is polled. Cancellation: dropping it lets go of the caller's body.
pub struct UploadBody {
    /// `None` once it is over.
    stream: Option<UploadStream>,
    /// What is left of the length that was announced.
    left: Option<u64>,
    upload: Upload,
}

impl fmt::Debug for UploadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadBody")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl UploadBody {
    fn broken(&mut self, detail: &'static str) -> Poll<Option<Result<Bytes, TransportError>>> {
        self.stream = None;
        let error = TransportError::new(TransportFault::Upload, detail);
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(stream) = self.stream.as_mut() else {
                return Poll::Ready(None);
            };
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    let length = piece.len() as u64;
                    if let Some(left) = self.left.as_mut() {
                        let Some(rest) = left.checked_sub(length) else {
                            return self.broken("it is longer than it was said to be");
                        };
                        *left = rest;
                    }
                    self.upload.0.sent.fetch_add(length, Ordering::Relaxed);
                    return Poll::Ready(Some(Ok(piece)));
                }
                Some(Err(error)) => {
                    *lock(&self.upload.0.failure) = Some(error);
                    return self.broken("the caller's body broke off");
                }
                None if self.left.is_some_and(|left| left > 0) => {
                    return self.broken("it is shorter than it was said to be");
                }
                None => {
                    self.stream = None;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use gateway_schema::ErrorKind;

    use super::*;

    struct Pieces(VecDeque<Result<Bytes, CallError>>);

    impl Stream for Pieces {
        type Item = Result<Bytes, CallError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    fn upload(length: Option<u64>, pieces: &[&'static str]) -> Upload {
        let pieces = pieces
            .iter()
            .map(|it| Ok(Bytes::from_static(it.as_bytes())));
        Upload::new(length, Box::pin(Pieces(pieces.collect())))
    }

    fn read(upload: &Upload) -> (String, Option<TransportFault>) {
        let mut body = upload.take().unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut text = String::new();
        loop {
            match Pin::new(&mut body).poll_next(&mut cx) {
                Poll::Ready(Some(Ok(piece))) => text += std::str::from_utf8(&piece).unwrap(),
                Poll::Ready(Some(Err(error))) => return (text, Some(error.fault)),
                Poll::Ready(None) => return (text, None),
                Poll::Pending => panic!("nothing is waited for"),
            }
        }
    }

    #[test]
    fn a_body_is_taken_once_and_ends_well_only_at_its_length() {
        for (length, fault) in [
            (None, None),
            (Some(5), None),
            (Some(6), Some(TransportFault::Upload)),
        ] {
            let upload = upload(length, &["he", "", "llo"]);
            assert!(!upload.is_spent());
            assert_eq!(read(&upload), ("hello".to_owned(), fault));
            assert!(upload.is_spent() && upload.take().is_none());
            assert_eq!(upload.sent(), 5);
        }
        // What is too much is not sent.
        let long = upload(Some(3), &["he", "llo"]);
        assert_eq!(read(&long), ("he".to_owned(), Some(TransportFault::Upload)));
    }

    #[test]
    fn what_went_wrong_with_the_callers_body_is_kept_for_the_caller() {
        let error = CallError::client(ErrorKind::Timeout, "too slow");
        let pieces = [Ok(Bytes::from_static(b"he")), Err(error)];
        let upload = Upload::new(None, Box::pin(Pieces(pieces.into())));
        assert_eq!(read(&upload).1, Some(TransportFault::Upload));
        assert_eq!(upload.failure().unwrap().message(), "too slow");
    }
}
