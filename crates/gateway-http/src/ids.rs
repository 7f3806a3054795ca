//! Ids of requests and replies.

use std::sync::Arc;

use gateway_provider::Clock;
use uuid::Uuid;

/// Makes ids.
pub trait Ids: Send + Sync + 'static {
    /// A fresh id.
    fn next(&self) -> Uuid;
}

/// Ids that sort by time: UUID version 7, from the given clock and 74 random bits.
pub struct TimeOrderedIds {
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for TimeOrderedIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimeOrderedIds").finish_non_exhaustive()
    }
}

impl TimeOrderedIds {
    /// Takes the time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Ids for TimeOrderedIds {
    fn next(&self) -> Uuid {
        let millis = self
            .clock
            .now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            });
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
