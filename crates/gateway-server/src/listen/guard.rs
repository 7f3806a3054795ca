//! A socket with clocks: a client has so long to send the head of a request, to take what is written to it, and to ask
//! again.
//!
//! hyper knows one bound for heads and for idle connections, but an idle connection is worth keeping for longer than a
//! head may take. The clock of a head starts with its first byte (for the first head: with the connection) and stops when
//! hyper has handed the request over. An idle connection has the same time for taking the rest of its last answer. HTTP/2
//! frames come at any time, so there only the first head is bounded here; [`http2_idle`](Activity::http2_idle) does the
//! rest. The clock of a write starts when the socket takes nothing and stops when it does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::flood::Flood;
use super::half::{HalfClosed, PROBE, Step};
use super::socket::Socket;

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The head of a request.
    pub(super) head: Duration,
    /// A connection without a request. Longer than load balancers keep theirs (60 s commonly), so that they let go first.
    pub(super) idle: Duration,
    /// A write of which the socket takes nothing.
    pub(super) write: Duration,
}

/// An answer or an event up to so many bytes leaves by a plain write: for the kernel, gathering pieces costs more than
/// copying them once.
const SMALL: usize = 2048;

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
pub(super) struct Guarded<S: Socket> {
    stream: S,
    activity: Activity,
    bounds: Bounds,
    phase: Phase,
    /// The requests that were seen.
    requests: usize,
    /// When the phase is over; made when the socket has to wait in it first.
    until: Option<Instant>,
    /// When a write that makes no progress is over.
    stalled: Option<Instant>,
    /// Moved only when it fires too early or would fire too late: most phases end before anybody looks at it.
    clock: Option<Pin<Box<Sleep>>>,
    /// Whether the write that is due has let others go first.
    yielded: bool,
    flood: Flood,
    /// The client sends no more.
    half_closed: Option<HalfClosed>,
}

impl<S: Socket> Guarded<S> {
    pub(super) fn new(stream: S, activity: Activity, bounds: Bounds) -> Self {
        Self {
            stream,
            activity,
            bounds,
            phase: Phase::Head,
            requests: 0,
            until: Some(Instant::now() + bounds.head),
            stalled: None,
            clock: None,
            yielded: false,
            flood: Flood::new(),
            half_closed: None,
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

    /// Enters the phase that requests have led to.
    fn observe(&mut self) {
        let requests = self.activity.requests();
        // A request may be answered before the socket is asked again.
        let answered = std::mem::replace(&mut self.requests, requests) != requests;
        match (self.activity.waits_for_head(), self.phase) {
            (false, Phase::Head | Phase::Idle) => self.enter(Phase::Busy),
            (true, Phase::Busy) => self.enter(Phase::Idle),
            (true, Phase::Head | Phase::Idle) if answered => self.enter(Phase::Idle),
            _ => {}
        }
    }

    /// Waits for the end of the phase, or of a write that makes no progress.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let bound = match self.phase {
            Phase::Head => Some(self.bounds.head),
            Phase::Idle => Some(self.bounds.idle),
            Phase::Busy => None,
        };
        let of_phase = bound.map(|bound| *self.until.get_or_insert_with(|| Instant::now() + bound));
        let Some(until) = of_phase.into_iter().chain(self.stalled).min() else {
            return Poll::Pending;
        };
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if clock.deadline() > until {
            clock.as_mut().reset(until);
        }
        while clock.deadline() < until {
            ready!(clock.as_mut().poll(cx));
            clock.as_mut().reset(until);
        }
        ready!(clock.as_mut().poll(cx));
        if !self.activity.is_quiet() {
            // Something was to be sent.
            self.activity.cut();
        }
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// What came of a write.
    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Ok(_)) => {
                self.stalled = None;
                if let Some(client) = &mut self.half_closed {
                    client.written = true;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.observe();
                let write = self.bounds.write;
                self.stalled.get_or_insert_with(|| Instant::now() + write);
                return self.poll_late(cx).map(Err);
            }
        }
        outcome
    }
}

impl<S: Socket + AsyncWrite + Unpin> Guarded<S> {
    /// The client sends no more. That is told when nothing is under way any more, or when it has left.
    fn poll_half_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(client) = &mut self.half_closed {
            if !self.activity.may_be_half_closed() {
                return Poll::Ready(Ok(()));
            }
            ready!(client.turn.as_mut().poll(cx));
            if let Some(error) = self.stream.error() {
                return Poll::Ready(Err(error));
            }
            let may_probe = !self.activity.is_answered() && !self.activity.is_writing();
            match client.step(self.activity.is_received(), may_probe) {
                Step::Wait => {}
                // Something of the request is missing, and will not come.
                Step::Incomplete => return Poll::Ready(Ok(())),
                Step::Left => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                Step::Probe => {
                    let written = Pin::new(&mut self.stream).poll_write(cx, PROBE);
                    // Nothing else is being written: a socket that does not take these few bytes takes nothing.
                    client.written |= matches!(written, Poll::Ready(Ok(n)) if n == PROBE.len());
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                }
            }
        }
        Poll::Pending
    }
}

impl<S: Socket> Drop for Guarded<S> {
    fn drop(&mut self) {
        if self.activity.is_cut() {
            self.stream.abort();
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

impl<S: Socket + AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.half_closed.is_some() {
            return this.poll_half_closed(cx);
        }
        this.observe();
        let before = buffer.filled().len();
        let Poll::Ready(outcome) = Pin::new(&mut this.stream).poll_read(cx, buffer) else {
            return this.poll_late(cx).map(Err);
        };
        outcome?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if read.is_empty() && buffer.remaining() > 0 && this.activity.may_be_half_closed() {
            this.half_closed = Some(HalfClosed::new());
            return this.poll_half_closed(cx);
        }
        if !read.is_empty() && this.phase == Phase::Idle {
            this.enter(Phase::Head);
        }
        if !this.flood.admits(read, &this.activity) {
            let error = "too many frames that ask for nothing";
            return Poll::Ready(Err(io::Error::other(error)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.activity.set_writing(true);
        ready!(self.poll_turn(cx));
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.yielded = false;
        if !self.activity.is_writing() {
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        let outcome = ready!(self.wrote(cx, outcome));
        self.activity.set_writing(false);
        Poll::Ready(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity.set_writing(true);
        ready!(self.poll_turn(cx));
        let mut joined = [0; SMALL];
        let outcome = match join(slices, &mut joined) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        };
        self.wrote(cx, outcome)
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
    const BOUNDS: Bounds = Bounds {
        head: HEAD,
        idle: Duration::from_secs(75),
        write: Duration::from_secs(20),
    };

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_and_an_idle_connection_is_kept_longer() {
        let (mut client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
        let mut buffer = [0; 8];
        client.write_all(b"GET ").await.unwrap();
        assert_eq!(guarded.read(&mut buffer).await.unwrap(), 4);
        // The request was complete and is answered: now the connection is idle.
        drop(activity.begin(http::Version::HTTP_11, true));
        let busy = activity.begin(http::Version::HTTP_11, true);
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
            let mut guarded = Guarded::new(server, Activity::default(), BOUNDS);
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
        let mut guarded = Guarded::new(server, Activity::default(), BOUNDS);
        let error = guarded.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_let_go_and_one_that_takes_a_little_is_not() {
        let (mut client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
        let _busy = activity.begin(http::Version::HTTP_11, true);
        let begun = Instant::now();
        let writing = async {
            let mut sent = 0;
            loop {
                match guarded.write(&[0; 16]).await {
                    Ok(n) => sent += n,
                    Err(error) => return (sent, error.kind(), begun.elapsed().as_secs()),
                }
            }
        };
        let reading = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(15)).await;
                client.read_exact(&mut [0; 8]).await.unwrap();
            }
        };
        let (outcome, ()) = tokio::join!(writing, reading);
        assert_eq!(outcome, (64 + 80, io::ErrorKind::TimedOut, 150 + 20));
        assert!(activity.is_cut());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_an_answer_must_be_taken_within_the_idle_time_however_slowly() {
        let (mut client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
        // The answer has been handed over; its bytes have not.
        drop(activity.begin(http::Version::HTTP_11, true));
        let begun = Instant::now();
        let writing = guarded.write_all(&[0; 4096]);
        let reading = async {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                if client.read_exact(&mut [0; 8]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            outcome = writing => assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut),
            () = reading => panic!("the connection is still there"),
        }
        assert_eq!(begun.elapsed(), BOUNDS.idle);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_is_not_the_end_of_its_client() {
        let (mut client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
        client.shutdown().await.unwrap();
        let busy = activity.begin(http::Version::HTTP_11, true);
        let waited = tokio::time::timeout(HEAD * 100, guarded.read(&mut [0; 8])).await;
        assert!(waited.is_err(), "the answer is still to come");
        let mut probe = [0; 64];
        let seen = client.read(&mut probe).await.unwrap();
        assert!(probe[..seen].starts_with(PROBE));
        drop(busy);
        assert_eq!(guarded.read(&mut [0; 8]).await.unwrap(), 0);
        // One that has not sent its request whole cannot be answered, and one of HTTP/1.0 cannot be asked.
        for (version, whole) in [
            (http::Version::HTTP_11, false),
            (http::Version::HTTP_10, true),
        ] {
            let (mut client, server) = duplex(64);
            let activity = Activity::default();
            let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
            client.shutdown().await.unwrap();
            let _busy = activity.begin(version, whole);
            assert_eq!(guarded.read(&mut [0; 8]).await.unwrap(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_left_to_hyper_after_its_first_request() {
        let (_client, server) = duplex(64);
        let activity = Activity::default();
        let mut guarded = Guarded::new(server, activity.clone(), BOUNDS);
        drop(activity.begin(http::Version::HTTP_2, true));
        let waited = tokio::time::timeout(HEAD * 100, guarded.read(&mut [0; 8])).await;
        assert!(waited.is_err());
    }
}
