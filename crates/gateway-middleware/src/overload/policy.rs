//! When a call is one too many.

use std::time::Duration;

use gateway_provider::Exhausted;
use gateway_schema::{CallError, ErrorKind, Retry};

/// What is refused comes back after this.
const COME_BACK: Duration = Duration::from_secs(1);

/// How much a process may have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CapacityBounds {
    /// Calls in flight.
    pub max_in_flight: Option<u64>,
    /// Bytes held for callers.
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

    /// Bounds the bytes that are held for callers.
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
    /// Bytes held for callers.
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
        match self {
            Self::InFlight => CallError::gateway(
                ErrorKind::Unavailable,
                "The gateway has as many calls in flight as it may. Try again in a second.",
            )
            .with_code("overloaded")
            .with_retry(Retry::After(COME_BACK))
            .with_retry_after(COME_BACK),
            Self::Memory => Exhausted.into(),
        }
    }
}

/// Whether one more call is too many, beside `in_flight` others of at most `most_in_flight` and with `held` bytes of at most
/// `most_held`.
pub(super) const fn decide(
    in_flight: u64,
    most_in_flight: u64,
    held: u64,
    most_held: u64,
) -> Option<Overloaded> {
    if in_flight >= most_in_flight {
        Some(Overloaded::InFlight)
    } else if held >= most_held {
        Some(Overloaded::Memory)
    } else {
        None
    }
}
