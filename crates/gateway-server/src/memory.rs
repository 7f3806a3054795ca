//! How much memory the process may use, as the system says (Linux).

use std::fs::read_to_string;

/// Bytes of memory: the least of the machine's, the container's and the process's own bound; `None` where the system says
/// nothing.
pub(crate) fn available() -> Option<u64> {
    let text = |path: &str| read_to_string(path).unwrap_or_default();
    [
        machine(&text("/proc/meminfo")),
        number(&text("/sys/fs/cgroup/memory.max")),
        number(&text("/sys/fs/cgroup/memory/memory.limit_in_bytes")),
        process(&text("/proc/self/limits")),
    ]
    .into_iter()
    .flatten()
    .min()
}

fn machine(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes = number(line.trim().strip_suffix("kB")?)?;
    kibibytes.checked_mul(1024)
}

/// The bound on the address space (`ulimit -v`).
fn process(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    number(line.split_whitespace().next()?)
}

/// `max`, `unlimited` and nothing are no number.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(
            machine("MemFree: 1 kB\nMemTotal:       12345 kB\n"),
            Some(12_345 * 1024)
        );
        assert_eq!(machine(""), None);
        let limits = |bound: &str| {
            format!("Limit  Soft\nMax address space         {bound}   unlimited  bytes\n")
        };
        assert_eq!(process(&limits("1228800000")), Some(1_228_800_000));
        assert_eq!(process(&limits("unlimited")), None);
        assert_eq!((number("max\n"), number("4096\n")), (None, Some(4096)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_some() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 24));
    }
}
