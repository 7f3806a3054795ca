//! A socket that bounds how long a client may take to send the head of a request, and how long it may be idle.
//!
//! hyper knows one bound for both, but an idle connection is worth keeping for longer than a head may take. The clock
//! of a head starts with its first byte (for the first head: with the connection) and stops when hyper has handed the
//! request over. HTTP/2 frames come at any time, so there only the first head is bounded; hyper pings afterwards.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection may stand without a request. Longer than load balancers keep theirs (60 s commonly), so that
/// they let go first.
const IDLE: Duration = Duration::from_secs(75);

/// An answer or an event up to so many bytes leaves by a plain write: for the kernel, gathering pieces costs more than
/// copying them once.
const SMALL: usize = 2048;

/// Set once HTTP/2 is spoken: far above any number of requests.
const UNBOUNDED: usize = 1 << 40;

/// Set once a request was handed over.
const BEGUN: usize = 1 << 41;

/// How many requests of a connection are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<AtomicUsize>);

impl Activity {
    /// A request was handed over. It counts until the returned value is dropped.
    pub(super) fn begin(&self, version: http::Version) -> Busy {
        if version == http::Version::HTTP_2 {
            self.0.fetch_or(UNBOUNDED, Ordering::Relaxed);
        }
        self.0.fetch_or(BEGUN, Ordering::Relaxed);
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Whether any request was handed over so far.
    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed) & BEGUN != 0
    }

    fn waits_for_head(&self) -> bool {
        self.0.load(Ordering::Relaxed) & !BEGUN == 0
    }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the clock measures now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A head is being sent.
    Head,
    /// Nothing is asked.
    Idle,
    /// A request is under way.
    Busy,
}

/// A socket with the bounds.
pub(super) struct Guarded<S> {
    stream: S,
    activity: Activity,
    head_timeout: Duration,
    phase: Phase,
    /// When the phase is over; made when the socket has to wait in it first.
    until: Option<Instant>,
    /// Moved only when it fires too early or would fire too late: most phases end before anybody looks at it.
    clock: Option<Pin<Box<Sleep>>>,
    /// Whether the write that is due has let others go first.
    yielded: bool,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, activity: Activity, head_timeout: Duration) -> Self {
        Self {
            stream,
            activity,
            head_timeout,
            phase: Phase::Head,
            until: Some(Instant::now() + head_timeout),
            clock: None,
            yielded: false,
        }
    }

    /// Lets every other task that is ready go first, once per answer. What has arrived together is read together then, and
    /// answers leave one right after the other: a peer on this machine is woken once for all of them, and code stays
    /// in the processor's caches. Alone, it costs one more poll.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.until = None;
    }

    /// Waits for the end of the phase.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let bound = match self.phase {
            Phase::Head => self.head_timeout,
            Phase::Idle => IDLE,
            Phase::Busy => return Poll::Pending,
        };
        let until = *self.until.get_or_insert_with(|| Instant::now() + bound);
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if clock.deadline() > until {
            clock.as_mut().reset(until);
        }
        loop {
            ready!(clock.as_mut().poll(cx));
            if clock.deadline() >= until {
                return Poll::Ready(());
            }
            clock.as_mut().reset(until);
        }
    }
}

/// The bytes of `slices`, one after the other, if they are few enough.
fn join<'a>(slices: &[io::IoSlice<'_>], joined: &'a mut [u8; SMALL]) -> Option<&'a [u8]> {
    let mut length = 0;
    for slice in slices {
        let end = length + slice.len();
        joined.get_mut(length..end)?.copy_from_slice(slice);
        length = end;
    }
    joined.get(..length)
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let waits = self.activity.waits_for_head();
        match (waits, self.phase) {
            (false, Phase::Head | Phase::Idle) => self.enter(Phase::Busy),
            (true, Phase::Busy) => self.enter(Phase::Idle),
            _ => {}
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(outcome) => {
                if self.phase == Phase::Idle && buffer.filled().len() > before {
                    self.enter(Phase::Head);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending if waits => self
                .poll_late(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.yielded = false;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        let mut joined = [0; SMALL];
        match join(slices, &mut joined) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_and_an_idle_connection_is_kept_longer() {
        let (mut client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), HEAD);
        let mut buffer = [0; 8];
        client.write_all(b"GET ").await.unwrap();
        assert_eq!(guarded.read(&mut buffer).await.unwrap(), 4);
        // The request was complete and is answered: now the connection is idle.
        drop(activity.begin(http::Version::HTTP_11));
        let busy = activity.begin(http::Version::HTTP_11);
        let waited = tokio::time::timeout(HEAD * 100, guarded.read(&mut buffer)).await;
        assert!(waited.is_err(), "a request under way is never cut");
        drop(busy);
        let begun = Instant::now();
        let idle = tokio::time::timeout(HEAD * 2, guarded.read(&mut buffer)).await;
        assert!(
            idle.is_err(),
            "an idle connection outlives the bound of a head"
        );
        client.write_all(b"P").await.unwrap();
        assert_eq!(guarded.read(&mut buffer).await.unwrap(), 1);
        let error = guarded.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < HEAD * 4);
    }

    #[tokio::test]
    async fn pieces_leave_whole_and_in_order_however_large_they_are() {
        for size in [1, 700, SMALL / 3, SMALL, 3 * SMALL] {
            let (mut client, server) = duplex(64 * 1024);
            let mut guarded = Guarded::new(server, Activity::default(), HEAD);
            let pieces = [vec![b'a'; size], vec![b'b'; size], vec![b'c'; size]];
            let mut sent = 0;
            while sent < 3 * size {
                let slices: Vec<_> = pieces.iter().map(|it| io::IoSlice::new(it)).collect();
                let mut slices = &mut slices.clone()[..];
                io::IoSlice::advance_slices(&mut slices, sent);
                sent += guarded.write_vectored(slices).await.unwrap();
                guarded.flush().await.unwrap();
            }
            drop(guarded);
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, pieces.concat(), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_let_go() {
        let (_client, server) = duplex(64);
        let mut guarded = Guarded::new(server, Activity::default(), HEAD);
        let error = guarded.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_left_to_hyper_after_its_first_request() {
        let (_client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), HEAD);
        drop(activity.begin(http::Version::HTTP_2));
        let waited = tokio::time::timeout(HEAD * 100, guarded.read(&mut [0; 8])).await;
        assert!(waited.is_err());
    }
}
