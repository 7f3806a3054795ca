//! When a call is one too many.

use std::time::Duration;

use gateway_schema::{CallError, ErrorKind, Retry};

/// What is refused comes back after this.
const COME_BACK: Duration = Duration::from_secs(1);

/// How much a process may have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CapacityBounds {
    /// Calls in flight.
    pub max_in_flight: Option<u64>,
    /// Bytes of memory in use.
    pub max_memory: Option<u64>,
}

impl CapacityBounds {
    /// No bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds the calls in flight.
    pub const fn with_max_in_flight(mut self, calls: u64) -> Self {
        self.max_in_flight = Some(calls);
        self
    }

    /// Bounds the memory in use, in bytes.
    pub const fn with_max_memory(mut self, bytes: u64) -> Self {
        self.max_memory = Some(bytes);
        self
    }
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overloaded {
    /// Calls in flight.
    InFlight,
    /// Memory in use.
    Memory,
}

impl Overloaded {
    /// Both.
    pub const ALL: [Self; 2] = [Self::InFlight, Self::Memory];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Memory => "memory",
        }
    }

    /// What the caller is told.
    pub(super) fn error(self) -> CallError {
        let message = match self {
            Self::InFlight => {
                "The gateway has as many calls in flight as it may. Try again in a second."
            }
            Self::Memory => "The gateway uses as much memory as it may. Try again in a second.",
        };
        CallError::gateway(ErrorKind::Unavailable, message)
            .with_code("overloaded")
            .with_retry(Retry::After(COME_BACK))
            .with_retry_after(COME_BACK)
    }
}

/// Whether one more call is too many, beside `in_flight` others and with `memory` in use.
pub(super) fn decide(bounds: CapacityBounds, in_flight: u64, memory: u64) -> Option<Overloaded> {
    if bounds.max_in_flight.is_some_and(|most| in_flight >= most) {
        return Some(Overloaded::InFlight);
    }
    let full = bounds.max_memory.is_some_and(|most| memory >= most);
    (full && in_flight > 0).then_some(Overloaded::Memory)
}
