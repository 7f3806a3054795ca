//! How much memory the process uses, as the system tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway_core::Gateway;
use tokio_util::sync::CancellationToken;

/// How often is looked while a bound is configured. Short enough to see a burst of large requests.
const INTERVAL: Duration = Duration::from_millis(100);

/// The latest look. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<AtomicU64>);

impl Memory {
    /// A first look; `None` where the system does not tell.
    pub(crate) fn look() -> Option<Self> {
        Some(Self(Arc::new(AtomicU64::new(resident()?))))
    }

    /// What the latest look saw, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks until `stop`, as long as the running configuration bounds memory.
    pub(crate) async fn watch(self, gateway: Gateway, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if gateway.engine().server().max_memory.is_some()
                && let Some(bytes) = resident()
            {
                self.0.store(bytes, Ordering::Relaxed);
            }
        }
    }
}

/// The memory that is in use, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    read(&status)
}

fn read(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let status = "Name:\tgateway\nVmHWM:\t  999 kB\nVmRSS:\t   12345 kB\nThreads:\t4\n";
        assert_eq!(read(status), Some(12_345 * 1024));
        assert_eq!(read("Name:\tgateway\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_some() {
        assert!(Memory::look().unwrap().bytes() > 100_000);
    }
}
