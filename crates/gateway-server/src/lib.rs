//! The gateway as a program: command line, process environment, listeners, TLS, drain, watched configuration.
//!
//! It holds no rule of its own about requests: it reads the file and the environment, gives a plan and a registry of
//! providers to `gateway-core`, and puts the service it gets back behind a socket. Whoever embeds the gateway uses
//! `gateway-core` instead.

mod banner;
mod check;
mod cli;
mod clock;
mod configuration;
mod demo;
mod environment;
mod files;
mod gateway;
mod listen;
mod litellm;
mod log;
mod memory;
mod open;
mod output;
mod page;
mod providers;
mod proxies;
mod runtime;
mod shutdown;
mod start;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod store;
#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
#[path = "stateless.rs"]
mod store;
mod stores;
mod supervise;
mod watch;

use std::process::ExitCode;

use clap::Parser;

pub use providers::providers;

use cli::{Cli, Command};

/// Everything that ends the program early, for people.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line, the environment or the configuration is wrong.
    #[error("{0}")]
    Refused(String),
    /// The machine refuses: a port in use, a file that cannot be read.
    #[error("{0}")]
    Broken(String),
}

impl Failure {
    /// 2 for what the user must change, as MLflow's command has it; 1 for everything else.
    const fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Broken(_) => 1,
        }
    }
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    shutdown::ignore_file_size_limit();
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Start(options) => start::start(&options),
        Command::Check(options) => check::check(&options),
        Command::Schema => check::schema(),
        Command::Providers => {
            output::say(&page::providers(&providers()));
            Ok(())
        }
        Command::Metrics => {
            output::say(&gateway_telemetry::descriptor::reference());
            Ok(())
        }
        #[cfg(any(feature = "postgres", feature = "sqlite"))]
        Command::Db(command) => store::db(&command),
        #[cfg(any(feature = "postgres", feature = "sqlite"))]
        Command::Secrets(command) => store::secrets(&command),
        Command::Version => {
            output::say(concat!("gateway-server ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure.to_string());
            log::finish();
            ExitCode::from(failure.code())
        }
    }
}
