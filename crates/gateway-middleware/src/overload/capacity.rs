use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_schema::CallError;

use super::policy::{CapacityBounds, Overloaded, decide};

/// How many bytes of memory the process uses. Asked for every call: answers from memory.
pub type MemoryGauge = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Stands for no bound.
const UNBOUNDED: u64 = u64::MAX;

/// How much a process has to do, and may. Clones share it; it outlives plans.
#[derive(Clone)]
pub struct Capacity(Arc<Shared>);

struct Shared {
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    max_memory: AtomicU64,
    memory: Option<MemoryGauge>,
    shed: [AtomicU64; 2],
}

impl Default for Capacity {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capacity")
            .field("in_flight", &self.in_flight())
            .field("bounds", &self.bounds())
            .finish_non_exhaustive()
    }
}

impl Capacity {
    /// Nothing to do, no bounds, and nobody who measures memory.
    pub fn new() -> Self {
        Self::measured(None)
    }

    /// The same, with memory measured by `memory`.
    pub fn measured(memory: Option<MemoryGauge>) -> Self {
        Self(Arc::new(Shared {
            in_flight: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(UNBOUNDED),
            max_memory: AtomicU64::new(UNBOUNDED),
            memory,
            shed: Default::default(),
        }))
    }

    /// Whether somebody measures memory.
    pub fn measures_memory(&self) -> bool {
        self.0.memory.is_some()
    }

    /// Sets the bounds from now on.
    pub fn bound(&self, bounds: CapacityBounds) {
        let most = |bound: Option<u64>| bound.unwrap_or(UNBOUNDED);
        let shared = &self.0;
        shared
            .max_in_flight
            .store(most(bounds.max_in_flight), Ordering::Relaxed);
        shared
            .max_memory
            .store(most(bounds.max_memory), Ordering::Relaxed);
    }

    fn bounds(&self) -> CapacityBounds {
        let read = |bound: &AtomicU64| match bound.load(Ordering::Relaxed) {
            UNBOUNDED => None,
            most => Some(most),
        };
        CapacityBounds {
            max_in_flight: read(&self.0.max_in_flight),
            max_memory: read(&self.0.max_memory),
        }
    }

    /// Calls in flight that took a place.
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// How many calls were refused so far, by what there was too much of.
    pub fn shed(&self) -> [(Overloaded, u64); 2] {
        let [in_flight, memory] = &self.0.shed;
        [
            (Overloaded::InFlight, in_flight),
            (Overloaded::Memory, memory),
        ]
        .map(|(why, count)| (why, count.load(Ordering::Relaxed)))
    }

    /// Whether a call would be let in now.
    ///
    /// # Errors
    /// It would not: of kind unavailable, with when to come back. It counts as refused.
    pub fn check(&self) -> Result<(), CallError> {
        self.look(self.in_flight())
    }

    /// Lets a call in. It counts until the place is dropped.
    ///
    /// # Errors
    /// It is one too many: of kind unavailable, with when to come back.
    pub fn enter(&self) -> Result<Place, CallError> {
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        self.look(before)?;
        Ok(place)
    }

    fn look(&self, in_flight: u64) -> Result<(), CallError> {
        let bounds = self.bounds();
        let memory = match (&self.0.memory, bounds.max_memory) {
            (Some(gauge), Some(_)) => gauge(),
            _ => 0,
        };
        let Some(why) = decide(bounds, in_flight, memory) else {
            return Ok(());
        };
        let [of_calls, of_memory] = &self.0.shed;
        let count = match why {
            Overloaded::InFlight => of_calls,
            Overloaded::Memory => of_memory,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Err(why.error())
    }
}

/// The place of one call in flight.
#[derive(Debug)]
pub struct Place(Capacity);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
