//! Starts the binary and talks to it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The binary with these arguments, in an environment without variables that concern it.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway-server"));
    command.args(args).env("NO_PROXY", "127.0.0.1,localhost");
    for name in [
        "GATEWAY_CONFIG_PATH",
        "MLFLOW_GATEWAY_CONFIG",
        "GATEWAY_DATA",
        "GATEWAY_LOG",
        "GATEWAY_MASTER_KEY",
        "GATEWAY_MASTER_KEY_PREVIOUS",
        "GATEWAY_STORE_URL",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs a command that ends by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running gateway. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) banner: String,
    log: Receiver<String>,
}

impl Server {
    /// Starts on a free port and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(&["start", "--port", "0"]).args(args))
    }

    /// Starts with the configuration in `folder`.
    pub(crate) fn with(config: &Path, args: &[&str]) -> Self {
        let mut all = vec!["--config-path", config.to_str().unwrap()];
        all.extend(args);
        Self::start(&all)
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self::begin(child, true)
    }

    /// Starts with a log that the test does not read.
    pub(crate) fn unread(command: &mut Command, stderr: Stdio) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(stderr).spawn();
        Self::begin(child.unwrap(), false)
    }

    fn begin(mut child: Child, is_read: bool) -> Self {
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, log) = channel();
        if is_read {
            let err = BufReader::new(child.stderr.take().unwrap());
            std::thread::spawn(move || {
                for line in err.lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let mut banner = String::new();
        out.read_line(&mut banner).unwrap();
        let base = banner
            .strip_prefix("Gateway listening at ")
            .and_then(|rest| rest.split(' ').next())
            .map(str::to_owned);
        let Some(base) = base else {
            let _ = child.wait();
            let log: Vec<String> = log.into_iter().collect();
            panic!("did not start: {banner}{}", log.join("\n"));
        };
        std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = out.read_to_string(&mut rest);
        });
        Self {
            child,
            base,
            banner,
            log,
        }
    }

    pub(crate) fn address(&self) -> &str {
        self.base.split("://").nth(1).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Closes the reading end of the log.
    pub(crate) fn close_log(&mut self) {
        drop(self.child.stderr.take());
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for_log(&self, part: &str) -> String {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.log.recv_timeout(left) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {part:?}: {error}"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static PROVIDER: Once = Once::new();

/// A client with settings of its own.
pub(crate) fn client(
    settings: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Client {
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    settings(reqwest::Client::builder().no_proxy().timeout(PATIENCE))
        .build()
        .unwrap()
}

pub(crate) fn plain_client() -> reqwest::Client {
    client(|builder| builder)
}

/// POSTs JSON and reads JSON.
pub(crate) async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let sent = plain_client()
        .post(server.url(path))
        .json(body)
        .send()
        .await;
    let reply = sent.unwrap();
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

/// GETs JSON.
pub(crate) async fn get(server: &Server, path: &str) -> (u16, Value) {
    let reply = plain_client().get(server.url(path)).send().await.unwrap();
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

pub(crate) fn chat(model: &str, stream: bool) -> Value {
    serde_json::json!({
        "model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}],
    })
}

/// The configuration of one simulated chat endpoint per name.
pub(crate) fn simulators(names: &[&str], options: &str) -> String {
    let endpoint = |name: &&str| {
        format!(
            "  - {{name: {name}, endpoint_type: llm/v1/chat, model: {{provider: simulator, name: sim, \
             config: {{{options}}}}}}}\n"
        )
    };
    let endpoints: String = names.iter().map(endpoint).collect();
    format!("endpoints:\n{endpoints}")
}

/// A folder with a configuration in it.
pub(crate) fn folder(config: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    (folder, path)
}
