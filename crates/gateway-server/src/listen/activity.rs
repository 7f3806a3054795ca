//! What is going on on one connection, as its requests and its socket see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The request that came last, as far as it decides what the end of the client's sending means. Each is one bit above the
/// number of requests under way.
const HTTP2: usize = 1 << 40;
/// Some request was handed over.
const BEGUN: usize = 1 << 41;
/// The last request has arrived whole.
const RECEIVED: usize = 1 << 42;
/// The answer to the last request has begun.
const ANSWERED: usize = 1 << 43;
/// The last request is of HTTP/1.0.
const HTTP10: usize = 1 << 44;
/// Bytes wait to be taken by the socket.
const WRITING: usize = 1 << 45;
/// The connection is cut, in the middle of an answer perhaps.
const CUT: usize = 1 << 46;

/// The bits below which requests are counted.
const COUNT: usize = HTTP2 - 1;

/// What is going on on one connection. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicUsize,
    /// Requests that were handed over so far.
    requests: AtomicUsize,
    /// Frames that a client of HTTP/2 may send in answer to what it was sent, and has not yet.
    credit: AtomicU64,
}

impl Activity {
    /// A request was handed over; `whole` says that nothing of it is missing. It counts until the returned value is
    /// dropped.
    pub(super) fn begin(&self, version: http::Version, whole: bool) -> Busy {
        let mut bits = BEGUN;
        if version == http::Version::HTTP_2 {
            bits |= HTTP2;
        } else {
            if version <= http::Version::HTTP_10 {
                bits |= HTTP10;
            }
            if whole {
                bits |= RECEIVED;
            }
            let old = RECEIVED | ANSWERED | HTTP10;
            self.0.state.fetch_and(!old, Ordering::Relaxed);
        }
        self.0.state.fetch_or(bits, Ordering::Relaxed);
        self.0.state.fetch_add(1, Ordering::Relaxed);
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn has(&self, bits: usize) -> bool {
        self.0.state.load(Ordering::Relaxed) & bits == bits
    }

    fn set(&self, bits: usize) {
        self.0.state.fetch_or(bits, Ordering::Relaxed);
    }

    /// Whether any request was handed over so far.
    pub(super) fn has_begun(&self) -> bool {
        self.has(BEGUN)
    }

    /// How many requests were handed over so far.
    pub(super) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Whether HTTP/2 is spoken.
    pub(super) fn is_http2(&self) -> bool {
        self.has(HTTP2)
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) & COUNT != 0
    }

    /// Whether the next thing to come is the head of a request.
    pub(super) fn waits_for_head(&self) -> bool {
        !self.is_busy() && !self.is_http2()
    }

    /// The last of a request's body has arrived.
    pub(super) fn received(&self) {
        self.set(RECEIVED);
    }

    /// The answer begins.
    pub(super) fn answered(&self) {
        self.set(ANSWERED);
    }

    /// Whether a client that sends no more may still read: a request of HTTP/1.1 is under way, or the last of an answer is
    /// being written.
    pub(super) fn may_be_half_closed(&self) -> bool {
        let is_reading = if self.is_busy() {
            !self.has(HTTP10)
        } else {
            self.is_writing()
        };
        is_reading && !self.is_http2()
    }

    /// Whether the last request has arrived whole.
    pub(super) fn is_received(&self) -> bool {
        self.has(RECEIVED)
    }

    /// Whether the answer to the last request has begun.
    pub(super) fn is_answered(&self) -> bool {
        self.has(ANSWERED)
    }

    /// Whether the last request is of HTTP/1.0, where the end of a connection may be the end of an answer.
    pub(super) fn is_http10(&self) -> bool {
        self.has(HTTP10)
    }

    /// States whether bytes wait to be taken by the socket.
    pub(super) fn set_writing(&self, writing: bool) {
        if writing {
            self.set(WRITING);
        } else {
            self.0.state.fetch_and(!WRITING, Ordering::Relaxed);
        }
    }

    /// Whether bytes wait to be taken by the socket.
    pub(super) fn is_writing(&self) -> bool {
        self.has(WRITING)
    }

    /// Whether nothing is under way and nothing is being written.
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_busy() && !self.is_writing()
    }

    /// The connection ends now: its client must see that it was cut.
    pub(super) fn cut(&self) {
        self.set(CUT);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.has(CUT)
    }

    /// A client may send so many frames more.
    pub(super) fn earn(&self, frames: u64) {
        self.0.credit.fetch_add(frames, Ordering::Relaxed);
    }

    /// The frames that were earned since it was asked last.
    pub(super) fn take_earned(&self) -> u64 {
        self.0.credit.swap(0, Ordering::Relaxed)
    }

    /// Waits until a connection of HTTP/2 had no request under way for `idle`, whatever else came in. Others are looked
    /// after by the clock of their socket: then it waits for ever.
    pub(super) async fn http2_idle(&self, idle: Duration) {
        // Looked at five times, four quarters apart.
        let mut seen = (usize::MAX, 0);
        while seen.1 < 5 {
            tokio::time::sleep(idle / 4).await;
            let requests = self.requests();
            seen = match seen {
                _ if !self.is_http2() || self.is_busy() => (usize::MAX, 0),
                (before, times) if before == requests => (before, times + 1),
                _ => (requests, 1),
            };
        }
    }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.state.fetch_sub(1, Ordering::Relaxed);
    }
}
