//! Clients that send no more: have they left, or do they only not write any more?
//!
//! TCP says the same for both, until something is sent to the client: one that has left answers with a reset, at once.
//! Before the answer has begun, `100 Continue` is what may be sent at any time (RFC 9110 section 15.2.1). While an answer
//! is under way its own bytes are the proof. A client that proves nothing has left.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What is sent to find out.
pub(super) const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// When it is sent, counted from the end of what the client sends. Some clients count what they do not expect, so they are few.
const PROBES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];
/// How long a reset may take, beyond which a client that was sent something is still there.
const PROOF: Duration = Duration::from_millis(300);
/// How long the last of a request may take from the socket to whoever reads it.
const READ: Duration = Duration::from_secs(1);
/// How often the socket is asked.
const TURN: Duration = Duration::from_millis(50);
/// How often it is asked later.
const LATER: Duration = Duration::from_millis(500);

/// A client that sends no more.
pub(super) struct HalfClosed {
    since: Instant,
    probes: usize,
    /// Whether anything was written to it since.
    pub(super) written: bool,
    pub(super) turn: Pin<Box<Sleep>>,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send something.
    Probe,
    /// Nothing yet.
    Wait,
    /// It has left.
    Left,
    /// Its request will never be whole.
    Incomplete,
}

impl HalfClosed {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            probes: 0,
            written: false,
            turn: Box::pin(sleep_until(now)),
        }
    }

    /// Decides, and sets the next turn. `received` says whether its request is whole; `may_probe` while nothing of the
    /// answer has been sent.
    pub(super) fn step(&mut self, received: bool, may_probe: bool) -> Step {
        let now = Instant::now();
        let elapsed = now.duration_since(self.since);
        let next = if elapsed < Duration::from_secs(1) {
            TURN
        } else {
            LATER
        };
        self.turn.as_mut().reset(now + next);
        if !received {
            return if elapsed < READ {
                Step::Wait
            } else {
                Step::Incomplete
            };
        }
        if may_probe && PROBES.get(self.probes).is_some_and(|at| elapsed >= *at) {
            self.probes += 1;
            return Step::Probe;
        }
        if !self.written && elapsed >= PROOF {
            return Step::Left;
        }
        Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn steps(mut client: HalfClosed, may_probe: bool, turns: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..turns {
            client.turn.as_mut().await;
            let step = client.step(true, may_probe);
            client.written |= step == Step::Probe;
            steps.push(step);
        }
        steps
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_sent_little_and_is_taken_as_gone_when_it_cannot_be_sent_anything() {
        let seen = steps(HalfClosed::new(), true, 1000).await;
        let probes = seen.iter().filter(|step| **step == Step::Probe);
        assert_eq!(probes.count(), PROBES.len());
        assert!(!seen.contains(&Step::Left));
        let seen = steps(HalfClosed::new(), false, 10).await;
        assert_eq!(seen.iter().position(|step| *step == Step::Left), Some(6));
        let mut unread = HalfClosed::new();
        for _ in 0..20 {
            unread.turn.as_mut().await;
            assert_eq!(unread.step(false, true), Step::Wait);
        }
        unread.turn.as_mut().await;
        assert_eq!(unread.step(false, true), Step::Incomplete);
        let mut reading = HalfClosed::new();
        reading.written = true;
        assert!(!steps(reading, false, 1000).await.contains(&Step::Left));
    }
}
