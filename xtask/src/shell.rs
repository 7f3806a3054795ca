//! Running other programs from the root of the repository.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::failure::Failure;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder builds go to.
pub(crate) fn target_dir() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A variable of the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a program, not a library"
)]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A command that runs in the root, without standard input.
pub(crate) fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo(args: &[&str]) -> Command {
    command(variable("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// Whether `program` can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    command(program, &["--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command to its end with its output on the terminal; says whether it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<bool, Failure> {
    announce(command);
    let status = command.status();
    Ok(status
        .map_err(|error| not_started(command, &error))?
        .success())
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::piped()).output();
    let output = output.map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::new(format!("{} failed: {told}", name(command))))
}

/// Runs a command with its output on the terminal and returns the lines of it too, and whether it succeeded.
pub(crate) fn watch(command: &mut Command) -> Result<(bool, Vec<String>), Failure> {
    announce(command);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| not_started(command, &error))?;
    let readers: Vec<_> = [
        child
            .stdout
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|pipe| thread::spawn(move || echo(pipe)))
    .collect();
    let status = child.wait()?;
    let lines = readers.into_iter().filter_map(|reader| reader.join().ok());
    Ok((status.success(), lines.flatten().collect()))
}

fn echo(pipe: impl Read) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(pipe).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).into_owned();
        // A terminal that went away must not stop the command.
        drop(writeln!(std::io::stdout().lock(), "{line}"));
        lines.push(line);
    }
    lines
}

fn announce(command: &Command) {
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    println!("$ {} {}", name(command), words.join(" "));
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} could not be started: {error}", name(command)))
}
