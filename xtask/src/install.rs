//! Getting what a machine lacks, where that can be done without asking: Debian packages as root, Python and Node
//! packages into folders below `target`.

use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::shell;

/// Whether `program` is there, after trying to install `name` where this user may.
pub(crate) fn program(program: &str, name: &str) -> bool {
    shell::exists(program) || (package(name) && shell::exists(program))
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
    let venv = folder().join(format!("venv{suffix}"));
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let lists = ["requirements", "constraints"].map(|name| {
        let clients = shell::root().join("xtask/conformance/clients");
        clients.join(format!("{name}{suffix}.txt"))
    });
    let wanted = lists
        .iter()
        .map(fs::read_to_string)
        .collect::<Result<String, _>>()?;
    let stamp = venv.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    fs::create_dir_all(folder())?;
    let make = || shell::read(shell::command("python3", &["-m", "venv", "--clear"]).arg(&venv));
    // Debian's Python comes without the module that makes environments.
    make().or_else(|error| {
        if package("python3-venv") {
            make()
        } else {
            Err(error)
        }
    })?;
    let [requirements, constraints] = &lists;
    let mut install = shell::command(
        &python,
        &["-m", "pip", "install", "-q", "--disable-pip-version-check"],
    );
    shell::read(
        install
            .arg("-r")
            .arg(requirements)
            .arg("-c")
            .arg(constraints),
    )?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// The folder of the Node tests with their packages beside them.
pub(crate) fn node() -> Result<PathBuf, Failure> {
    let source = shell::root().join("xtask/conformance/clients/node");
    let place = folder().join("node");
    fs::create_dir_all(&place)?;
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
        shell::read(install.current_dir(&place))?;
        fs::write(place.join("installed.json"), lock)?;
    }
    Ok(place)
}
