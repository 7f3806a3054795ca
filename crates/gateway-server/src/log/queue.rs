//! Lines that wait to be written.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of each log that may wait.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Lines of each log that may wait.
const MOST_LINES: usize = 32 * 1024;
/// The largest buffer that is kept for the next lines.
const KEPT_BYTES: usize = 128 * 1024;

/// Which log a line belongs to. Each has room of its own, so that neither displaces the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// What the program reports about itself.
    Program,
    /// One line per call.
    Access,
}

impl Log {
    pub(crate) const ALL: [Self; 2] = [Self::Program, Self::Access];

    /// Its label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Access => "access",
        }
    }

    const fn of<T>(self, [program, access]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Program => program,
            Self::Access => access,
        }
    }
}

/// A bounded queue of lines. Putting a line in copies it and never waits for a write; what has no room is dropped and
/// counted.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There are lines, or everything has been written.
    changed: Condvar,
    shed: [AtomicU64; 2],
    errors: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Lines of both logs in their order.
    bytes: Vec<u8>,
    held: [Held; 2],
    /// Lines were taken out and are not written yet.
    is_writing: bool,
}

/// What waits of one log.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    bytes: usize,
    lines: usize,
}

impl Held {
    /// Counts a line in, if there is room for it.
    const fn admit(&mut self, bytes: usize) -> bool {
        let has_room = self.lines < MOST_LINES && self.bytes.saturating_add(bytes) <= MOST_BYTES;
        if has_room {
            self.lines += 1;
            self.bytes += bytes;
        }
        has_room
    }
}

impl Queue {
    /// Puts in lines, each with its end. Of several those that come first are kept.
    pub(crate) fn push(&self, log: Log, lines: &[u8]) {
        let mut dropped = 0;
        let mut state = self.state();
        let State { bytes, held, .. } = &mut *state;
        let held = log.of(held);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if held.admit(line.len()) {
                bytes.extend_from_slice(line);
            } else {
                dropped += 1;
            }
        }
        drop(state);
        self.changed.notify_all();
        if dropped > 0 {
            self.counter(log).fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// How many lines of a log were dropped.
    pub(crate) fn shed(&self, log: Log) -> u64 {
        self.counter(log).load(Ordering::Relaxed)
    }

    /// How many writes failed.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    pub(super) fn count_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for lines and takes all there are into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut Vec<u8>) {
        batch.clear();
        batch.shrink_to(KEPT_BYTES);
        let mut state = self.state();
        while state.bytes.is_empty() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.bytes, batch);
        state.held = Default::default();
        state.is_writing = true;
    }

    /// What was taken has been written.
    pub(super) fn written(&self) {
        self.state().is_writing = false;
        self.changed.notify_all();
    }

    /// Waits until everything has been written, `within` at most. False when something is left.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        let mut state = self.state();
        while state.is_writing || !state.bytes.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    const fn counter(&self, log: Log) -> &AtomicU64 {
        let [program, access] = &self.shed;
        match log {
            Log::Program => program,
            Log::Access => access,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One log of a queue, as something that can be written to. It never waits and never fails.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) queue: std::sync::Arc<Queue>,
    pub(crate) log: Log,
}

impl io::Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.queue.push(self.log, lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_dropped_by_the_line_and_counted() {
        let queue = Queue::default();
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..3_000 {
            queue.push(Log::Access, line.as_bytes());
        }
        queue.push(Log::Access, format!("{line}{line}").as_bytes());
        assert_eq!(queue.shed(Log::Access), 3_000 - 2_048 + 2);
        // The other one has room of its own.
        queue.push(Log::Program, b"stopping\n");
        assert_eq!(queue.shed(Log::Program), 0);
        let mut batch = Vec::new();
        queue.take(&mut batch);
        assert_eq!(batch.len(), MOST_BYTES + 9);
        assert!(batch.ends_with(b"x\nstopping\n"));
        queue.written();
        queue.push(Log::Access, line.as_bytes());
        assert_eq!(queue.shed(Log::Access), 3_000 - 2_048 + 2);
    }

    #[test]
    fn empty_lines_are_bounded_too() {
        let queue = Queue::default();
        queue.push(Log::Program, &vec![b'\n'; 100_000]);
        assert_eq!(queue.shed(Log::Program), 100_000 - MOST_LINES as u64);
    }

    #[test]
    fn waiting_for_the_end_has_an_end() {
        let queue = Queue::default();
        assert!(queue.flush(Duration::ZERO));
        queue.push(Log::Program, b"a\n");
        assert!(!queue.flush(Duration::from_millis(20)));
        let mut batch = Vec::new();
        queue.take(&mut batch);
        assert!(!queue.flush(Duration::from_millis(20)));
        queue.written();
        assert!(queue.flush(Duration::from_millis(20)));
    }
}
