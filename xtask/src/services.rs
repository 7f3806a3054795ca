//! Servers that some tests talk to. They run on loopback in a folder of their own and end with the tests.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;
use crate::install;
use crate::shell;

/// The variable that tells tests where Redis is; without it they skip.
const REDIS: &str = "GATEWAY_TEST_REDIS";

/// The variable that tells tests where a PostgreSQL is; without it they start one.
const POSTGRES: &str = "GATEWAY_TEST_POSTGRES";

/// The servers that could be started.
#[derive(Debug, Default)]
pub(crate) struct Services {
    redis: Option<(Child, u16, PathBuf)>,
}

impl Services {
    /// Starts what is there, and says what is not. PostgreSQL is only installed: the tests that need it start servers of
    /// their own, with `gateway_testkit::store::PostgresServer`.
    pub(crate) fn start() -> Self {
        install_postgres();
        if shell::variable(REDIS).is_some()
            || !shell::root().join("crates/gateway-store-redis").is_dir()
        {
            return Self::default();
        }
        if !install::program("redis-server", "redis-server") {
            println!("redis-server is not installed: the tests that need it are skipped");
            return Self::default();
        }
        match redis() {
            Ok(redis) => Self { redis: Some(redis) },
            Err(error) => {
                println!(
                    "redis-server did not start ({error}): the tests that need it are skipped"
                );
                Self::default()
            }
        }
    }

    /// Tells a command where the servers are.
    pub(crate) fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some((_, port, _)) = &self.redis {
            command.env(REDIS, format!("redis://127.0.0.1:{port}"));
        }
        command
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Some((child, _, folder)) = &mut self.redis {
            // Nothing is left to do where the server has ended by itself.
            drop(child.kill());
            drop(child.wait());
            drop(fs::remove_dir_all(folder));
        }
    }
}

fn install_postgres() {
    let wanted = shell::root().join("crates/gateway-store-postgres").is_dir();
    let given = shell::variable(POSTGRES).is_some();
    if wanted && !given && !install::postgres() {
        println!("PostgreSQL is not installed: the tests that need it are skipped");
    }
}

fn redis() -> Result<(Child, u16, PathBuf), Failure> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = shell::target_dir().join(format!("redis-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut command = shell::command(
        "redis-server",
        &[
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
        ],
    );
    command.arg(port.to_string()).arg("--dir").arg(&folder);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok((child, port, folder));
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    Err(Failure::new("no connection within 5 s"))
}
