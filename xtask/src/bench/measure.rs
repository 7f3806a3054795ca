//! One workload: interleaved rounds of the yardstick and the target.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::process::{Core, Server, pinned};
use super::workloads::{Unit, Workload};
use crate::failure::Failure;
use crate::shell;

/// How long after the last request memory is looked at again.
const IDLE: Duration = Duration::from_secs(10);

/// One round of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Processor time per unit, in microseconds.
    pub(super) cpu_us: f64,
    /// Latency of whole replies.
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// Time to the first event.
    pub(super) first_p50_us: f64,
    /// Memory: the peak while it ran, and what it was before.
    pub(super) peak_kib: u64,
    pub(super) before_kib: u64,
    /// What it holds some time after, where that is asked for.
    pub(super) after_kib: u64,
    /// Requests that went wrong.
    pub(super) failed: u64,
}

/// The rounds of both.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) bare: Vec<Round>,
    pub(super) target: Vec<Round>,
}

impl Comparison {
    /// The middle of the ratios of neighbouring rounds.
    pub(super) fn ratio(&self) -> f64 {
        let pairs = self.bare.iter().zip(&self.target);
        median(pairs.map(|(bare, target)| target.cpu_us / bare.cpu_us))
    }

    pub(super) fn failed(&self) -> u64 {
        let rounds = self.bare.iter().chain(&self.target);
        rounds.map(|round| round.failed).sum()
    }
}

/// The middle value, 0 of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Runs `rounds` rounds, the yardstick and the target in turn, after one of each that does not count.
pub(super) fn compare(
    work: &Workload,
    load: &Path,
    (bare, target): (&Server, &Server),
    rounds: usize,
) -> Result<Comparison, Failure> {
    let mut found = Comparison::default();
    for number in 0..=rounds {
        let a = round(work, load, bare, "")?;
        let b = round(work, load, target, work.gateway)?;
        if number > 0 || rounds == 0 {
            found.bare.push(a);
            found.target.push(b);
        }
    }
    Ok(found)
}

fn round(work: &Workload, load: &Path, server: &Server, more: &str) -> Result<Round, Failure> {
    let port = server.port.to_string();
    let mut args = vec!["--port", &port];
    args.extend(work.load.split_whitespace());
    args.extend(more.split_whitespace());
    if work.unit == Unit::Idle {
        // What any first requests leave behind (a filled cache, warm pools) is not what is looked for.
        let warm = ["--port", &port, "--requests", "5000"];
        shell::read(&mut pinned(Core::Load, load, &warm))?;
        thread::sleep(IDLE);
    }
    let before_kib = server.rss_kib()?;
    let begin = server.cpu_ns()?;
    let (text, peak_kib) =
        server.peak_during(|| shell::read(&mut pinned(Core::Load, load, &args)))?;
    let used = server.cpu_ns()?.saturating_sub(begin);
    let after_kib = if work.unit == Unit::Idle {
        thread::sleep(IDLE);
        server.rss_kib()?
    } else {
        0
    };
    let pairs: HashMap<_, _> = text
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let number = |name: &str| {
        let text = pairs.get(name).copied().unwrap_or_default();
        text.parse::<f64>().unwrap_or_default()
    };
    let units = match work.unit {
        Unit::Request | Unit::Idle => number("good"),
        Unit::Event | Unit::Held(_) => number("events"),
    };
    let failed = number("failed");
    if failed > 0.0 || units < 1.0 {
        println!("  {}: {}", work.name, text.trim());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small count"
    )]
    let failed = failed as u64;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 nanoseconds")]
    let cpu_us = used as f64 / 1000.0 / units.max(1.0);
    Ok(Round {
        cpu_us,
        p50_us: number("p50_us"),
        p99_us: number("p99_us"),
        first_p50_us: number("first_p50_us"),
        peak_kib,
        before_kib,
        after_kib,
        failed,
    })
}
