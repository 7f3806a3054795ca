//! `release`: the binary as users get it, made fast for what it does most by a profile of itself.
//!
//! It is built so that it counts which way its code takes, run under every workload of the benchmark, and built again
//! with what was counted. Needs `llvm-profdata` of LLVM 19 or later, from rustup's `llvm-tools` or from the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::config::{Scale, Setup};
use super::process::{Core, Server, pinned};
use super::workloads::{Unit, WORKLOADS, Workload};
use super::{gateway, table};
use crate::args::Args;
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{install, shell};

/// Where rustc's own copy may be, and what systems call theirs.
const PROFDATA: [&str; 5] = [
    "llvm-profdata",
    "llvm-profdata-22",
    "llvm-profdata-21",
    "llvm-profdata-20",
    "llvm-profdata-19",
];
/// How many requests of each workload are enough to see which way they go.
const REQUESTS: &str = "2000";
/// How long the counting program may take to write down what it counted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the verb.
pub(crate) fn run(_: &Args) -> Result<Tally, Failure> {
    let host = host()?;
    let profdata = profdata(&host)?;
    let counted = shell::target_dir().join("pgo/counted");
    if counted.exists() {
        fs::remove_dir_all(&counted)?;
    }
    let flags = format!("-Cprofile-generate={}", counted.display());
    let counting = build("pgo/counting", &host, &flags)?;
    super::build(&super::Target::Bare)?;
    train(&counting)?;

    let merged = shell::target_dir().join("pgo/merged.profdata");
    let mut merge = shell::command(&profdata, &["merge", "-o"]);
    shell::read(merge.arg(&merged).arg(&counted))?;
    let flags = format!("-Cprofile-use={}", merged.display());
    let made = build("pgo/using", &host, &flags)?;
    let folder = shell::target_dir().join("dist");
    fs::create_dir_all(&folder)?;
    let place = folder.join("gateway-server");
    fs::copy(&made, &place)?;
    let kib = fs::metadata(&place)?.len() / 1024;
    println!("{}: {:.1} MiB", place.display(), table::mib(kib));
    Ok(Tally::PASSED)
}

/// The name of this kind of machine. Flags are for a named target only: programs that run while building need none.
fn host() -> Result<String, Failure> {
    let told = shell::read(&mut shell::command("rustc", &["-vV"]))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("rustc -vV names no host"))
}

fn profdata(host: &str) -> Result<PathBuf, Failure> {
    let root = shell::read(&mut shell::command("rustc", &["--print", "sysroot"]))?;
    let own = Path::new(root.trim()).join(format!("lib/rustlib/{host}/bin/llvm-profdata"));
    let known = || PROFDATA.into_iter().find(|name| is_recent(name));
    if own.exists() {
        return Ok(own);
    }
    if let Some(name) = known() {
        return Ok(name.into());
    }
    install::program("llvm-profdata-19", "llvm-19");
    known().map(PathBuf::from).ok_or_else(|| {
        Failure::new(
            "llvm-profdata of LLVM 19 or later is missing: rustup component add llvm-tools",
        )
    })
}

/// Whether it reads what this compiler writes: the format is that of LLVM 19.
fn is_recent(name: &str) -> bool {
    let told = shell::read(&mut shell::command(name, &["--version"])).unwrap_or_default();
    let version = told
        .split_once("LLVM version ")
        .and_then(|(_, rest)| rest.split('.').next()?.trim().parse::<u32>().ok());
    version.is_some_and(|version| version >= 19)
}

/// Both builds cut the code into the same units, by whose names it is counted: what is not found again is taken for
/// something that nobody calls.
fn build(folder: &str, host: &str, flags: &str) -> Result<PathBuf, Failure> {
    let folder = shell::target_dir().join(folder);
    let args = [
        "build",
        "--release",
        "--locked",
        "-p",
        "gateway-server",
        "--target",
        host,
        "--target-dir",
    ];
    let mut command = shell::cargo(&args);
    command
        .arg(&folder)
        .env("RUSTFLAGS", flags)
        .env("CARGO_PROFILE_RELEASE_LTO", "thin")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "4");
    if !shell::run(&mut command)? {
        return Err(Failure::new("the build failed"));
    }
    Ok(folder.join(host).join("release/gateway-server"))
}

/// Runs the counting program under every workload, with everything on and with nothing on.
fn train(program: &Path) -> Result<(), Failure> {
    let release = shell::target_dir().join("release");
    for setup in [Setup::Full, Setup::Bare] {
        for work in WORKLOADS {
            // Streams that are held go no other way than those that are not.
            if matches!(work.unit, Unit::Request | Unit::Event) {
                one(program, &release, &setup, work)?;
            }
        }
    }
    Ok(())
}

fn one(program: &Path, release: &Path, setup: &Setup, work: &Workload) -> Result<(), Failure> {
    let mock: Vec<_> = work.mock.split_whitespace().collect();
    let mock = Server::start(Core::Load, &release.join("mock-upstream"), &mock, None)?;
    let upstream = format!("127.0.0.1:{}", mock.port);
    let config = setup.write(&upstream, Scale::ONE)?;
    let server = gateway(program, &config, &upstream)?;
    let port = server.port.to_string();
    let mut args = vec!["--port", &port];
    args.extend(work.load.split_whitespace());
    args.extend(work.gateway.split_whitespace());
    // The last word counts.
    args.extend(["--requests", REQUESTS, "--connections", "32"]);
    let told = shell::read(&mut pinned(Core::Load, &release.join("load"), &args))?;
    println!("{}: {}", work.name, told.trim());
    stop(server)
}

/// Asks it to end, as it writes down what it counted when it ends in peace.
fn stop(mut server: Server) -> Result<(), Failure> {
    let id = server.id().to_string();
    shell::read(&mut shell::command("kill", &["-TERM", &id]))?;
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if server.has_ended()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(Failure::new("the counting program did not end"))
}
