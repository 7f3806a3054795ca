use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A PostgreSQL of the test's own, on a free port and in a folder of its own. It ends with the test.
///
/// The programs are those of Debian's package `postgresql`. The server refuses to run as root; a test that runs as root
/// starts it as the user `postgres`, which that package makes.
#[derive(Debug)]
pub struct PostgresServer {
    child: Child,
    programs: PathBuf,
    port: u16,
    folder: PathBuf,
}

/// The password of the superuser; it tests the login by SCRAM-SHA-256.
const PASSWORD: &str = "pass-word%/@";

impl PostgresServer {
    /// Starts one; `None` where none is installed, which is printed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            say("skipped: PostgreSQL is not installed");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let name = format!("gateway-postgres-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::write(folder.join("password"), PASSWORD).ok()?;
        if is_root() {
            quiet(Command::new("chown").args(["-R", "postgres:"]).arg(&folder));
        }
        let made = quiet(
            as_user(&programs.join("initdb"))
                .args(["--no-sync", "--username=gateway", "--auth=scram-sha-256"])
                .args(["--encoding=UTF8", "--locale=C", "--pwfile"])
                .arg(folder.join("password"))
                .arg(folder.join("data"))
                .current_dir(&folder),
        );
        let child = made.then(|| spawn(&programs, port, &folder)).flatten();
        let Some(child) = child else {
            say("skipped: PostgreSQL does not start");
            drop(std::fs::remove_dir_all(&folder));
            return None;
        };
        let mut server = Self {
            child,
            programs,
            port,
            folder,
        };
        if server.wait() {
            return Some(server);
        }
        say("skipped: PostgreSQL does not listen");
        None
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let password = PASSWORD
            .replace('%', "%25")
            .replace('/', "%2F")
            .replace('@', "%40");
        format!(
            "postgres://gateway:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// Ends it at once, as a crash does: connections break, and what was committed is recovered at the next start.
    pub fn kill(&mut self) {
        let id = self.child.id().to_string();
        quiet(Command::new("kill").args(["-QUIT", &id]));
        drop(self.child.wait());
    }

    /// Starts it again at the same address.
    pub fn restart(&mut self) {
        if let Some(child) = spawn(&self.programs, self.port, &self.folder) {
            self.child = child;
        }
        if !self.wait() {
            say("PostgreSQL does not listen");
        }
    }

    /// Whether it listens, after a while at most.
    fn wait(&mut self) -> bool {
        for _ in 0..400 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        false
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[expect(clippy::print_stdout, reason = "tests say why they are skipped")]
fn say(what: &str) {
    println!("{what}");
}

/// The folder of the newest version's programs, as Debian installs them.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| {
        let version = version.ok()?;
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let folder = version.path().join("bin");
        (number >= 15 && folder.join("initdb").exists()).then_some((number, folder))
    });
    folders.max().map(|(_, folder)| folder)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// A command that runs as somebody else than root, in the process that is started.
fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

fn quiet(command: &mut Command) -> bool {
    let done = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

fn spawn(programs: &Path, port: u16, folder: &Path) -> Option<Child> {
    as_user(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args([
            "-c",
            "shared_buffers=16MB",
            "-c",
            "unix_socket_directories=",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
