//! What the gateway runs with: everything on, or nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::shell;

/// The configuration of the target.
#[derive(Debug, Clone)]
pub(super) enum Setup {
    /// Keys, limits, breaker, deadline, prices, metrics, the access log (to a file) and a cache that never matches unless
    /// the workload asks the same again.
    Full,
    /// Two endpoints and nothing else.
    Bare,
    /// A file; `UPSTREAM` in it becomes the mock's host and port.
    File(PathBuf),
}

/// How large a configuration is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// As many endpoints of each provider.
    pub(super) endpoints: usize,
    /// As many virtual keys.
    pub(super) keys: usize,
}

impl Scale {
    /// One of everything.
    pub(super) const ONE: Self = Self {
        endpoints: 1,
        keys: 1,
    };
}

impl Setup {
    /// The configuration.
    pub(super) fn text(&self, upstream: &str, scale: Scale) -> Result<String, Failure> {
        Ok(match self {
            Self::File(path) => read(path)?.replace("UPSTREAM", upstream),
            Self::Full => format!(
                "{}{}",
                full_head(scale.keys),
                endpoints(upstream, scale, FULL)
            ),
            Self::Bare => endpoints(upstream, scale, ""),
        })
    }

    /// Writes the configuration below the target folder.
    pub(super) fn write(&self, upstream: &str, scale: Scale) -> Result<PathBuf, Failure> {
        put(&self.text(upstream, scale)?)
    }
}

/// Puts a configuration below the target folder, at once: whoever watches the file never sees a half.
pub(super) fn put(text: &str) -> Result<PathBuf, Failure> {
    let folder = shell::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join("gateway.yaml");
    let beside = folder.join("gateway.yaml.new");
    fs::write(&beside, text)?;
    fs::rename(&beside, &path)?;
    Ok(path)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::from(error).at(path.display()))
}

/// What each endpoint has besides, everything on. The limits are never reached.
const FULL: &str = "    timeout: {first_event: 60s, idle: 60s, total: 300s}
    breaker: {failures: 1000, within: 30s, open_for: 1s}
    limits:
      - {per: key, requests: 1000000000, every: 60s}
      - {per: key, tokens: 1000000000000, every: 60s}
    cache: {ttl: 10m, max_entries: 1000, max_bytes: 64MiB}
    price: {input: 0.15, output: 0.6}
";

/// The key of the load generator is the last one.
fn full_head(keys: usize) -> String {
    let mut text =
        String::from("telemetry:\n  prometheus: true\n  log: {format: json}\nauth:\n  keys:\n");
    for number in 1..keys {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    - {{name: other{number}, key: sk-other-{number}}}"
        );
    }
    text.push_str("    - {name: bench, key: sk-bench, metadata: {team: bench}}\n");
    text
}

fn endpoints(upstream: &str, scale: Scale, more: &str) -> String {
    let mut text = String::from("endpoints:\n");
    for number in 0..scale.endpoints {
        let suffix = match number {
            0 => String::new(),
            _ => number.to_string(),
        };
        let _ = write!(
            text,
            "  - name: chat{suffix}
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config: {{openai_api_key: sk-upstream, openai_api_base: 'http://{upstream}/v1'}}
{more}  - name: claude{suffix}
    endpoint_type: llm/v1/chat
    model:
      provider: anthropic
      name: claude-sonnet-4-20250514
      config: {{anthropic_api_key: sk-upstream}}
{more}"
        );
    }
    text
}
