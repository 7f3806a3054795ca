//! `conformance`: the running binary against recordings and real clients.
//!
//! `mlflow` replays recorded exchanges of MLflow's gateway, `corpus` recorded provider traffic (kept outside the
//! repository, skipped where it is absent), `clients` starts the SDKs people use, `provider` makes a third-party provider
//! and runs its tests, `schemas` has requests for every provider judged by the types that the vendors publish.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Args;
use crate::failure::Failure;
use crate::install;
use crate::new_provider;
use crate::shell;
use crate::tally::Tally;

/// The folder of the programs and recordings.
const FOLDER: &str = "xtask/conformance";

/// Where the gateway differs from the recordings on purpose.
const DEVIATIONS: &str = "docs/reference/mlflow-deviations.json";

/// The recorded cases of what the gateway has.
const RECORDED: &str = "*";

/// Runs against a binary.
type Suite = fn(&Path) -> Result<Tally, Failure>;

const SUITES: [(&str, Suite); 5] = [
    ("mlflow", mlflow),
    ("corpus", corpus),
    ("clients", clients),
    ("provider", |_| new_provider::prove()),
    ("schemas", schemas),
];

/// Runs one suite, or all of them.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let gateway = match args.option("--gateway") {
        Some(path) => std::path::absolute(path)?,
        None => build(args.option("--profile").unwrap_or("dev"))?,
    };
    if !install::program("python3", "python3") {
        println!("skipped: conformance needs python3");
        return Ok(Tally::SKIPPED);
    }
    let chosen = args.word(0);
    if let Some(name) = chosen.filter(|name| SUITES.iter().all(|(known, _)| known != name)) {
        return Err(Failure::new(format!(
            "no suite `{name}`; there are: mlflow, corpus, clients, provider, schemas"
        )));
    }
    let mut tally = Tally::default();
    for (name, suite) in SUITES {
        if chosen.is_none_or(|chosen| chosen == name) {
            let result = suite(&gateway)?;
            println!("conformance {name}: {result}");
            tally += result;
        }
    }
    Ok(tally)
}

/// Builds the server and returns its binary.
pub(crate) fn build(profile: &str) -> Result<PathBuf, Failure> {
    let built = shell::run(&mut shell::cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--package",
        "gateway-server",
        "--profile",
        profile,
    ]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = shell::target_dir()
        .join(folder)
        .join(format!("gateway-server{}", std::env::consts::EXE_SUFFIX));
    if built {
        Ok(binary)
    } else {
        Err(Failure::new("gateway-server does not build"))
    }
}

fn mlflow(gateway: &Path) -> Result<Tally, Failure> {
    let mut command = shell::command("python3", &["xtask/conformance/replay_mlflow.py"]);
    command
        .arg("--gateway")
        .arg(gateway)
        .arg("--cases")
        .arg(format!("{FOLDER}/mlflow-recorded"));
    command.args([
        "--kinds",
        "gateway-start,config-check,hot-reload",
        "--only",
        RECORDED,
    ]);
    if shell::root().join(DEVIATIONS).is_file() {
        command.args(["--deviations", DEVIATIONS]);
    }
    count(&mut command)
}

fn corpus(gateway: &Path) -> Result<Tally, Failure> {
    let corpus = shell::root().join("../shared/corpus");
    if !corpus.is_dir() {
        println!("skipped: corpus absent");
        return Ok(Tally::SKIPPED);
    }
    let mut command = shell::command("python3", &["xtask/conformance/replay_corpus.py"]);
    command
        .arg("--gateway")
        .arg(gateway)
        .arg("--corpus")
        .arg(corpus);
    command.args(["--check", "native,translate,foreign"]);
    count(&mut command)
}

fn clients(gateway: &Path) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut command = match install::python("") {
        Ok(python) => shell::command(python, &["xtask/conformance/clients/run.py"]),
        Err(error) => {
            println!("skipped: the Python clients cannot be installed: {error}");
            tally += Tally::SKIPPED;
            shell::command(
                "python3",
                &["xtask/conformance/clients/run.py", "--without-python"],
            )
        }
    };
    match install::python("-older") {
        Ok(python) => {
            command.arg("--older").arg(python);
        }
        Err(error) => {
            println!("skipped: the older Python clients cannot be installed: {error}");
            tally += Tally::SKIPPED;
        }
    }
    let node = install::program("node", "nodejs") && install::program("npm", "npm");
    match if node {
        install::node()
    } else {
        Err(Failure::new("there is no node"))
    } {
        Ok(folder) => {
            command.arg("--node").arg(folder);
        }
        Err(error) => {
            println!("skipped: the Node clients cannot be installed: {error}");
            tally += Tally::SKIPPED;
        }
    }
    if !install::program("curl", "curl") {
        command.arg("--without-curl");
    }
    tally += count(command.arg("--gateway").arg(gateway))?;
    Ok(tally)
}

/// The gateway's binary has no part in this: the requests are written by the same converters.
fn schemas(_: &Path) -> Result<Tally, Failure> {
    let python = match install::python("") {
        Ok(python) => python,
        Err(error) => {
            println!("skipped: the vendors' packages cannot be installed: {error}");
            return Ok(Tally::SKIPPED);
        }
    };
    let folder = shell::target_dir().join("conformance/requests");
    let mut write = shell::cargo(&["run", "--quiet", "--locked", "--package"]);
    write.args(["gateway-conformance", "--", "requests"]);
    shell::read(write.arg(&folder))?;
    let mut judge = shell::command(python, &["xtask/conformance/schemas/judge.py"]);
    count(judge.arg(&folder))
}

/// Runs a program that ends with lines of counts and adds them up.
pub(crate) fn count(command: &mut Command) -> Result<Tally, Failure> {
    let (succeeded, lines) = shell::watch(command)?;
    let mut tally = Tally::default();
    for line in lines.iter().filter_map(|line| line.strip_prefix("total: ")) {
        tally += Tally::in_line(line).unwrap_or_default();
    }
    if !succeeded && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok(tally)
}
