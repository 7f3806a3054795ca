//! The connection to the server: made, watched, made again.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_store::shared::{LinkStatus, StoreLink};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::sync::{Notify, watch};

use crate::bounded::Bounded;
use crate::config::{ConfigError, RedisConfig};
use crate::connect::{self, Roots};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take; a server that takes longer is away.
pub(crate) const RESPONSE: Duration = Duration::from_millis(500);
/// A connection that nobody complains of is looked after this often.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries to connect, at least and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A connection that answers.
#[derive(Clone)]
pub(crate) struct Up {
    pub(crate) connection: MultiplexedConnection,
    /// The server has lost its data since the connection before.
    pub(crate) lost: bool,
}

#[derive(Clone)]
pub(crate) enum State {
    /// It was never tried.
    Starting,
    /// It does not answer, and why.
    Away(Arc<str>),
    Up(Up),
}

/// What a failure was about, for metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    Connection,
    Rates,
    CacheGet,
    CachePut,
    CacheShed,
}

const NAMES: [&str; 5] = ["connect", "rates", "cache_get", "cache_put", "cache_shed"];

/// The connection to one server. Clones share it.
#[derive(Clone)]
pub struct RedisLink(Arc<Shared>);

struct Shared {
    client: Client,
    roots: Roots,
    marker: String,
    state: watch::Sender<State>,
    /// Somebody saw the connection of this number fail.
    broken: Notify,
    failures: Arc<[AtomicU64; NAMES.len()]>,
    /// Another link to the same server says what is wrong.
    quiet: bool,
    complaint: Mutex<Option<String>>,
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink")
            .field("at", &self.at())
            .finish_non_exhaustive()
    }
}

impl RedisLink {
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, ConfigError> {
        let (client, roots) = client(config)?;
        Ok(Self(Arc::new(Shared {
            client,
            roots,
            marker: format!("{}:born", config.namespace),
            state: watch::Sender::new(State::Starting),
            broken: Notify::new(),
            failures: Arc::default(),
            quiet: false,
            complaint: Mutex::new(None),
        })))
    }

    /// Another connection to the same server, counted together with this one.
    pub(crate) fn beside(&self) -> Self {
        Self(Arc::new(Shared {
            client: self.0.client.clone(),
            roots: self.0.roots.clone(),
            marker: self.0.marker.clone(),
            state: watch::Sender::new(State::Starting),
            broken: Notify::new(),
            failures: Arc::clone(&self.0.failures),
            quiet: true,
            complaint: Mutex::new(None),
        }))
    }

    /// Host and port.
    pub fn at(&self) -> String {
        self.0.client.get_connection_info().addr().to_string()
    }

    /// Waits until the server was tried once, at most this long.
    pub async fn tried(&self, at_most: Duration) -> LinkStatus {
        let mut states = self.watch();
        let tried = states.wait_for(|state| !matches!(state, State::Starting));
        // An end of the time is told by the status.
        drop(tokio::time::timeout(at_most, tried).await);
        self.status()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Counts a failure. One of the connection itself makes another be made.
    pub(crate) fn failed(&self, about: About, error: Option<&RedisError>) {
        if let Some(count) = self.0.failures.get(about as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(error) = error {
            if is_of_the_connection(error) {
                self.0.broken.notify_one();
            } else {
                self.complain(&error.to_string());
            }
        }
    }

    /// Says once what is wrong, until something else is, or all is well.
    fn complain(&self, why: &str) {
        if self.0.quiet {
            tracing::debug!(target: "gateway::store", why, "Redis does not do what it is asked");
            return;
        }
        let complaint = &self.0.complaint;
        let mut known = complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != Some(why) {
            *known = Some(why.to_owned());
            drop(known);
            tracing::error!(
                target: "gateway::store",
                server = self.at(),
                "Redis does not do what it is asked: {why}. Limits follow on_store_error, caches are each process's own"
            );
        }
    }

    /// Keeps a connection until it is dropped.
    pub(crate) async fn keep(self) {
        let mut number = 0;
        let mut born = None;
        let mut tries = 0_u32;
        loop {
            match self.connect(&mut born).await {
                Ok((connection, lost)) => {
                    number += 1;
                    tries = 0;
                    self.greet(number, lost);
                    let mut looking = connection.clone();
                    let up = Up { connection, lost };
                    self.0.state.send_replace(State::Up(up));
                    let why = self.look_after(&mut looking).await;
                    self.away(&why);
                }
                Err(error) => {
                    self.failed(About::Connection, None);
                    self.away(&error.to_string());
                }
            }
            let (shortest, longest) = BACKOFF;
            let most = shortest.saturating_mul(1 << tries.min(8)).min(longest);
            tries += 1;
            // Half of it is drawn, so that processes that lost the server together do not come together.
            tokio::time::sleep(most.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }

    /// Lets the connection go; there will be no other.
    pub(crate) fn close(&self) {
        self.0.state.send_replace(State::Away("closed".into()));
    }

    /// Connects, and finds out whether the server is the one it was.
    async fn connect(
        &self,
        born: &mut Option<String>,
    ) -> Result<(MultiplexedConnection, bool), RedisError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE));
        let mut connection = tokio::time::timeout(CONNECT, self.open(config))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let id = format!("{:016x}", fastrand::u64(..));
        let marker = &self.0.marker;
        let (found,): (Option<String>,) = redis::pipe()
            .cmd("SET")
            .arg(marker)
            .arg(&id)
            .arg("NX")
            .ignore()
            .cmd("GET")
            .arg(marker)
            .query_async(&mut connection)
            .await?;
        let lost = born.is_some() && *born != found;
        *born = found.or(Some(id));
        Ok((connection, lost))
    }

    async fn open(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        let info = self.0.client.get_connection_info();
        let socket = connect::connect(info.addr(), &self.0.roots).await?;
        let socket = Bounded::new(socket);
        let settings = info.redis_settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(settings, socket, config).await?;
        // It ends with the last clone of the connection.
        tokio::spawn(driver);
        Ok(connection)
    }

    /// Returns why the connection is of no use any more.
    async fn look_after(&self, connection: &mut MultiplexedConnection) -> String {
        loop {
            tokio::select! {
                () = self.0.broken.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            let pong: Result<String, _> = redis::cmd("PING").query_async(connection).await;
            if let Err(error) = pong {
                self.failed(About::Connection, None);
                return error.to_string();
            }
        }
    }

    fn greet(&self, number: u64, lost: bool) {
        let mut known = self
            .0
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let was_away = known.take().is_some();
        drop(known);
        let server = self.at();
        if self.0.quiet {
            tracing::debug!(target: "gateway::store", server, "connected to Redis");
        } else if lost {
            tracing::warn!(target: "gateway::store", server, "Redis is back without its data: limits count from what the gateways remember");
        } else if was_away || number > 1 {
            tracing::info!(target: "gateway::store", server, "Redis is back");
        }
    }

    fn away(&self, why: &str) {
        self.0.state.send_replace(State::Away(why.into()));
        let mut known = self
            .0
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.replace(why.to_owned()).is_none() && !self.0.quiet {
            drop(known);
            tracing::error!(
                target: "gateway::store",
                server = self.at(),
                "Redis is away: {why}. Limits follow on_store_error once leases are used up, caches are each process's own"
            );
        }
    }
}

/// What knows the server that `config` names, and what is trusted there.
fn client(config: &RedisConfig) -> Result<(Client, Roots), ConfigError> {
    let client = Client::open(config.url.expose().trim())
        .map_err(|error| ConfigError::Url(format!("{:?}", error.kind())))?;
    if !matches!(
        client.get_connection_info().addr(),
        ConnectionAddr::TcpTls { .. }
    ) {
        return Ok((client, Roots::System));
    }
    if CryptoProvider::get_default().is_none() {
        // Without one, connecting would panic. An error says that somebody else was faster.
        drop(aws_lc_rs::default_provider().install_default());
    }
    let roots = Roots::new(config.roots_pem.as_deref())?;
    Ok((client, roots))
}

fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.is_io_error()
        || error.code().is_some_and(|code| code == "READONLY")
}

impl StoreLink for RedisLink {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn status(&self) -> LinkStatus {
        let status = match &*self.0.state.borrow() {
            State::Starting => LinkStatus::new(false, Some("not reached yet".to_owned())),
            State::Away(why) => LinkStatus::new(false, Some(format!("{}: {why}", self.at()))),
            State::Up(_) => LinkStatus::new(true, None),
        };
        let counts = self
            .0
            .failures
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        status.with_failures(NAMES.into_iter().zip(counts).collect())
    }
}
