//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// One address for every model provider.
#[derive(Debug, Parser)]
#[command(
    name = "gateway-server",
    version,
    about,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the endpoints of a configuration; without one, a demo that needs no key.
    Start(StartOptions),
    /// Say everything that is wrong with a configuration, or that it is fine.
    Check(CheckOptions),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Print what the providers of this program can do and which settings they take, as Markdown.
    Providers,
    /// Print every metric there is, as the page of the reference.
    Metrics,
    /// Look after the store of the configuration.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[command(subcommand)]
    Db(DbCommand),
    /// Look after the credentials in the store.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Print the version.
    Version,
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Make the tables, or bring them to the version of this program.
    Migrate(StoreOptions),
    /// Read everything and say what is wrong with it. A server may run meanwhile.
    Check(StoreOptions),
    /// Write a copy of an SQLite store to a new file. A server may run meanwhile.
    Backup {
        #[command(flatten)]
        store: StoreOptions,
        /// The file to write; it must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Seal all credentials under a new master key. Servers may run meanwhile, if they have both keys.
    RotateKey {
        #[command(flatten)]
        store: StoreOptions,
        /// Only remove keys from the key file under which nothing is sealed any more.
        #[arg(long)]
        drop_old: bool,
    },
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    /// The folder of the store: `gateway.db` and `master.key` are in it.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "gateway-data",
        env = "GATEWAY_DATA"
    )]
    pub(crate) data: PathBuf,
    /// The store, if it is elsewhere: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[arg(
        long,
        value_name = "URL",
        env = "GATEWAY_STORE_URL",
        hide_env_values = true
    )]
    pub(crate) store_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// The configuration. Also `GATEWAY_CONFIG_PATH` or `MLFLOW_GATEWAY_CONFIG`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_path: Option<PathBuf>,
    /// Keep secrets, models and endpoints in a database in this folder, and manage them by REST.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with = "config_path",
        env = "GATEWAY_DATA"
    )]
    pub(crate) data: Option<PathBuf>,
    /// The same in another place: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["config_path", "data"],
        env = "GATEWAY_STORE_URL",
        hide_env_values = true
    )]
    pub(crate) store_url: Option<String>,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1", env = "GATEWAY_HOST")]
    pub(crate) host: String,
    /// The port to listen at; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 5000, env = "GATEWAY_PORT")]
    pub(crate) port: u16,
    /// Send upstream calls for origin FROM (`*` for any) to origin TO, keeping path, query and Host. Repeatable.
    #[arg(long, value_name = "FROM=TO")]
    pub(crate) origin_override: Vec<String>,
    /// Serve TLS with this certificate chain (PEM).
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "GATEWAY_TLS_CERT"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "GATEWAY_TLS_KEY"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this machine although the configuration lets everybody in.
    #[arg(long, env = "GATEWAY_ALLOW_UNAUTHENTICATED")]
    pub(crate) allow_unauthenticated: bool,
    /// How long calls in flight may take to finish when told to stop, as `30s` or `500ms`. Default: the
    /// configuration's `server.drain`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Threads that serve. Default: one per core.
    #[arg(long, env = "GATEWAY_WORKERS")]
    pub(crate) workers: Option<usize>,
    /// The form of the log on stderr. Default: the configuration's `telemetry.log.format`.
    #[arg(long, value_enum, env = "GATEWAY_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_path: PathBuf,
    /// Refuse unknown and duplicate keys instead of warning about them.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, scale) = match text {
        _ if text.ends_with("ms") => (text.trim_end_matches("ms"), 0.001),
        _ if text.ends_with('s') => (text.trim_end_matches('s'), 1.0),
        _ if text.ends_with('m') => (text.trim_end_matches('m'), 60.0),
        _ => (text, 1.0),
    };
    let seconds = number.trim().parse::<f64>().ok();
    seconds
        .and_then(|number| Duration::try_from_secs_f64(number * scale).ok())
        .ok_or_else(|| format!("`{text}` is not a time, as `30s` or `500ms`"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("soon").is_err() && duration("-1s").is_err());
    }
}
