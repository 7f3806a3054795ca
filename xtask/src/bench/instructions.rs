//! `bench --instructions`: how many instructions each piece of work takes, by valgrind, against what was recorded.
//!
//! Counts do not depend on how busy the machine is. They depend on the toolchain, which is pinned, on the profile `ci`,
//! and a little on what vector instructions the processor has.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::failure::Failure;
use crate::tally::Tally;
use crate::{install, shell};

/// What was recorded, from the root.
const RECORDED: &str = "crates/gateway-bench/instructions.txt";
/// How often the work is done while it is counted.
const TIMES: u32 = 100;
/// The share of a count by which it may grow: one in so many.
const ALLOWED: u64 = 20;
/// And what no work is too small to differ by.
const SLACK: u64 = 40;

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Show them beside what was recorded.
    Show,
    /// Fail where one grew.
    Check,
    /// Record them.
    Update,
}

/// Counts everything.
pub(super) fn run(then: Then) -> Result<Tally, Failure> {
    if !install::program("valgrind", "valgrind") {
        println!("skipped: valgrind is not installed and cannot be installed here");
        return Ok(Tally::SKIPPED);
    }
    if then == Then::Check && !shell::root().join(RECORDED).exists() {
        println!("skipped: nothing is recorded in {RECORDED}; --update records");
        return Ok(Tally::SKIPPED);
    }
    let program = build()?;
    let names = shell::read(&mut shell::command(&program, &[]))?;
    let names: Vec<&str> = names.lines().collect();
    let counts = count_all(&program, &names)?;
    if then == Then::Update {
        fs::write(shell::root().join(RECORDED), text(&names, &counts))?;
        println!("{RECORDED}: {} counts", counts.len());
        return Ok(Tally::PASSED);
    }
    let recorded = recorded()?;
    let mut tally = Tally::default();
    println!("| work | recorded | now | |\n|---|---|---|---|");
    for name in names {
        let (Some(now), before) = (counts.get(name), recorded.get(name)) else {
            continue;
        };
        let verdict = verdict(before.copied(), *now);
        if then == Then::Show || verdict != Verdict::Same {
            let before = before.map_or_else(|| "-".to_owned(), ToString::to_string);
            println!("| {name} | {before} | {now} | {} |", verdict.words());
        }
        let bad = then == Then::Check && matches!(verdict, Verdict::More(_) | Verdict::New);
        tally += Tally::check(!bad);
    }
    if tally.failed > 0 {
        println!(
            "a growth that is meant is recorded by `cargo xtask bench --instructions --update`"
        );
    }
    Ok(tally)
}

/// The program that does the work, in the profile whose counts are recorded.
pub(super) fn build() -> Result<PathBuf, Failure> {
    let args = [
        "build",
        "--profile",
        "ci",
        "--locked",
        "-p",
        "gateway-bench",
        "--bin",
        "count",
    ];
    if !shell::run(&mut shell::cargo(&args))? {
        return Err(Failure::new("the build failed"));
    }
    Ok(shell::target_dir().join("ci/count"))
}

/// Counts several kinds of work, as many at a time as there are processors.
pub(super) fn count_all(program: &Path, names: &[&str]) -> Result<BTreeMap<String, u64>, Failure> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let found = Mutex::new(BTreeMap::new());
    let failed = Mutex::new(None);
    let next = Mutex::new(names.iter());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let name = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(name) = name else { return };
                    match count(program, name) {
                        Ok(number) => {
                            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                            found.insert((*name).to_owned(), number);
                        }
                        Err(error) => {
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            *failed = Some(error.at(name));
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Instructions of one piece of work.
fn count(program: &Path, name: &str) -> Result<u64, Failure> {
    let folder = shell::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    let out = folder.join(format!("count-{}.out", name.replace('/', "-")));
    let times = TIMES.to_string();
    let mut command = shell::command(
        "valgrind",
        &[
            "--tool=callgrind",
            "--toggle-collect=*counted::measured*",
            "--collect-systime=no",
        ],
    );
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command
        .arg(program)
        .args(["--work", name, "--times", &times]);
    shell::read(&mut command)?;
    let profile = fs::read_to_string(&out)?;
    let totals = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = totals
        .and_then(|number| number.trim().parse().ok())
        .filter(|total| *total > 0)
        .ok_or_else(|| Failure::new("valgrind counted nothing"))?;
    Ok(total / u64::from(TIMES))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Same,
    More(f64),
    Less(f64),
    New,
}

fn verdict(before: Option<u64>, now: u64) -> Verdict {
    let Some(before) = before else {
        return Verdict::New;
    };
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let change = now as f64 / before.max(1) as f64 - 1.0;
    let apart = now.abs_diff(before);
    if apart <= SLACK || apart.saturating_mul(ALLOWED) <= before {
        Verdict::Same
    } else if change > 0.0 {
        Verdict::More(change)
    } else {
        Verdict::Less(change)
    }
}

impl Verdict {
    fn words(self) -> String {
        match self {
            Self::Same => String::new(),
            Self::More(change) => format!("**{:+.1} %**", change * 100.0),
            Self::Less(change) => format!("{:+.1} %", change * 100.0),
            Self::New => "not recorded".to_owned(),
        }
    }
}

fn recorded() -> Result<BTreeMap<String, u64>, Failure> {
    let text = fs::read_to_string(shell::root().join(RECORDED))
        .map_err(|error| Failure::from(error).at(RECORDED))?;
    Ok(read(&text))
}

fn read(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, count) = line.split_once(' ')?;
            Some((name.to_owned(), count.trim().parse().ok()?))
        })
        .collect()
}

fn text(names: &[&str], counts: &BTreeMap<String, u64>) -> String {
    let mut text = String::from(
        "# Instructions of each piece of work, by `cargo xtask bench --instructions --update`. Checked by CI: 5 % more fails.\n",
    );
    for name in names {
        if let Some(count) = counts.get(*name) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_grow_by_a_twentieth_and_no_more() {
        assert_eq!(verdict(Some(10_000), 10_500), Verdict::Same);
        assert!(matches!(verdict(Some(10_000), 10_501), Verdict::More(_)));
        assert!(matches!(verdict(Some(10_000), 9_000), Verdict::Less(_)));
        assert_eq!(verdict(Some(100), 139), Verdict::Same);
        assert_eq!(verdict(None, 1), Verdict::New);
    }

    #[test]
    fn what_is_recorded_is_read_again() {
        let counts = BTreeMap::from([("a/b".to_owned(), 7), ("c".to_owned(), 9)]);
        assert_eq!(read(&text(&["a/b", "c"], &counts)), counts);
    }
}
