//! Bytes that are held for callers, counted before they are read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gateway_schema::{CallError, ErrorKind, Retry};

/// What one holder may have out of the last eighth of a budget, so that small requests pass while large ones fill the rest.
const SMALL: u64 = 64 * 1024;
/// When a refused caller may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// A bound on bytes that are held at the same time. Clones share it; the default counts nothing and refuses nothing.
///
/// Shape: bytes are counted from [`hold`](Self::hold) or [`HeldBytes::grow`] until the [`HeldBytes`] is dropped or shrunk.
/// Units: bytes. What one holder has beyond 64 KiB may fill seven eighths of the limit, the rest is for small holders.
#[derive(Clone, Default)]
pub struct ByteBudget(Option<Arc<Shared>>);

struct Shared {
    limit: AtomicU64,
    used: AtomicU64,
    refused: AtomicU64,
    /// Bytes count here, too.
    parent: ByteBudget,
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteBudget")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .finish()
    }
}

impl ByteBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self::default().within(limit)
    }

    /// A budget of `limit` bytes whose bytes count in this one, too.
    #[must_use]
    pub fn within(&self, limit: u64) -> Self {
        Self(Some(Arc::new(Shared {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            parent: self.clone(),
        })))
    }

    /// Changes the limit from now on; what is held beyond it stays. Without effect on the default.
    pub fn set_limit(&self, limit: u64) {
        if let Some(shared) = &self.0 {
            shared.limit.store(limit, Ordering::Relaxed);
        }
    }

    /// The limit in bytes; `u64::MAX` for the default.
    pub fn limit(&self) -> u64 {
        self.read(u64::MAX, |shared| &shared.limit)
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.read(0, |shared| &shared.used)
    }

    /// How often bytes were refused.
    pub fn refused(&self) -> u64 {
        self.read(0, |shared| &shared.refused)
    }

    fn read(&self, or: u64, of: impl Fn(&Shared) -> &AtomicU64) -> u64 {
        let shared = self.0.as_ref();
        shared.map_or(or, |shared| of(shared).load(Ordering::Relaxed))
    }

    /// Counts `bytes` that are about to be held.
    ///
    /// # Errors
    /// There is no room for them here or in the budget above.
    pub fn hold(&self, bytes: u64) -> Result<HeldBytes, Exhausted> {
        let mut held = self.nothing();
        held.grow(bytes)?;
        Ok(held)
    }

    /// Counts `bytes` that are in memory already, whether there is room or not.
    pub fn hold_present(&self, bytes: u64) -> HeldBytes {
        self.add(bytes);
        HeldBytes {
            budget: self.clone(),
            bytes,
        }
    }

    /// A holder that has nothing yet.
    pub fn nothing(&self) -> HeldBytes {
        HeldBytes {
            budget: self.clone(),
            bytes: 0,
        }
    }

    fn add(&self, bytes: u64) {
        if let Some(shared) = &self.0 {
            shared.used.fetch_add(bytes, Ordering::Relaxed);
            shared.parent.add(bytes);
        }
    }

    /// Adds `bytes` for one who has `before`, here and above, or nowhere.
    fn try_add(&self, before: u64, bytes: u64) -> Result<(), Exhausted> {
        let Some(shared) = &self.0 else {
            return Ok(());
        };
        let limit = shared.limit.load(Ordering::Relaxed);
        let is_small = before.saturating_add(bytes) <= SMALL;
        let limit = if is_small { limit } else { limit - limit / 8 };
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        let order = Ordering::Relaxed;
        let added = shared.used.fetch_update(order, order, fits);
        let outcome = match added {
            Ok(_) => shared.parent.try_add(before, bytes).inspect_err(|_| {
                shared.used.fetch_sub(bytes, order);
            }),
            Err(_) => Err(Exhausted),
        };
        if outcome.is_err() {
            shared.refused.fetch_add(1, order);
        }
        outcome
    }

    fn give_back(&self, bytes: u64) {
        if let Some(shared) = &self.0 {
            shared.used.fetch_sub(bytes, Ordering::Relaxed);
            shared.parent.give_back(bytes);
        }
    }
}

/// Bytes that count in a [`ByteBudget`] until this is dropped.
#[derive(Debug, Default)]
pub struct HeldBytes {
    budget: ByteBudget,
    bytes: u64,
}

impl HeldBytes {
    /// How many bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts `more` bytes that are about to be held.
    ///
    /// # Errors
    /// There is no room for them; what was held before still is.
    pub fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        self.budget.try_add(self.bytes, more)?;
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }

    /// Gives back what is held beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        if let Some(less) = self.bytes.checked_sub(bytes) {
            self.budget.give_back(less);
            self.bytes = bytes;
        }
    }

    /// `bytes`, counted until the last clone or slice of what is returned is dropped.
    pub fn attach<B: AsRef<[u8]> + Send + 'static>(self, bytes: B) -> Bytes {
        Bytes::from_owner(Owner { bytes, _held: self })
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Bytes and what they count for.
struct Owner<B> {
    bytes: B,
    _held: HeldBytes,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Owner<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// There is no room for more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for more bytes")
    }
}

impl std::error::Error for Exhausted {}

impl From<Exhausted> for CallError {
    /// Of kind unavailable, with when to come back.
    fn from(_: Exhausted) -> Self {
        Self::gateway(
            ErrorKind::Unavailable,
            "The gateway holds as many bytes for its callers as it may (server.max_memory). Try again in a second.",
        )
        .with_code("overloaded")
        .with_retry(Retry::After(COME_BACK))
        .with_retry_after(COME_BACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn bytes_count_until_they_are_dropped_and_refusals_change_nothing() {
        let budget = ByteBudget::new(8 * MIB);
        let mut one = budget.hold(5 * MIB).unwrap();
        assert_eq!(budget.hold(3 * MIB).unwrap_err(), Exhausted);
        assert_eq!(one.grow(3 * MIB), Err(Exhausted));
        assert_eq!((one.bytes(), budget.used()), (5 * MIB, 5 * MIB));
        assert_eq!(budget.refused(), 2);
        one.shrink_to(MIB);
        let two = budget.hold_present(20 * MIB);
        assert_eq!(budget.used(), 21 * MIB);
        drop((one, two));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_last_eighth_is_for_small_holders() {
        let budget = ByteBudget::new(8 * MIB);
        let large = budget.hold(7 * MIB).unwrap();
        assert!(budget.hold(SMALL + 1).is_err());
        let small: Vec<_> = (0..16).map(|_| budget.hold(SMALL).unwrap()).collect();
        assert!(budget.hold(1).is_err(), "now it is full");
        drop((large, small));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn bytes_of_a_part_count_in_the_whole_and_what_the_whole_refuses_counts_nowhere() {
        let whole = ByteBudget::new(8 * MIB);
        let part = whole.within(4 * MIB);
        let held = part.hold(3 * MIB).unwrap();
        assert_eq!((part.used(), whole.used()), (3 * MIB, 3 * MIB));
        let _others = whole.hold(4 * MIB).unwrap();
        assert!(part.hold(MIB / 4).is_err());
        assert_eq!(part.used(), 3 * MIB);
        drop(held);
        assert_eq!((part.used(), whole.used()), (0, 4 * MIB));
    }

    #[test]
    fn attached_bytes_count_until_the_last_slice_is_dropped() {
        let budget = ByteBudget::new(MIB);
        let bytes = budget.hold(5).unwrap().attach(b"hello".to_vec());
        let slice = bytes.slice(1..2);
        drop(bytes);
        assert_eq!((&slice[..], budget.used()), (&b"e"[..], 5));
        drop(slice);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn threads_leave_nothing_behind_and_never_exceed_the_limit() {
        let budget = ByteBudget::new(SMALL);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for size in 0..20_000 {
                        if let Ok(held) = budget.hold(size) {
                            assert!(budget.used() <= SMALL);
                            drop(held);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
