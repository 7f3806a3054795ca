//! The table of a run, in Markdown.

use super::measure::{Comparison, Round, median};
use super::workloads::{Unit, Workload};

/// Its head.
pub(super) const HEADER: &str = "
| workload | | bare us | target us | ratio | bare p50 / p99 ms | target p50 / p99 ms | first event p50 ms | memory MiB |
|---|---|---|---|---|---|---|---|---|";

/// The line of one workload.
pub(super) fn row(work: &Workload, found: &Comparison) -> String {
    let of = |rounds: &[Round], pick: fn(&Round) -> f64| median(rounds.iter().map(pick));
    let unit = match work.unit {
        Unit::Request | Unit::Idle => "per request",
        Unit::Event | Unit::Held(_) => "per event",
    };
    let latency = |rounds: &[Round]| {
        format!(
            "{:.2} / {:.2}",
            of(rounds, |r| r.p50_us) / 1000.0,
            of(rounds, |r| r.p99_us) / 1000.0
        )
    };
    let first = match work.unit {
        Unit::Request | Unit::Idle => String::new(),
        Unit::Event | Unit::Held(_) => format!(
            "{:.2}, {:.2}",
            of(&found.bare, |r| r.first_p50_us) / 1000.0,
            of(&found.target, |r| r.first_p50_us) / 1000.0
        ),
    };
    format!(
        "| {}: {} | {unit} | {:.2} | {:.2} | **{:.2}** | {} | {} | {first} | {} |",
        work.name,
        work.what,
        of(&found.bare, |r| r.cpu_us),
        of(&found.target, |r| r.cpu_us),
        found.ratio(),
        latency(&found.bare),
        latency(&found.target),
        memory(work, found),
    )
}

fn memory(work: &Workload, found: &Comparison) -> String {
    let of = |rounds: &[Round]| {
        let peak = rounds
            .iter()
            .map(|round| round.peak_kib)
            .max()
            .unwrap_or_default();
        let before = rounds.first().map_or(0, |round| round.before_kib);
        match work.unit {
            Unit::Held(streams) => format!(
                "{:.1} ({} KiB each)",
                mib(peak),
                peak.saturating_sub(before) / u64::from(streams)
            ),
            Unit::Idle => {
                let after = rounds.first().map_or(0, |round| round.after_kib);
                format!(
                    "{:.1} before, {:.1} at most, {:.1} after",
                    mib(before),
                    mib(peak),
                    mib(after)
                )
            }
            _ => format!("{:.1}", mib(peak)),
        }
    };
    format!("{}, {}", of(&found.bare), of(&found.target))
}

/// KiB as MiB.
pub(super) fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}
