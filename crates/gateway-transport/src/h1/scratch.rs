//! One read buffer per thread, lent for the length of a poll.
//!
//! What a read brings is copied out into memory of exactly its size. For the small pieces of an event stream that is
//! cheaper than keeping buffers, and a stream that waits holds no buffer at all.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, ReadBuf};

use crate::io::Io;

/// Its size: a TLS record, and more than most replies.
pub(super) const SIZE: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Reads once and shows what arrived (nothing at all: the end) to `use_bytes`.
pub(super) fn poll_read<R>(
    io: &mut Io,
    cx: &mut Context<'_>,
    use_bytes: impl FnOnce(&[u8]) -> R,
) -> Poll<io::Result<R>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buf = ReadBuf::new(scratch);
        match Pin::new(io).poll_read(cx, &mut buf) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(use_bytes(buf.filled()))),
        }
    })
}
