//! `bench`: what a request costs the gateway, beside a proxy that only forwards bytes.
//!
//! The target runs on one core, the load generator and the mock upstream on another. The yardstick (`bare-proxy`) and the
//! target take turns, so that a busy machine disturbs both alike; the ratio is the middle one of the rounds. Everything
//! is on loopback, bounded in count and time, and stops by itself.

mod config;
mod growth;
mod instructions;
mod measure;
mod process;
pub(crate) mod soak;
mod table;
pub(crate) mod train;
mod workloads;

use std::path::{Path, PathBuf};

use config::{Scale, Setup};
use instructions::Then;
use measure::{Comparison, compare, median};
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
    if args.has("--instructions") {
        return instructions::run(match (args.has("--update"), args.has("--check")) {
            (true, _) => Then::Update,
            (false, true) => Then::Check,
            (false, false) => Then::Show,
        });
    }
    if args.has("--growth") {
        return growth::run(args);
    }
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
        release: programs(args),
        setup: match args.option("--config") {
            Some(path) => Setup::File(PathBuf::from(path)),
            None if args.has("--bare-config") => Setup::Bare,
            None => Setup::Full,
        },
    };
    if args.option("--programs").is_none() {
        build(&bench.target)?;
    }
    println!("{}", table::HEADER);
    let mut tally = Tally::default();
    for work in chosen {
        let found = bench.measure(work, rounds)?;
        println!("{}", table::row(work, &found));
        tally += Tally::check(found.failed() == 0);
    }
    if let Target::Gateway(_) = bench.target
        && args.word(0).is_none()
    {
        bench.start_up()?;
    }
    Ok(tally)
}

fn target(args: &Args) -> Result<Target, Failure> {
    match args.option("--target") {
        None | Some("gateway") => Ok(Target::Gateway(
            args.option("--gateway")
                .map_or_else(|| programs(args).join("gateway-server"), PathBuf::from),
        )),
        Some("transport") => Ok(Target::Transport),
        Some("bare") => Ok(Target::Bare),
        Some(_) => Err(Failure::new("--target: gateway, transport or bare")),
    }
}

/// Where the programs are: those of the release profile, or a folder of programs that were built before.
fn programs(args: &Args) -> PathBuf {
    args.option("--programs").map_or_else(
        || shell::target_dir().join("release"),
        |folder| shell::root().join(folder),
    )
}

fn build(target: &Target) -> Result<(), Failure> {
    let mut args = vec!["build", "--release", "--locked", "-p", "gateway-bench"];
    for program in ["bare-proxy", "load", "mock-upstream", "transport-proxy"] {
        args.extend(["--bin", program]);
    }
    if let Target::Gateway(path) = target
        && path.starts_with(shell::target_dir())
    {
        args.extend(["-p", "gateway-server", "--bin", "gateway-server"]);
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
    setup: Setup,
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
                let config = self.setup.write(&upstream, Scale::ONE)?;
                gateway(path, &config, &upstream)?
            }
        };
        let load = self.release.join("load");
        // Holding streams takes seconds by its nature and shows memory, which does not scatter.
        let rounds = if let Unit::Held(_) | Unit::Idle = work.unit {
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

    /// Time from start to healthy, with few and many endpoints, and memory when idle.
    fn start_up(&self) -> Result<(), Failure> {
        let Target::Gateway(path) = &self.target else {
            return Ok(());
        };
        println!("\n| start | to first healthy answer | idle memory |\n|---|---|---|");
        for times in [1, 100] {
            let scale = Scale {
                endpoints: times,
                keys: 1,
            };
            let config = self.setup.write("127.0.0.1:9", scale)?;
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
                table::mib(kib)
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
