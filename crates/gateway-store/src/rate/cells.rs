//! The states of many subjects, found by many threads at once.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashMap;
use foldhash::fast::RandomState;

use super::RateKey;

const SHARDS: usize = 16;
/// Subjects a shard holds before it drops those that are as good as new.
const SWEEP_AT: usize = 4_096;
/// Subjects of all rules together, unless said otherwise: about 100 MB at their longest.
const MOST: usize = 512 * 1024;
/// Subjects of a rule that have no state of their own share so many.
const SHARED: u64 = 1024;

/// A state for each subject of each rule, for stores of rates. Those that are as good as new are forgotten when there are
/// many and nobody has them in hand; no other ever is. Once there are as many as may be, the next subjects share 1,024
/// states for each rule: together they get no more than so many subjects would, and nobody gets more than its limit.
#[derive(Debug)]
pub struct RateCells<C> {
    hasher: RandomState,
    shards: [RwLock<Shard<C>>; SHARDS],
    /// Subjects that may be in one shard.
    most: usize,
}

/// What becomes of a subject when there are as many as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    /// It shares a state with others.
    Shares,
    /// It gets a state of its own all the same. For what is given back soon, and must come back to where it was taken.
    Grows,
}

#[derive(Debug)]
struct Shard<C> {
    cells: HashMap<RateKey, Arc<C>>,
    /// The number of subjects at which the next sweep is due.
    sweep_at: usize,
    /// How often a subject found the shard full.
    crowded: AtomicUsize,
}

impl<C> Default for RateCells<C> {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl<C> RateCells<C> {
    /// States for at most about `subjects` subjects, beside the shared ones.
    pub fn with_most(subjects: usize) -> Self {
        let shard = || Shard {
            cells: HashMap::default(),
            sweep_at: 0,
            crowded: AtomicUsize::new(0),
        };
        Self {
            hasher: RandomState::default(),
            shards: std::array::from_fn(|_| RwLock::new(shard())),
            most: subjects.div_ceil(SHARDS),
        }
    }

    /// The state of `key`, if it `fits`; otherwise what `make` makes for the key that it is given takes its place: `key`, or
    /// the one that subjects share when there are too many. `is_new` tells which ones can be forgotten.
    #[expect(
        clippy::too_many_arguments,
        reason = "three closures over one kind of state; a type for them would be made at one call only"
    )]
    pub fn get(
        &self,
        key: &RateKey,
        crowd: Crowd,
        fits: impl Fn(&C) -> bool,
        is_new: impl Fn(&C) -> bool,
        make: impl Fn(&RateKey) -> C,
    ) -> Arc<C> {
        if let Some(cell) = self.of(key, crowd, &fits, &is_new, &make) {
            return cell;
        }
        let number = self.hasher.hash_one(key) % SHARED;
        let shared = RateKey {
            rule: Arc::clone(&key.rule),
            subject: format!("(shared {number})").into(),
        };
        let cell = self.of(&shared, Crowd::Grows, &fits, &is_new, &make);
        cell.unwrap_or_else(|| Arc::new(make(&shared)))
    }

    fn shard(&self, key: &RateKey) -> &RwLock<Shard<C>> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a shard's number, whatever the width"
        )]
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        let [first, ..] = &self.shards;
        self.shards.get(index).unwrap_or(first)
    }

    /// The state of `key`; `None` when there is no room for another one.
    #[expect(
        clippy::too_many_arguments,
        reason = "three closures over one kind of state; a type for them would be made at one call only"
    )]
    fn of(
        &self,
        key: &RateKey,
        crowd: Crowd,
        fits: &impl Fn(&C) -> bool,
        is_new: &impl Fn(&C) -> bool,
        make: &impl Fn(&RateKey) -> C,
    ) -> Option<Arc<C>> {
        let shard = self.shard(key);
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.cells.get(key).filter(|cell| fits(cell)) {
            return Some(Arc::clone(cell));
        }
        let is_full = known.cells.len() >= self.most && !known.cells.contains_key(key);
        // A sweep looks at every subject: it is worth it once for so many that find no room.
        let every = (self.most / 4).max(1);
        let is_due = is_full
            && known
                .crowded
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(every);
        if is_full && !is_due && crowd == Crowd::Shares {
            return None;
        }
        drop(known);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if is_due || (shard.cells.len() >= shard.sweep_at.max(SWEEP_AT) && !is_full) {
            shard
                .cells
                .retain(|_, cell| Arc::strong_count(cell) > 1 || !is_new(cell));
            shard.sweep_at = shard.cells.len() * 2;
        }
        let known = shard.cells.get(key);
        if let Some(cell) = known.filter(|cell| fits(cell)) {
            return Some(Arc::clone(cell));
        }
        if known.is_none() && crowd == Crowd::Shares && shard.cells.len() >= self.most {
            return None;
        }
        let cell = Arc::new(make(key));
        shard.cells.insert(key.clone(), Arc::clone(&cell));
        Some(cell)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn key(subject: usize) -> RateKey {
        RateKey {
            rule: "chat/limits[0]".into(),
            subject: subject.to_string().into(),
        }
    }

    /// A state that may be forgotten when it says so.
    #[derive(Debug, Default)]
    struct Cell(AtomicBool);

    fn get(cells: &RateCells<Cell>, subject: usize, crowd: Crowd) -> Arc<Cell> {
        let is_new = |cell: &Cell| cell.0.load(Ordering::Relaxed);
        cells.get(&key(subject), crowd, |_| true, is_new, |_| Cell::default())
    }

    #[test]
    fn a_crowd_shares_and_nobody_with_a_state_loses_it() {
        const MOST: usize = 16 * 100;
        let cells = RateCells::with_most(MOST);
        let first: Vec<_> = (0..800).map(|it| get(&cells, it, Crowd::Shares)).collect();
        for subject in 800..200_000 {
            let _ = get(&cells, subject, Crowd::Shares);
        }
        let bound = MOST + usize::try_from(SHARED).unwrap();
        assert!(cells.len() <= bound, "{}", cells.len());
        for (subject, cell) in first.iter().enumerate() {
            assert!(Arc::ptr_eq(cell, &get(&cells, subject, Crowd::Shares)));
        }
        let shared = get(&cells, 199_999, Crowd::Shares);
        assert!(Arc::ptr_eq(&shared, &get(&cells, 199_999, Crowd::Shares)));
        let own = get(&cells, 199_999, Crowd::Grows);
        assert!(!Arc::ptr_eq(&own, &shared));
        // Once they can be forgotten there is room again.
        for cell in first {
            cell.0.store(true, Ordering::Relaxed);
        }
        for subject in 300_000..302_000 {
            let _ = get(&cells, subject, Crowd::Shares);
        }
        let begun = get(&cells, 400_000, Crowd::Shares);
        let others = (0..200_000).map(|it| get(&cells, it, Crowd::Shares));
        let same = others.filter(|it| Arc::ptr_eq(it, &begun)).count();
        assert!(cells.len() <= bound, "{}", cells.len());
        assert!(same < 200_000 / 500, "{same}");
    }
}
