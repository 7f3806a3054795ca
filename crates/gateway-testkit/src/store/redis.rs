use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A `redis-server` of the test's own, on a free port and in a folder of its own. It ends with the test.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    tls: Option<u16>,
    folder: PathBuf,
}

/// The files of a server with TLS, in its folder.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

impl RedisServer {
    /// Starts one; `None` where none is installed, which is printed.
    pub fn start() -> Option<Self> {
        Self::with(None)
    }

    /// Starts one that also speaks TLS, by a certificate for `name`; with the authority that vouches for it, in PEM. `None`
    /// where none is installed that can, which is printed.
    pub fn start_tls(name: &str) -> Option<(String, Self)> {
        let root_key = KeyPair::generate().ok()?;
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = root.self_signed(&root_key).ok()?.pem();
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate().ok()?;
        let leaf = CertificateParams::new(vec![name.to_owned()]).ok()?;
        let leaf = leaf.signed_by(&key, &issuer).ok()?.pem();
        let server = Self::with(Some((&leaf, &key.serialize_pem())))?;
        Some((authority, server))
    }

    fn with(tls: Option<(&str, &str)>) -> Option<Self> {
        let [port, tls_port] = free_ports()?;
        let name = format!("gateway-redis-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).ok()?;
        if let Some((certificate, key)) = tls {
            std::fs::write(folder.join(CERTIFICATE), certificate).ok()?;
            std::fs::write(folder.join(KEY), key).ok()?;
        }
        let tls = tls.map(|_| tls_port);
        let Some(child) = spawn(port, tls, &folder) else {
            say("skipped: redis-server is not installed");
            return None;
        };
        let mut server = Self {
            child,
            port,
            tls,
            folder,
        };
        if server.wait() {
            return Some(server);
        }
        say("skipped: redis-server does not listen");
        None
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its URL with TLS, by name; `None` if it does not speak TLS.
    pub fn tls_url(&self) -> Option<String> {
        Some(format!("rediss://localhost:{}", self.tls?))
    }

    /// Ends it at once; nothing is saved.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again, empty, at the same address.
    pub fn restart(&mut self) {
        if let Some(child) = spawn(self.port, self.tls, &self.folder) {
            self.child = child;
        }
        if !self.wait() {
            say("redis-server does not listen");
        }
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

    /// Whether it listens, after a while at most.
    fn wait(&mut self) -> bool {
        for _ in 0..200 {
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

fn free_ports() -> Option<[u16; 2]> {
    let one = TcpListener::bind("127.0.0.1:0").ok()?;
    let other = TcpListener::bind("127.0.0.1:0").ok()?;
    Some([
        one.local_addr().ok()?.port(),
        other.local_addr().ok()?.port(),
    ])
}

fn spawn(port: u16, tls: Option<u16>, folder: &Path) -> Option<Child> {
    let options = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--port",
    ];
    let mut command = Command::new("redis-server");
    command
        .args(options)
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder);
    if let Some(tls) = tls {
        command.args(["--tls-auth-clients", "no", "--tls-port"]);
        command.arg(tls.to_string());
        command.arg("--tls-cert-file").arg(folder.join(CERTIFICATE));
        command.arg("--tls-key-file").arg(folder.join(KEY));
    }
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
