//! The engine and the gateway through their public faces.

mod auth;
mod balance;
mod browsers;
mod cache;
mod cost;
mod deadlines;
mod engine;
mod faults;
mod leaks;
mod losses;
mod metering;
mod overload;
mod passthrough;
mod policies;
#[cfg(test)]
mod reload;
mod signed;
#[cfg(test)]
mod stores;
mod support;
mod telemetry;
