//! The choice of runtime, in one place.

use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// One worker per core; on a single core one thread does everything, which saves the handing over.
pub(crate) fn build(workers: Option<usize>) -> Result<Runtime, Failure> {
    let cores = available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let workers = workers.filter(|workers| *workers > 0).unwrap_or(cores);
    let mut builder = if workers == 1 {
        Builder::new_current_thread()
    } else {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers);
        builder
    };
    builder
        .enable_all()
        .thread_name("gateway")
        .build()
        .map_err(|error| Failure::Broken(format!("The threads cannot be started: {error}")))
}
