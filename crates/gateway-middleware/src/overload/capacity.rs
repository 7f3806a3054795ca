use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_provider::ByteBudget;
use gateway_schema::CallError;

use super::policy::{CapacityBounds, Overloaded, decide};

/// Bytes that may be held for callers unless said otherwise: 1 GiB.
const MEMORY: u64 = 1024 * 1024 * 1024;
/// The share of it for callers who are not known before their body is there.
const UNVERIFIED: u64 = 8;

/// Stands for no bound.
const UNBOUNDED: u64 = u64::MAX;

/// How much a process has to do, and may. Clones share it; it outlives plans.
#[derive(Clone)]
pub struct Capacity(Arc<Shared>);

struct Shared {
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    /// Bytes that are held for callers.
    memory: ByteBudget,
    unverified: ByteBudget,
    /// The limit of `memory` where the bounds say nothing.
    default_memory: u64,
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
            .field("memory", self.memory())
            .finish_non_exhaustive()
    }
}

impl Capacity {
    /// Nothing to do, no bound on calls, and 1 GiB for the bytes of callers.
    pub fn new() -> Self {
        Self::with_memory(MEMORY)
    }

    /// The same, with so many bytes for callers where the bounds say nothing of memory.
    pub fn with_memory(bytes: u64) -> Self {
        let memory = ByteBudget::new(bytes);
        Self(Arc::new(Shared {
            in_flight: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(UNBOUNDED),
            unverified: memory.within(bytes / UNVERIFIED),
            memory,
            default_memory: bytes,
            shed: Default::default(),
        }))
    }

    /// Where bytes count that are held for callers.
    pub fn memory(&self) -> &ByteBudget {
        &self.0.memory
    }

    /// The eighth of [`memory`](Self::memory) that callers share who are not known before their body is there.
    pub fn unverified_memory(&self) -> &ByteBudget {
        &self.0.unverified
    }

    /// Sets the bounds from now on.
    pub fn bound(&self, bounds: CapacityBounds) {
        let shared = &self.0;
        let calls = bounds.max_in_flight.unwrap_or(UNBOUNDED);
        shared.max_in_flight.store(calls, Ordering::Relaxed);
        let bytes = bounds.max_memory.unwrap_or(shared.default_memory);
        shared.memory.set_limit(bytes);
        shared.unverified.set_limit(bytes / UNVERIFIED);
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
        .map(|(why, count)| {
            let refused = match why {
                Overloaded::InFlight => 0,
                Overloaded::Memory => self.0.memory.refused(),
            };
            (why, count.load(Ordering::Relaxed) + refused)
        })
    }

    /// Whether a call would be let in now: there is a free place, and memory left for its bytes.
    ///
    /// # Errors
    /// It would not: of kind unavailable, with when to come back. It counts as refused.
    pub fn check(&self) -> Result<(), CallError> {
        let memory = self.memory();
        self.refuse(decide(
            self.in_flight(),
            self.0.max_in_flight.load(Ordering::Relaxed),
            memory.used(),
            memory.limit(),
        ))
    }

    /// Lets a call in. It counts until the place is dropped.
    ///
    /// # Errors
    /// It is one too many: of kind unavailable, with when to come back.
    pub fn enter(&self) -> Result<Place, CallError> {
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        // Its bytes have been counted.
        let most = self.0.max_in_flight.load(Ordering::Relaxed);
        self.refuse(decide(before, most, 0, UNBOUNDED))?;
        Ok(place)
    }

    fn refuse(&self, why: Option<Overloaded>) -> Result<(), CallError> {
        let Some(why) = why else {
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
