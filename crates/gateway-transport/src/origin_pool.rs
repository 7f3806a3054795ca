//! The origins that are in use, each with its connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use gateway_provider::{TransportError, TransportFault};
use http::uri::Authority;
use http::{HeaderValue, Uri};
use tokio::time::Instant;

use crate::config::{Protocol, TransportConfig};
use crate::connect::Route;
use crate::h1::H1;
use crate::h2::Http2Pool;
use crate::origin::{Place, Plainness};
use crate::pool::IdleStack;

/// Origins kept before those without connections are forgotten.
const MAX_ORIGINS: usize = 4096;

/// One origin as requests name it: how to reach it and what is open to it.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) route: Route,
    /// The `Host` header of its requests, which overrides do not change.
    pub(crate) host: HeaderValue,
    pub(crate) http2: Option<Http2Pool>,
    idle: IdleStack<H1>,
}

impl Origin {
    /// An idle connection that looks alive.
    pub(crate) fn check_out(&self) -> Option<H1> {
        while let Some(mut connection) = self.idle.pop() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose exchange has ended; `at_most` is what the server announced.
    pub(crate) fn put_back(&self, connection: H1, at_most: Option<Duration>) {
        self.idle.push(connection, at_most);
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.len() + self.http2.as_ref().map_or(0, Http2Pool::idle)
    }

    /// Closes what has expired and what the server has closed.
    pub(crate) fn sweep(&self, now: Instant, idle_timeout: Duration) {
        self.idle.sweep(now, H1::is_quiet);
        if let Some(http2) = &self.http2 {
            http2.sweep(now, idle_timeout);
        }
    }

    /// Closes what is idle and keeps nothing from now on.
    pub(crate) fn close(&self) {
        self.idle.close();
        if let Some(http2) = &self.http2 {
            http2.close();
        }
    }

    fn is_unused(&self) -> bool {
        self.idle.len() == 0 && self.http2.as_ref().is_none_or(Http2Pool::is_empty)
    }
}

type Table = HashMap<Box<str>, Arc<Origin>>;

/// All origins. Reading takes no lock: tables are replaced whole when an origin is new, which is rare.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    plain: ArcSwap<Table>,
    tls: ArcSwap<Table>,
    writing: Mutex<bool>,
}

impl Origins {
    /// The origin of `uri`.
    ///
    /// # Errors
    /// `Request` when the URI is not absolute, has another scheme or carries user information.
    pub(crate) fn of(
        &self,
        uri: &Uri,
        config: &TransportConfig,
    ) -> Result<Arc<Origin>, TransportError> {
        let bad = |what: &str| TransportError::new(TransportFault::Request, what);
        let scheme = uri
            .scheme()
            .and_then(Plainness::of)
            .ok_or_else(|| bad("the URL is not absolute http or https"))?;
        let authority = uri.authority().ok_or_else(|| bad("the URL has no host"))?;
        if let Some(known) = self.table(scheme).load().get(authority.as_str()) {
            return Ok(Arc::clone(known));
        }
        if authority.as_str().contains('@') {
            return Err(bad(
                "the URL carries a user name or password before its host; credentials belong in a header",
            ));
        }
        if authority.host().is_empty() {
            return Err(bad("the URL has no host"));
        }
        self.add(scheme, authority, config)
    }

    fn table(&self, scheme: Plainness) -> &ArcSwap<Table> {
        match scheme {
            Plainness::Plain => &self.plain,
            Plainness::Tls => &self.tls,
        }
    }

    fn add(
        &self,
        scheme: Plainness,
        authority: &Authority,
        config: &TransportConfig,
    ) -> Result<Arc<Origin>, TransportError> {
        let closed = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table(scheme);
        let current = table.load();
        if let Some(known) = current.get(authority.as_str()) {
            return Ok(Arc::clone(known));
        }
        let origin = Arc::new(new_origin(scheme, authority, config)?);
        if *closed {
            origin.close();
        }
        let mut next = Table::clone(&current);
        if next.len() >= MAX_ORIGINS {
            next.retain(|_, origin| !origin.is_unused());
        }
        next.insert(authority.as_str().into(), Arc::clone(&origin));
        table.store(Arc::new(next));
        Ok(origin)
    }

    /// Calls `visit` with each origin.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Origin)) {
        for table in [&self.plain, &self.tls] {
            for origin in table.load().values() {
                visit(origin);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.plain.load().len() + self.tls.load().len()
    }

    /// Closes idle connections; origins, old and new, keep none from now on.
    pub(crate) fn close(&self) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.each(Origin::close);
    }
}

fn new_origin(
    scheme: Plainness,
    authority: &Authority,
    config: &TransportConfig,
) -> Result<Origin, TransportError> {
    let named = Place::new(scheme, authority);
    let route = match config.overrides.target(&named) {
        Some(target) => Route {
            place: target.clone(),
            proxy: None,
        },
        None => Route {
            proxy: config.proxies.of(&named).cloned(),
            place: named,
        },
    };
    let default_port = authority.port_u16() == Some(scheme.default_port());
    let host = if default_port {
        authority.host()
    } else {
        authority.as_str()
    };
    let host = HeaderValue::from_str(host)
        .map_err(|_| TransportError::new(TransportFault::Request, "the URL's host is no header"))?;
    let http2 = (config.protocol == Protocol::PreferHttp2 && route.place.scheme == Plainness::Tls)
        .then(|| Http2Pool::new(config.streams_per_connection));
    Ok(Origin {
        route,
        host,
        http2,
        idle: IdleStack::new(shards(), config.idle_per_origin, config.idle_timeout),
    })
}

/// As many shards as there are threads to share them, within reason.
fn shards() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(32)
}
