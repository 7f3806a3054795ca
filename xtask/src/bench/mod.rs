//! `bench`: what a request costs the gateway, beside a proxy that only forwards bytes.
//!
//! The target runs on one core, the load generator and the mock upstream on another. The yardstick (`bare-proxy`) and the
//! target take turns, so that a busy machine disturbs both alike; the ratio is the middle one of the rounds. Everything
//! is on loopback, bounded in count and time, and stops by itself.

mod measure;
mod process;
mod workloads;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use measure::{Comparison, Round, compare, median};
use process::{Core, Server};
use workloads::{Unit, WORKLOADS, Workload};

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// What is measured against the yardstick.
#[derive(Debug, Clone)]
enum Target {
    Gateway(PathBuf),
    /// The yardstick with the gateway's upstream client.
    Transport,
    /// The yardstick itself: shows the noise.
    Bare,
}

/// Runs the verb.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let rounds = match args.option("--rounds") {
        None => 5,
        Some(text) => text
            .parse()
            .map_err(|_| Failure::new("--rounds: expected a number"))?,
    };
    let chosen: Vec<&Workload> = match args.word(0) {
        None => WORKLOADS.iter().collect(),
        Some(name) => WORKLOADS.iter().filter(|work| work.name == name).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<_> = WORKLOADS.iter().map(|work| work.name).collect();
        return Err(Failure::new(format!("workloads: {}", names.join(", "))));
    }
    let bench = Bench {
        target: target(args)?,
        release: shell::target_dir().join("release"),
        config: args.option("--config").map(PathBuf::from),
    };
    build(&bench.target)?;
    println!("{HEADER}");
    let mut tally = Tally::default();
    for work in chosen {
        let found = bench.measure(work, rounds)?;
        println!("{}", row(work, &found));
        tally += Tally::check(found.failed() == 0);
    }
    if let Target::Gateway(_) = bench.target {
        bench.start_up()?;
    }
    Ok(tally)
}

fn target(args: &Args) -> Result<Target, Failure> {
    match args.option("--target") {
        None | Some("gateway") => Ok(Target::Gateway(args.option("--gateway").map_or_else(
            || shell::target_dir().join("release/gateway-server"),
            PathBuf::from,
        ))),
        Some("transport") => Ok(Target::Transport),
        Some("bare") => Ok(Target::Bare),
        Some(_) => Err(Failure::new("--target: gateway, transport or bare")),
    }
}

fn build(target: &Target) -> Result<(), Failure> {
    let mut args = vec!["build", "--release", "--locked", "-p", "gateway-bench"];
    if let Target::Gateway(path) = target
        && path.starts_with(shell::target_dir())
    {
        args.extend(["-p", "gateway-server"]);
    }
    if shell::run(&mut shell::cargo(&args))? {
        Ok(())
    } else {
        Err(Failure::new("the build failed"))
    }
}

struct Bench {
    target: Target,
    release: PathBuf,
    config: Option<PathBuf>,
}

impl Bench {
    fn measure(&self, work: &Workload, rounds: usize) -> Result<Comparison, Failure> {
        let mock_args: Vec<_> = work.mock.split_whitespace().collect();
        let mock = self.release.join("mock-upstream");
        let mock = Server::start(Core::Load, &mock, &mock_args, None)?;
        let upstream = format!("127.0.0.1:{}", mock.port);
        let bare = self.proxy("bare-proxy", &upstream)?;
        let target = match &self.target {
            Target::Bare => self.proxy("bare-proxy", &upstream)?,
            Target::Transport => self.proxy("transport-proxy", &upstream)?,
            Target::Gateway(path) => {
                let config = self.config_file(&upstream, 1)?;
                gateway(path, &config, &upstream)?
            }
        };
        let load = self.release.join("load");
        // Holding streams takes seconds by its nature and shows memory, which does not scatter.
        let rounds = if let Unit::Held(_) = work.unit {
            0
        } else {
            rounds
        };
        compare(work, &load, (&bare, &target), rounds)
    }

    fn proxy(&self, name: &str, upstream: &str) -> Result<Server, Failure> {
        let program = self.release.join(name);
        Server::start(Core::Target, &program, &["--upstream", upstream], None)
    }

    /// Writes the configuration: an endpoint of each provider, as often as asked, or the file given with its `UPSTREAM`
    /// replaced.
    fn config_file(&self, upstream: &str, times: usize) -> Result<PathBuf, Failure> {
        let text = match &self.config {
            Some(path) => fs::read_to_string(path)?.replace("UPSTREAM", upstream),
            None => config(upstream, times),
        };
        let folder = shell::target_dir().join("bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join("gateway.yaml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Time from start to healthy, with few and many endpoints, and memory when idle.
    fn start_up(&self) -> Result<(), Failure> {
        let Target::Gateway(path) = &self.target else {
            return Ok(());
        };
        println!("\n| start | to first healthy answer | idle memory |\n|---|---|---|");
        for times in [1, 100] {
            let config = self.config_file("127.0.0.1:9", times)?;
            let mut millis = Vec::new();
            let mut kib = 0;
            for _ in 0..5 {
                let server = gateway(path, &config, "127.0.0.1:9")?;
                millis.push(server.start.as_secs_f64() * 1000.0);
                kib = server.rss_kib()?;
            }
            println!(
                "| {} endpoints | {:.1} ms | {:.1} MiB |",
                times * 2,
                median(millis.into_iter()),
                mib(kib)
            );
        }
        Ok(())
    }
}

fn gateway(path: &Path, config: &Path, upstream: &str) -> Result<Server, Failure> {
    let config = config.to_string_lossy();
    let anthropic = format!("https://api.anthropic.com=http://{upstream}");
    let args = [
        "start",
        "--config-path",
        &config,
        "--origin-override",
        &anthropic,
    ];
    Server::start(Core::Target, path, &args, Some("/health"))
}

fn config(upstream: &str, times: usize) -> String {
    let mut text = String::from("endpoints:\n");
    for number in 0..times {
        let suffix = if number == 0 {
            String::new()
        } else {
            number.to_string()
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  - name: chat{suffix}
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config: {{openai_api_key: sk-upstream, openai_api_base: 'http://{upstream}/v1'}}
  - name: claude{suffix}
    endpoint_type: llm/v1/chat
    model:
      provider: anthropic
      name: claude-sonnet-4-20250514
      config: {{anthropic_api_key: sk-upstream}}
"
        );
    }
    text
}

const HEADER: &str = "
| workload | | bare us | target us | ratio | bare p50 / p99 ms | target p50 / p99 ms | first event p50 ms | memory MiB |
|---|---|---|---|---|---|---|---|---|";

fn row(work: &Workload, found: &Comparison) -> String {
    let of = |rounds: &[Round], pick: fn(&Round) -> f64| median(rounds.iter().map(pick));
    let unit = match work.unit {
        Unit::Request => "per request",
        Unit::Event | Unit::Held(_) => "per event",
    };
    let latency = |rounds: &[Round]| {
        format!(
            "{:.2} / {:.2}",
            of(rounds, |r| r.p50_us) / 1000.0,
            of(rounds, |r| r.p99_us) / 1000.0
        )
    };
    let first = match work.unit {
        Unit::Request => String::new(),
        Unit::Event | Unit::Held(_) => format!(
            "{:.2}, {:.2}",
            of(&found.bare, |r| r.first_p50_us) / 1000.0,
            of(&found.target, |r| r.first_p50_us) / 1000.0
        ),
    };
    format!(
        "| {}: {} | {unit} | {:.2} | {:.2} | **{:.2}** | {} | {} | {first} | {} |",
        work.name,
        work.what,
        of(&found.bare, |r| r.cpu_us),
        of(&found.target, |r| r.cpu_us),
        found.ratio(),
        latency(&found.bare),
        latency(&found.target),
        memory(work, found),
    )
}

fn memory(work: &Workload, found: &Comparison) -> String {
    let of = |rounds: &[Round]| {
        let peak = rounds
            .iter()
            .map(|round| round.peak_kib)
            .max()
            .unwrap_or_default();
        let before = rounds.first().map_or(0, |round| round.before_kib);
        match work.unit {
            Unit::Held(streams) => format!(
                "{:.1} ({} KiB each)",
                mib(peak),
                peak.saturating_sub(before) / u64::from(streams)
            ),
            _ => format!("{:.1}", mib(peak)),
        }
    };
    format!("{}, {}", of(&found.bare), of(&found.target))
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}
