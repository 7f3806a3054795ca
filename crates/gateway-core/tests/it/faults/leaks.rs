//! After ten thousand calls that fail in every way, everything is as before.

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::rows::ROWS;
use super::{WAYS, World};

const CALLS: usize = 10_000;
const AT_ONCE: usize = 8;
/// What memory may grow by after the first thousand calls. A leak of a kilobyte a call would be nine times as much.
const GROWTH_KIB: usize = 8 * 1024;

/// Every combination of the matrix in turn, `count` calls in all, each with its one record.
async fn storm(world: &World, count: usize) {
    let names: Vec<String> = ROWS
        .iter()
        // Thousands of tiny pieces would be most of the time.
        .filter(|row| row.name != "drip")
        .flat_map(|row| [row.name.to_owned(), row.behind()])
        .collect();
    let mut number = 0;
    while number < count {
        let batch = (number..number + AT_ONCE).map(|number| {
            let (lane, stream) = WAYS[number % WAYS.len()];
            world.ask(&names[number / WAYS.len() % names.len()], lane, stream)
        });
        join_all(batch).await;
        assert_eq!(world.records.take().len(), AT_ONCE, "one call, one record");
        number += AT_ONCE;
    }
}

/// The memory of this process that is in use, where the system tells.
pub(super) fn resident_kib() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn nothing_leaks_in_ten_thousand_faulty_calls() {
    let world = World::new();
    storm(&world, 1_000).await;
    let (memory, tasks) = (
        resident_kib(),
        Handle::current().metrics().num_alive_tasks(),
    );

    storm(&world, CALLS - 1_000).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks);
    if let (Some(before), Some(after)) = (memory, resident_kib()) {
        assert!(
            after < before + GROWTH_KIB,
            "{before} KiB became {after} KiB"
        );
    }
    for (name, count) in world.gateway.engine().in_flight() {
        assert_eq!(count, 0, "{name}");
    }
    // Every place at a target is free: with one taken for good, the last of the eight would wait in line for ever.
    for row in ROWS {
        let calls = (0..AT_ONCE).map(|_| world.ask(row.name, WAYS[0].0, WAYS[0].1));
        for told in join_all(calls).await {
            assert_ne!(
                told.status,
                503 - u16::from(row.name == "status-503"),
                "{}",
                row.name
            );
        }
    }
}
