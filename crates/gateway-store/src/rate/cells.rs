//! The states of many subjects, found by many threads at once.

use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashMap;
use foldhash::fast::RandomState;

use super::RateKey;

const SHARDS: usize = 16;
/// Subjects a shard holds before it drops those that are as good as new.
const SWEEP_AT: usize = 4_096;

/// A state for each subject of each rule, for stores of rates. Those that are as good as new are forgotten when there are
/// many and nobody has them in hand.
#[derive(Debug)]
pub struct RateCells<C> {
    hasher: RandomState,
    shards: [RwLock<Shard<C>>; SHARDS],
}

#[derive(Debug)]
struct Shard<C> {
    cells: HashMap<RateKey, Arc<C>>,
    /// The number of subjects at which the next sweep is due.
    sweep_at: usize,
}

impl<C> Default for RateCells<C> {
    fn default() -> Self {
        let shard = || Shard {
            cells: HashMap::default(),
            sweep_at: 0,
        };
        Self {
            hasher: RandomState::default(),
            shards: std::array::from_fn(|_| RwLock::new(shard())),
        }
    }
}

impl<C> RateCells<C> {
    /// The state of `key`, if it `fits`; otherwise what `make` makes takes its place. `is_new` tells which ones can be
    /// forgotten.
    pub fn get(
        &self,
        key: &RateKey,
        fits: impl Fn(&C) -> bool,
        is_new: impl Fn(&C) -> bool,
        make: impl FnOnce() -> C,
    ) -> Arc<C> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a shard's number, whatever the width"
        )]
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        let [first, ..] = &self.shards;
        let shard = self.shards.get(index).unwrap_or(first);
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.cells.get(key).filter(|cell| fits(cell)) {
            return Arc::clone(cell);
        }
        drop(known);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.cells.len() >= shard.sweep_at.max(SWEEP_AT) {
            shard
                .cells
                .retain(|_, cell| Arc::strong_count(cell) > 1 || !is_new(cell));
            shard.sweep_at = shard.cells.len() * 2;
        }
        if let Some(cell) = shard.cells.get(key).filter(|cell| fits(cell)) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(make());
        shard.cells.insert(key.clone(), Arc::clone(&cell));
        cell
    }

    /// How many subjects are remembered.
    pub fn len(&self) -> usize {
        let count = |shard: &RwLock<Shard<C>>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.cells.len()
        };
        self.shards.iter().map(count).sum()
    }

    /// True when no subject is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
