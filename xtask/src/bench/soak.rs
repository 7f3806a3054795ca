//! `soak`: mixed traffic, faults and reloads for a while; memory must stay flat, no connection leak, every call settle.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::config::{Scale, Setup, put};
use super::process::{Core, Server, pinned};
use super::table::mib;
use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// How long it runs without `--minutes`.
const USUAL_MINUTES: u64 = 15;
/// How long one lot of traffic lasts, after which the configuration changes.
const LOT: Duration = Duration::from_secs(15);
/// How long connections and memory may take to go away afterwards.
const CALM: Duration = Duration::from_secs(12);
/// By how much memory may grow over the second half.
const GROWTH: f64 = 1.10;

/// What is asked at the same time. The last one leaves its streams in the middle.
const TRAFFIC: [&str; 5] = [
    "--connections 8 --rate 300 --mode open",
    "--connections 2 --bytes 65536 --model claude",
    "--connections 2 --distinct false",
    "--connections 4 --model shaky",
    "--connections 16 --stream true --model slow --max-seconds 4",
];

/// Runs the verb.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let minutes = match args.option("--minutes") {
        None => USUAL_MINUTES,
        Some(text) => text
            .parse()
            .map_err(|_| Failure::new("--minutes: expected a number"))?,
    };
    let release = super::programs(args);
    if args.option("--programs").is_none() {
        super::build(&super::Target::Gateway(release.join("gateway-server")))?;
    }
    Soak::start(release)?.run(Duration::from_secs(60 * minutes))
}

struct Soak {
    release: PathBuf,
    whole: Server,
    slow: Server,
    gateway: Server,
    config: PathBuf,
    /// Requests that were begun, and those whose whole answer came.
    asked: u64,
    good: u64,
    /// Memory after each lot, in KiB.
    memory: Vec<u64>,
}

impl Soak {
    fn start(release: PathBuf) -> Result<Self, Failure> {
        let mock = release.join("mock-upstream");
        let whole = Server::start(Core::Load, &mock, &[], None)?;
        let slow = ["--stream", "true", "--tokens", "60", "--gap-us", "100000"];
        let slow = Server::start(Core::Load, &mock, &slow, None)?;
        let config = configure(&whole, &slow, 0)?;
        let upstream = format!("127.0.0.1:{}", whole.port);
        let gateway = super::gateway(&release.join("gateway-server"), &config, &upstream)?;
        Ok(Self {
            release,
            whole,
            slow,
            gateway,
            config,
            asked: 0,
            good: 0,
            memory: Vec::new(),
        })
    }

    fn run(mut self, time: Duration) -> Result<Tally, Failure> {
        let begin = Instant::now();
        let open_before = self.gateway.open_files()?;
        let mut lot = 0;
        while begin.elapsed() < time || lot < 4 {
            lot += 1;
            configure(&self.whole, &self.slow, lot)?;
            self.lot()?;
            let kib = self.gateway.rss_kib()?;
            self.memory.push(kib);
            println!(
                "{:>5} s: {} calls, {:.1} MiB",
                begin.elapsed().as_secs(),
                self.asked,
                mib(kib)
            );
        }
        thread::sleep(CALM);
        self.judge(open_before)
    }

    /// Everything at the same time for one lot.
    fn lot(&mut self) -> Result<(), Failure> {
        let load = self.release.join("load");
        let port = self.gateway.port.to_string();
        let seconds = LOT.as_secs().to_string();
        let outcomes: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = TRAFFIC
                .iter()
                .map(|how| {
                    let mut args = vec!["--port", &port, "--requests", "1000000000"];
                    args.extend(["--max-seconds", &seconds]);
                    args.extend(how.split_whitespace());
                    let mut command = pinned(Core::Load, &load, &args);
                    scope.spawn(move || shell::read(&mut command))
                })
                .collect();
            running
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        for outcome in outcomes {
            let text = outcome.map_err(|_| Failure::new("the load generator broke"))??;
            let number = |name: &str| {
                let mut pairs = text.split_whitespace();
                let found = pairs.find_map(|pair| pair.strip_prefix(name));
                found.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
            };
            self.good += number("good=");
            self.asked += number("good=") + number("failed=");
        }
        Ok(())
    }

    /// What must hold when it is quiet again.
    fn judge(&self, open_before: usize) -> Result<Tally, Failure> {
        let metrics = self.gateway.get("/metrics")?;
        let sum = |name: &str| -> f64 {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        let settled = sum("gateway_requests_total{");
        let in_flight = sum("gateway_in_flight{");
        let shed = sum("gateway_records_shed_total");
        // Connections to providers are kept; callers' must be gone.
        let open = self.gateway.open_files()?;
        let kept = 64;
        let half = self.memory.len() / 2;
        let highest = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
        let (before, after) = self.memory.split_at(half);
        let (before, after) = (highest(before), highest(after));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (asked, good, growth) = (
            self.asked as f64,
            self.good as f64,
            after as f64 / before.max(1) as f64,
        );
        let mut text = String::new();
        let mut tally = Tally::default();
        for (what, holds) in [
            (
                // A caller that leaves at once may be gone before its request was read.
                format!(
                    "{settled} calls settled of {asked} begun and {good} answered whole, {shed} records shed"
                ),
                (good..=asked).contains(&(settled + shed)),
            ),
            (format!("{in_flight} calls in flight"), in_flight == 0.0),
            (
                format!("{open} files open, {open_before} before"),
                open <= open_before + kept,
            ),
            (
                format!(
                    "memory at most {:.1} MiB in the first half, {:.1} MiB in the second",
                    mib(before),
                    mib(after)
                ),
                growth <= GROWTH,
            ),
        ] {
            let word = if holds { "ok" } else { "FAILED" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{word:<7} {what}");
            tally += Tally::check(holds);
        }
        print!("{text}");
        let _ = fs::remove_file(&self.config);
        Ok(tally)
    }
}

/// Everything on, an endpoint that fails now and then with one that stands in, slow streams, and `lot` more endpoints
/// so that every configuration is another.
fn configure(whole: &Server, slow: &Server, lot: usize) -> Result<PathBuf, Failure> {
    let upstream = format!("127.0.0.1:{}", whole.port);
    let scale = Scale {
        endpoints: 1 + lot % 5,
        keys: 1 + lot % 3,
    };
    let mut text = Setup::Full.text(&upstream, scale)?;
    let _ = write!(
        text,
        "  - name: shaky
    endpoint_type: llm/v1/chat
    model:
      provider: simulator
      name: simulator-1
      config: {{faults: [{{kind: server_error, rate: 0.2, status: 503}}, {{kind: cut, rate: 0.05}}]}}
    retry: {{max_attempts: 2, initial_backoff: 1ms, max_backoff: 5ms}}
    fallback: [chat]
  - name: slow
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config: {{openai_api_key: sk-upstream, openai_api_base: 'http://127.0.0.1:{}/v1'}}
    max_concurrency: 1000
",
        slow.port
    );
    put(&text)
}

impl Server {
    /// How many files and sockets it has open.
    fn open_files(&self) -> Result<usize, Failure> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// The body of a page, asked for with the key of the benchmark.
    fn get(&self, path: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sk-bench\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(Failure::new(answer).at(path)),
        }
    }
}
