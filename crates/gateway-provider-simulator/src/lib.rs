//! A provider that answers by itself, for demos, tests and game days.
mod answer;
mod fault;
mod options;
mod server;

pub use fault::{Fault, FaultKind, Schedule, Wait};
pub use options::{OPTIONS, Settings, Speech};
pub use server::SimulatedServer;
