//! Bounds what a client of HTTP/2 sends besides requests and their bodies.
//!
//! PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty DATA and unknown frames cost a few bytes to send and much
//! more to handle, and the protocol bounds none of them. A client may send a few for whatever it is sent or sends itself,
//! and some more a second.

use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;

/// How HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Frames that may come at once.
const BURST: u64 = 2_000;
/// The time in which one more may come.
const REFILL: Duration = Duration::from_millis(20);
/// What a request may take: the reset of its stream, windows for its answer.
const PER_REQUEST: u64 = 8;

/// Where in the bytes of a client we are.
#[derive(Debug, Clone, Copy)]
enum At {
    /// So many bytes of the preface were seen.
    Preface(usize),
    /// In the head of a frame, of which so many bytes were seen.
    Head([u8; FRAME_HEAD], usize),
    /// In the payload of a frame, of which so many bytes are missing.
    Payload(u32),
    /// This is not HTTP/2.
    Elsewhere,
}

/// Counts the frames of one client.
#[derive(Debug)]
pub(super) struct Flood {
    at: At,
    left: u64,
    refilled: Instant,
}

impl Flood {
    pub(super) fn new() -> Self {
        Self {
            at: At::Preface(0),
            left: BURST,
            refilled: Instant::now(),
        }
    }

    /// Looks at what came; false when it is too much.
    pub(super) fn admits(&mut self, mut bytes: &[u8], activity: &Activity) -> bool {
        if matches!(self.at, At::Elsewhere) {
            return true;
        }
        let mut spent = 0_u64;
        let mut earned = 0_u64;
        while !bytes.is_empty() {
            let taken = match &mut self.at {
                At::Elsewhere => return true,
                At::Preface(seen) => {
                    let expected = PREFACE.get(*seen..).unwrap_or_default();
                    let length = expected.len().min(bytes.len());
                    if expected.get(..length) != bytes.get(..length) {
                        self.at = At::Elsewhere;
                        return true;
                    }
                    *seen += length;
                    if *seen == PREFACE.len() {
                        self.at = At::Head([0; FRAME_HEAD], 0);
                    }
                    length
                }
                At::Head(head, seen) => {
                    let missing = head.get_mut(*seen..).unwrap_or_default();
                    let length = missing.len().min(bytes.len());
                    for (to, from) in missing.iter_mut().zip(bytes) {
                        *to = *from;
                    }
                    *seen += length;
                    if *seen == FRAME_HEAD {
                        let [a, b, c, kind, ..] = *head;
                        let size = u32::from_be_bytes([0, a, b, c]);
                        match (kind, size) {
                            (DATA, 1..) => earned += 1,
                            (HEADERS, _) => earned += PER_REQUEST,
                            // Bounded by the size of a head.
                            (CONTINUATION, 1..) => {}
                            _ => spent += 1,
                        }
                        self.at = match size {
                            0 => At::Head([0; FRAME_HEAD], 0),
                            size => At::Payload(size),
                        };
                    }
                    length
                }
                At::Payload(missing) => {
                    let length = bytes
                        .len()
                        .min(usize::try_from(*missing).unwrap_or(usize::MAX));
                    *missing -= u32::try_from(length).unwrap_or(*missing);
                    if *missing == 0 {
                        self.at = At::Head([0; FRAME_HEAD], 0);
                    }
                    length
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.settle(spent, earned, activity)
    }

    fn settle(&mut self, spent: u64, earned: u64, activity: &Activity) -> bool {
        if spent == 0 && earned == 0 {
            return true;
        }
        let refills = self.refilled.elapsed().as_nanos() / REFILL.as_nanos();
        if refills > 0 {
            self.refilled = Instant::now();
        }
        let refills = u64::try_from(refills).unwrap_or(u64::MAX);
        let earned = earned.saturating_add(activity.take_earned());
        let full = self.left.saturating_add(refills).min(BURST);
        // What answers a large answer may be more than a burst.
        let have = full.saturating_add(earned);
        match have.checked_sub(spent) {
            Some(left) => {
                self.left = left.min(BURST.max(earned));
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, 0, 0, 0, 0, 1]);
        frame.extend_from_slice(payload);
        frame
    }

    fn ping() -> Vec<u8> {
        frame(6, &[0; 8])
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_seen_however_its_bytes_are_cut() {
        for size in [1, 7, 17, 1000] {
            let activity = Activity::default();
            let mut flood = Flood::new();
            let mut bytes = PREFACE.to_vec();
            for _ in 0..BURST {
                bytes.extend(ping());
            }
            assert!(
                bytes
                    .chunks(size)
                    .all(|piece| flood.admits(piece, &activity))
            );
            assert!(!flood.admits(&ping(), &activity), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_answers_something_and_what_comes_now_and_then_is_no_flood() {
        let activity = Activity::default();
        let mut flood = Flood::new();
        assert!(flood.admits(PREFACE, &activity));
        for _ in 0..10 * BURST {
            assert!(flood.admits(&frame(1, b"head"), &activity));
            assert!(flood.admits(&frame(0, b"data"), &activity));
            activity.earn(2);
            for _ in 0..4 {
                assert!(flood.admits(&frame(8, &[0; 4]), &activity));
            }
        }
        for _ in 0..10 * BURST {
            tokio::time::advance(REFILL).await;
            assert!(flood.admits(&ping(), &activity));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_say_nothing_are_counted_and_other_protocols_are_not() {
        for kind in [0, 2, 3, 4, 6, 8, 200] {
            let activity = Activity::default();
            let mut flood = Flood::new();
            assert!(flood.admits(PREFACE, &activity));
            let count = (0..2 * BURST).filter(|_| flood.admits(&frame(kind, b""), &activity));
            assert_eq!(count.count() as u64, BURST, "{kind}");
        }
        let mut flood = Flood::new();
        let request = b"PRI / HTTP/1.1\r\n".repeat(10_000);
        assert!(flood.admits(&request, &Activity::default()));
    }
}
