//! How long the first token takes: a moving average in one word.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// In which time an average forgets two thirds of what it was.
const DECAY: f32 = 10.0;
/// A measurement older than this says nothing any more.
const STALE: u32 = 30_000;

/// A peak-sensitive moving average. Low half: when it was last measured, in milliseconds after some moment, wrapping
/// after 49 days. High half: the average in seconds, as the bits of an `f32`; zero for none.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// The average, if it has been measured lately.
    pub(super) fn read(&self, now: u32) -> Option<f32> {
        latest(self.0.load(Ordering::Relaxed), now).map(|(seconds, _)| seconds)
    }

    /// An answer took so long: a slower one counts at once, a faster one little by little.
    pub(super) fn took(&self, now: u32, time: Duration) {
        let sample = seconds(time);
        self.update(now, |known| match known {
            Some((average, age)) if sample < average => {
                let kept = (-age / DECAY).exp();
                average * kept + sample * (1.0 - kept)
            }
            _ => sample,
        });
    }

    /// An answer took at least so long; how long is not known.
    pub(super) fn took_at_least(&self, now: u32, time: Duration) {
        let sample = seconds(time);
        if self.read(now).is_none_or(|average| sample > average) {
            self.took(now, time);
        }
    }

    fn update(&self, now: u32, next: impl Fn(Option<(f32, f32)>) -> f32) {
        // Only an update of another core in between makes this try again.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                let average = next(latest(word, now));
                Some(u64::from(average.to_bits()) << 32 | u64::from(now))
            });
    }
}

/// The average in `word` and its age in seconds, unless there is none or it is too old.
fn latest(word: u64, now: u32) -> Option<(f32, f32)> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the halves of a word, taken apart"
    )]
    let (bits, at) = ((word >> 32) as u32, word as u32);
    let age = now.wrapping_sub(at);
    // A clock that another core read a moment later than this one is no age of 49 days.
    let age = if age > u32::MAX / 2 { 0 } else { age };
    (bits != 0 && age <= STALE).then(|| (f32::from_bits(bits), age as f32 / 1_000.0))
}

/// Never quite zero, which stands for none.
fn seconds(time: Duration) -> f32 {
    time.as_secs_f32().max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn a_slower_answer_counts_at_once_and_faster_ones_little_by_little() {
        let pace = Pace::default();
        assert_eq!(pace.read(0), None);
        pace.took(0, ms(100));
        pace.took(10, ms(900));
        assert_eq!(pace.read(10), Some(0.9));
        pace.took(1_010, ms(100));
        let after_one_second = pace.read(1_010).unwrap();
        assert!((0.8..0.9).contains(&after_one_second), "{after_one_second}");
        for at in (2_000..60_000).step_by(1_000) {
            pace.took(at, ms(100));
        }
        let later = pace.read(60_000).unwrap();
        assert!((0.1..0.11).contains(&later), "{later}");
    }

    #[test]
    fn what_is_old_is_forgotten_and_the_clock_may_wrap() {
        let pace = Pace::default();
        let late = u32::MAX - 1_000;
        pace.took(late, ms(500));
        assert_eq!(pace.read(late.wrapping_add(2_000)), Some(0.5));
        assert_eq!(pace.read(late.wrapping_add(30_001)), None);
        pace.took(late.wrapping_add(40_000), ms(100));
        assert_eq!(pace.read(late.wrapping_add(40_000)), Some(0.1));
        assert_eq!(
            pace.read(late.wrapping_add(39_990)),
            Some(0.1),
            "a core whose clock is a little behind"
        );
    }

    #[test]
    fn an_abandoned_call_only_makes_slower() {
        let pace = Pace::default();
        pace.took_at_least(0, ms(200));
        assert_eq!(pace.read(0), Some(0.2));
        pace.took_at_least(5_000, ms(100));
        assert_eq!(pace.read(5_000), Some(0.2));
        pace.took_at_least(5_000, ms(300));
        assert_eq!(pace.read(5_000), Some(0.3));
    }
}
