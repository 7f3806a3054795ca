//! `fuzz`: bytes of any kind against everything that reads what others wrote.
//!
//! The targets are those of `crates/gateway-dialect/fuzz`, one per dialect, one for AWS event streams, one for every
//! client with every provider, one for the envelope of a body beside `serde_json`, and that of `crates/gateway-core/fuzz`
//! for the HTTP edge. They are built by the pinned compiler with coverage counters and libFuzzer; nothing has to be
//! installed but a C++ compiler. What libFuzzer finds worth keeping stays below `target/fuzz/corpus`, crashes below
//! `target/fuzz/crashes`: a crash becomes a seed in the folder `seeds` of its crate.

use std::fs;
use std::path::PathBuf;

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// The crates of the targets.
const FOLDERS: [&str; 2] = ["crates/gateway-dialect/fuzz", "crates/gateway-core/fuzz"];

/// A target: the crate that it is of, and its name.
type Target = (&'static str, String);

/// Coverage counters, as libFuzzer reads them.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Minutes per target when nothing is said.
const MINUTES: u64 = 10;

/// Runs one target, or all of them one after the other.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let minutes = match args.option("--minutes") {
        Some(text) => text
            .parse()
            .map_err(|_| Failure::new(format!("--minutes {text}: not a number")))?,
        None => MINUTES,
    };
    let targets = targets()?;
    let chosen = args.word(0);
    if let Some(name) = chosen.filter(|name| targets.iter().all(|(_, known)| known != name)) {
        let names: Vec<&str> = targets.iter().map(|(_, name)| name.as_str()).collect();
        return Err(Failure::new(format!(
            "no target `{name}`; there are: {}",
            names.join(", ")
        )));
    }
    let is_chosen = |target: &&Target| chosen.is_none_or(|chosen| chosen == target.1);
    let mut tally = Tally::default();
    for folder in FOLDERS {
        let mut wanted = targets
            .iter()
            .filter(is_chosen)
            .filter(|target| target.0 == folder)
            .peekable();
        if wanted.peek().is_none() {
            continue;
        }
        let programs = build(folder)?;
        for target in wanted {
            tally += Tally::check(fuzz(&programs, target, minutes)?);
        }
    }
    Ok(tally)
}

/// The targets: one file each.
fn targets() -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(shell::root().join(folder).join("fuzz_targets"))? {
            let path = entry?.path();
            let name = path.file_stem().map(|name| name.to_string_lossy());
            targets.extend(name.map(|name| (folder, name.into_owned())));
        }
    }
    targets.sort();
    Ok(targets)
}

/// Builds the targets of a crate and returns the folder of the programs. Naming the host keeps the flags off build scripts.
fn build(crate_folder: &str) -> Result<PathBuf, Failure> {
    let version = shell::read(&mut shell::command("rustc", &["-vV"]))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or_else(|| Failure::new("rustc does not say what it runs on"))?;
    let folder = shell::target_dir().join("fuzz");
    let manifest = format!("{crate_folder}/Cargo.toml");
    let mut command = shell::cargo(&["build", "--quiet", "--release", "--locked"]);
    command
        .args(["--manifest-path", &manifest, "--target", host])
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", FLAGS);
    if shell::run(&mut command)? {
        Ok(folder.join(host).join("release"))
    } else {
        Err(Failure::new("the fuzz targets do not build"))
    }
}

/// Runs one target for a while; false when it found something.
fn fuzz(
    programs: &std::path::Path,
    (crate_folder, target): &Target,
    minutes: u64,
) -> Result<bool, Failure> {
    let folder = shell::target_dir().join("fuzz");
    let (corpus, crashes) = (
        folder.join("corpus").join(target),
        folder.join("crashes").join(target),
    );
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&crashes)?;
    let time = format!("-max_total_time={}", minutes.saturating_mul(60));
    let mut command = shell::command(
        programs.join(target),
        &[&time, "-timeout=25", "-rss_limit_mb=2048", "-max_len=8192"],
    );
    command
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg("-print_final_stats=1")
        .arg(corpus)
        .arg(shell::root().join(crate_folder).join("seeds").join(target));
    shell::run(&mut command)
}
