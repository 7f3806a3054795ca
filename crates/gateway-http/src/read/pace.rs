//! How long a body may take.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A body earns a second for so many bytes.
const PER_SECOND: u64 = 8 * 1024;

/// The time that a body may take: `timeout`, which is spent while it is waited for and earned back by its bytes. However
/// much has come, nobody may wait longer than `timeout` without a byte. There is no clock for a body that is there at
/// once.
pub(crate) struct Pace {
    timeout: Duration,
    clock: Option<Clock>,
}

struct Clock {
    until: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            clock: None,
        }
    }

    /// So many bytes have come.
    pub(crate) fn earn(&mut self, bytes: usize) {
        if let Some(clock) = &mut self.clock {
            let millis = (bytes as u64).saturating_mul(1000) / PER_SECOND;
            let most = Instant::now() + self.timeout;
            clock.until = (clock.until + Duration::from_millis(millis)).min(most);
        }
    }

    /// Ready when a body that is not there yet has taken too long.
    pub(crate) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        let clock = self.clock.get_or_insert_with(|| {
            let until = Instant::now() + timeout;
            let sleep = Box::pin(sleep_until(until));
            Clock { until, sleep }
        });
        loop {
            if clock.sleep.deadline() > clock.until {
                clock.sleep.as_mut().reset(clock.until);
            }
            ready!(clock.sleep.as_mut().poll(cx));
            if clock.sleep.deadline() >= clock.until {
                return Poll::Ready(());
            }
            // It has come some way since the clock was set.
            clock.sleep.as_mut().reset(clock.until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_come_far_may_not_stand_still_for_longer() {
        let mut pace = Pace::new(TIMEOUT);
        let waits = poll_fn(|cx| pace.poll_late(cx));
        assert!(tokio::time::timeout(TIMEOUT / 2, waits).await.is_err());
        pace.earn(50 * 1024 * 1024);
        let begun = Instant::now();
        poll_fn(|cx| pace.poll_late(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_that_goes_on_is_not_ended_and_a_dripping_one_is() {
        for (each, lives) in [(9 * 1024, true), (1024, false)] {
            let mut pace = Pace::new(TIMEOUT);
            let mut late = false;
            for _ in 0..100 {
                let waits = poll_fn(|cx| pace.poll_late(cx));
                late = tokio::time::timeout(Duration::from_secs(1), waits)
                    .await
                    .is_ok();
                if late {
                    break;
                }
                pace.earn(each);
            }
            assert_eq!(!late, lives, "{each}");
        }
    }
}
