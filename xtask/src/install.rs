//! Getting what a machine lacks, where that can be done without asking: Debian packages as root, Python and Node
//! packages into folders below `target`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::shell;

/// Whether `program` is there, after trying to install `name` where this user may.
pub(crate) fn program(program: &str, name: &str) -> bool {
    shell::exists(program) || (package(name) && shell::exists(program))
}

/// Whether PostgreSQL is there, after trying to install it where this user may. Debian keeps its programs out of the path.
pub(crate) fn postgres() -> bool {
    let there = || {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let mut folders = versions
            .filter_map(Result::ok)
            .map(|version| version.path());
        folders.any(|folder| folder.join("bin/initdb").exists())
    };
    there() || (package("postgresql") && there())
}

/// Installs a Debian package, if this is Debian and its root.
fn package(name: &str) -> bool {
    let root = shell::read(&mut shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if !root || !shell::exists("apt-get") {
        return false;
    }
    println!("installing {name}");
    let quiet = |args: &[&str]| {
        let mut command = shell::command("apt-get", args);
        // The servers are started by the tests that want them, not by their packages.
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1");
        shell::read(&mut command).is_ok()
    };
    let install = ["install", "-y", "-q", "--no-install-recommends", name];
    quiet(&install) || (quiet(&["update", "-q"]) && quiet(&install))
}

/// The folder of the programs and packages that conformance installs for itself.
pub(crate) fn folder() -> PathBuf {
    shell::target_dir().join("conformance")
}

/// The Python of a virtual environment that has the packages of `xtask/conformance/clients/requirements{suffix}.txt`.
pub(crate) fn python(suffix: &str) -> Result<PathBuf, Failure> {
    let clients = shell::root().join("xtask/conformance/clients");
    environment(
        &folder().join(format!("venv{suffix}")),
        &clients.join(format!("requirements{suffix}.txt")),
        Some(&clients.join(format!("constraints{suffix}.txt"))),
    )
}

/// The Python of a virtual environment at `venv` with these packages.
fn environment(
    venv: &Path,
    requirements: &Path,
    constraints: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let lists = std::iter::once(requirements).chain(constraints);
    let wanted = lists
        .map(fs::read_to_string)
        .collect::<Result<String, _>>()?;
    let stamp = venv.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    if let Some(above) = venv.parent() {
        fs::create_dir_all(above)?;
    }
    let make = || shell::read(shell::command("python3", &["-m", "venv", "--clear"]).arg(venv));
    // Debian's Python comes without the module that makes environments.
    make().or_else(|error| {
        if package("python3-venv") {
            make()
        } else {
            Err(error)
        }
    })?;
    let mut install = shell::command(
        &python,
        &["-m", "pip", "install", "-q", "--disable-pip-version-check"],
    );
    install.arg("-r").arg(requirements);
    if let Some(constraints) = constraints {
        install.arg("-c").arg(constraints);
    }
    shell::read(&mut install)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// The folder of the Node tests with their packages beside them.
pub(crate) fn node() -> Result<PathBuf, Failure> {
    let place = folder().join("node");
    packages("xtask/conformance/clients/node", &place)?;
    Ok(place)
}

/// Readers of JSON in other languages, for the tests that compare them with the gateway. Says what cannot be had; the tests
/// skip it.
pub(crate) fn parsers() {
    const SOURCE: &str = "xtask/conformance/parsers";
    let place = folder().join("parsers");
    for (name, package) in [("perl", "perl"), ("jq", "jq"), ("node", "nodejs")] {
        if !program(name, package) {
            println!("{name} is not installed: tests do without its reader of JSON");
        }
    }
    let requirements = shell::root().join(SOURCE).join("requirements.txt");
    if let Err(error) = environment(&place.join("venv"), &requirements, None) {
        println!("tests do without Python's readers of JSON: {error}");
    }
    if let Err(error) = packages(SOURCE, &place) {
        println!("tests do without Node's packages that read JSON: {error}");
    }
}

/// Copies the files of a folder of this repository to `place` and installs the packages of its lock file there.
fn packages(source: &str, place: &Path) -> Result<(), Failure> {
    let source = shell::root().join(source);
    fs::create_dir_all(place)?;
    let lock = fs::read_to_string(source.join("package-lock.json"))?;
    let fresh = fs::read_to_string(place.join("installed.json")).is_ok_and(|have| have == lock);
    for entry in fs::read_dir(&source)? {
        let entry = entry?;
        if entry.path().is_file() {
            fs::copy(entry.path(), place.join(entry.file_name()))?;
        }
    }
    if !fresh {
        let mut install = shell::command(
            "npm",
            &[
                "ci",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ],
        );
        shell::read(install.current_dir(place))?;
        fs::write(place.join("installed.json"), lock)?;
    }
    Ok(())
}
