use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A `redis-server` of the test's own, on a free port and in a folder of its own. It ends with the test.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl RedisServer {
    /// Starts one; `None` where none is installed, which is printed.
    pub fn start() -> Option<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = socket.local_addr().ok()?.port();
        drop(socket);
        let name = format!("gateway-redis-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).ok()?;
        let Some(child) = spawn(port, &folder) else {
            say("skipped: redis-server is not installed");
            return None;
        };
        let server = Self {
            child,
            port,
            folder,
        };
        server.wait();
        Some(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once; nothing is saved.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again, empty, at the same address.
    pub fn restart(&mut self) {
        if let Some(child) = spawn(self.port, &self.folder) {
            self.child = child;
        }
        self.wait();
    }

    /// Stops it from answering, or lets it go on.
    ///
    /// # Panics
    /// Where there is no `kill`.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// What it answers to a command without blanks in its words, as it stands on the wire.
    pub fn ask(&self, command: &str) -> String {
        let asked = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            write!(stream, "{command}\r\nQUIT\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        asked().unwrap_or_default()
    }

    fn wait(&self) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        say("redis-server does not listen");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[expect(clippy::print_stdout, reason = "tests say why they are skipped")]
fn say(what: &str) {
    println!("{what}");
}

fn spawn(port: u16, folder: &Path) -> Option<Child> {
    let options = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--port",
    ];
    Command::new("redis-server")
        .args(options)
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
