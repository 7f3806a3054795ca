//! The gateway as a program. Everything is in the library beside it, so that tests can reach it.

use std::process::ExitCode;

/// Requests are many small allocations on several threads; this one is quicker at them than the system's, and returns what
/// large bodies took to the system within seconds. Its settings are in `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    gateway_server::run()
}
