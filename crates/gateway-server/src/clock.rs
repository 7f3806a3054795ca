//! The machine's clock.

use std::time::SystemTime;

use gateway_core::provider::Clock;

/// The wall clock of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clock of the machine is read"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
