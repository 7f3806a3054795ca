//! The programs under measurement: pinned to a core, read from `/proc`, stopped when dropped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::shell;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which core a program runs on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Core {
    /// What is measured.
    Target = 0,
    /// The load generator and the mock upstream.
    Load = 1,
}

/// A command on one core, where this machine can pin.
pub(super) fn pinned(core: Core, program: &Path, args: &[&str]) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 || !shell::exists("taskset") {
        return shell::command(program, args);
    }
    let mut command = shell::command("taskset", &["-c", &(core as u8).to_string()]);
    command.arg(program).args(args);
    command
}

/// A server that is running.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where it listens on loopback.
    pub(super) port: u16,
    /// From its start until it answered.
    pub(super) start: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the program with `--port` and a free port behind `args` and waits until it accepts connections; with
    /// `health`, until that path answers 200.
    pub(super) fn start(
        core: Core,
        program: &Path,
        args: &[&str],
        health: Option<&str>,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        let text = port.to_string();
        let mut all = args.to_vec();
        all.extend(["--port", &text]);
        let mut command = pinned(core, program, &all);
        // The programs of the benchmark stop when this pipe closes, even if this process dies.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(log(program)?);
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut server = Self {
            child,
            port,
            start: Duration::ZERO,
        };
        while begin.elapsed() < PATIENCE {
            if server.answers(health) {
                server.start = begin.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(Failure::new(format!("it ended with {status}")).at(program.display()));
            }
            thread::sleep(Duration::from_micros(500));
        }
        Err(Failure::new("it did not listen in time").at(program.display()))
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> Result<bool, Failure> {
        Ok(self.child.try_wait()?.is_some())
    }

    fn answers(&self, health: Option<&str>) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let Some(path) = health else { return true };
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .is_ok()
            && stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Processor time it has used, in nanoseconds.
    pub(super) fn cpu_ns(&self) -> Result<u64, Failure> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end while the list is read.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split(' ').next().unwrap_or_default();
            total += first.parse::<u64>().unwrap_or_default();
        }
        Ok(total)
    }

    /// Memory it holds, in KiB.
    pub(super) fn rss_kib(&self) -> Result<u64, Failure> {
        rss_kib(self.child.id())
    }

    /// The highest memory it holds while `work` runs, in KiB.
    pub(super) fn peak_during<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<(T, u64), Failure> {
        let id = self.child.id();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let watcher = thread::spawn(move || {
            let mut peak = 0;
            while stopped.recv_timeout(Duration::from_millis(50)).is_err() {
                let Ok(now) = rss_kib(id) else { break };
                peak = peak.max(now);
            }
            peak
        });
        let result = work();
        let _ = stop.send(());
        Ok((result?, watcher.join().unwrap_or_default()))
    }
}

fn rss_kib(id: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok());
    number.ok_or_else(|| Failure::new("no VmRSS in /proc"))
}

/// Where a server's log goes: `bench/<its name>.log` below the target folder, begun anew each time.
fn log(program: &Path) -> Result<fs::File, Failure> {
    let folder = shell::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Ok(fs::File::create(folder.join(format!("{name}.log")))?)
}

/// A port nobody listens on.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
