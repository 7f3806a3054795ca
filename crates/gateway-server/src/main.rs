//! The gateway as a program. Everything is in the library beside it, so that tests can reach it.

use std::process::ExitCode;

/// Requests are many small allocations on several threads; this one is quicker at them than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway_server::run()
}
