//! What the edge must know about the running plan: names, types, and how the gateway is.

use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Access, Authenticate, ByteBudget, EntryService};
use gateway_schema::{CallError, EndpointName, ModelId, Operation, ProviderName};

use crate::body::LateText;
use crate::browser::BrowserPolicy;

/// One plan, as the edge sees it. It never changes; every method answers from memory.
pub trait Snapshot: Send + Sync + 'static {
    /// The endpoint or route of this name.
    fn find(&self, name: &str) -> Option<Entry>;

    /// All endpoints, in the order of the configuration.
    fn endpoints(&self) -> Vec<Arc<EndpointInfo>>;

    /// All routes, in the order of the configuration.
    fn routes(&self) -> Vec<Arc<EndpointInfo>>;

    /// Who asks callers for credentials; `None` where everybody may ask everything, as far as the edge is concerned.
    fn guard(&self) -> Option<Arc<dyn Authenticate>> {
        None
    }

    /// The bounds of request bodies; `None` for those that the edge was made with.
    fn body_bounds(&self) -> Option<BodyBounds> {
        None
    }

    /// Whether somebody without a credential may call.
    fn lets_everybody_in(&self) -> bool {
        self.guard().is_none()
    }

    /// Which pages may call, and by which names the gateway is called; `None` for what the edge was made with.
    fn browsers(&self) -> Option<Arc<BrowserPolicy>> {
        None
    }

    /// Whether a call whose caller sends no `traceparent` begins a trace of its own.
    fn traces(&self) -> bool {
        false
    }
}

/// What a name stands for in one plan.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub info: Arc<EndpointInfo>,
    /// What answers its calls; `None` where the service behind the edge looks the name up itself.
    pub service: Option<Arc<dyn EntryService>>,
}

/// No plan: nothing has a name.
pub(crate) struct NoPlan;

impl Snapshot for NoPlan {
    fn find(&self, _: &str) -> Option<Entry> {
        None
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        Vec::new()
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        Vec::new()
    }
}

impl From<Arc<EndpointInfo>> for Entry {
    fn from(info: Arc<EndpointInfo>) -> Self {
        Self {
            info,
            service: None,
        }
    }
}

/// The running plan and the process, as the edge sees them. Every method answers from memory.
pub trait Directory: Send + Sync + 'static {
    /// The plan that runs now. A request asks once and keeps the answer to its end: one plan says who calls, what a name
    /// stands for, whether it may be asked, and what answers.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// How the gateway is.
    fn health(&self) -> Health;

    /// What `/metrics` says, in Prometheus' text format; `None` where there is no such page. The text is made off the
    /// threads that serve: with many series it takes a while.
    fn metrics(&self) -> Option<LateText> {
        None
    }

    /// Whether a request that will ask an endpoint may come in at all. Asked before its body is read.
    ///
    /// # Errors
    /// There is too much to do already.
    fn check_load(&self) -> Result<(), CallError> {
        Ok(())
    }

    /// Takes a place for a request whose body is there, or larger than 64 KiB. It is held until the reply is over.
    ///
    /// # Errors
    /// There is too much to do already.
    fn enter(&self) -> Result<Option<Place>, CallError> {
        Ok(None)
    }

    /// Where the bytes of requests count while they are held; bytes that have no room there are refused.
    fn memory(&self) -> ByteBudget {
        ByteBudget::default()
    }

    /// The part of [`memory`](Self::memory) for bodies of callers that are known when the body is there: those that sign
    /// it without stating its digest in the head.
    fn unverified_memory(&self) -> ByteBudget {
        self.memory()
    }
}

/// Whatever is let go when the reply is over.
pub type Place = Box<dyn Send + Sync>;

/// The bounds of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyBounds {
    /// The largest body that is read, as sent.
    pub max_bytes: usize,
    /// The largest body after decompression.
    pub max_decompressed_bytes: usize,
    /// The largest body that is passed on without being held.
    pub max_upload: u64,
    /// How long a body may be waited for; a second is earned back by every 8 KiB of it.
    pub timeout: Duration,
}

/// A directory as one caller sees it: what it may not ask is not there.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    directory: &'a dyn Directory,
    plan: &'a dyn Snapshot,
    access: &'a Access,
}

impl<'a> View<'a> {
    pub(crate) const fn new(
        directory: &'a dyn Directory,
        plan: &'a dyn Snapshot,
        access: &'a Access,
    ) -> Self {
        Self {
            directory,
            plan,
            access,
        }
    }

    pub(crate) fn find(self, name: &str) -> Option<Entry> {
        let found = self.plan.find(name);
        found.filter(|_| self.access.allows(name))
    }

    pub(crate) fn endpoints(self) -> Vec<Arc<EndpointInfo>> {
        self.allowed(self.plan.endpoints())
    }

    pub(crate) fn routes(self) -> Vec<Arc<EndpointInfo>> {
        self.allowed(self.plan.routes())
    }

    fn allowed(self, mut all: Vec<Arc<EndpointInfo>>) -> Vec<Arc<EndpointInfo>> {
        all.retain(|info| self.access.allows(info.name.as_str()));
        all
    }

    /// How the gateway is. Why it is so is for callers that may see everything; the others learn of what they may ask, and
    /// strangers of readiness alone.
    pub(crate) fn health(self) -> Health {
        let mut health = self.directory.health();
        if *self.access == Access::Unchecked {
            return Health::new(health.ready);
        }
        if !self.sees_everything() {
            health
                .breakers
                .retain(|breaker| self.access.allows(breaker.endpoint.as_str()));
            // Paths, addresses and names of others stand in reasons.
            health.refused_reload = health.refused_reload.map(|_| String::new());
            health.store_away = health.store_away.map(|(name, _)| (name, String::new()));
        }
        health
    }

    /// Whether the caller may ask everything, or, as a scraper, nothing.
    fn sees_everything(self) -> bool {
        match self.access {
            Access::Unchecked => false,
            Access::All => true,
            Access::Only(names) => names.is_empty(),
        }
    }

    /// The metrics, for callers that may ask everything or, as a scraper, nothing: others would see endpoints that are
    /// not for them.
    pub(crate) fn metrics(self) -> Option<Metrics> {
        if !self.sees_everything() {
            return Some(Metrics::Forbidden);
        }
        self.directory.metrics().map(Metrics::Text)
    }
}

/// What `/metrics` says to one caller.
pub(crate) enum Metrics {
    Forbidden,
    Text(LateText),
}

/// An endpoint or a route over several.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// What clients call.
    pub name: EndpointName,
    /// What it can be asked: chat, completions or embeddings. Chat endpoints can count tokens too.
    pub operation: Operation,
    /// Refuse rather than lose a field.
    pub strict: bool,
    /// When its configuration was loaded, in seconds since 1970.
    pub created: i64,
    /// What stands behind the name.
    pub kind: EndpointKind,
}

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EndpointKind {
    /// One model of one provider.
    Endpoint {
        /// The provider, as the configuration spells it.
        provider: ProviderName,
        /// The model; `None` when the configuration names none.
        model: Option<ModelId>,
        /// The limit of calls, as configured.
        limit: Option<EndpointLimit>,
    },
    /// Several endpoints, one of which answers.
    Route {
        /// The endpoints with their shares.
        destinations: Vec<Destination>,
        /// The configuration's word for how one is chosen.
        strategy: String,
    },
}

/// A limit of calls, as the configuration states it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointLimit {
    /// How many calls.
    pub calls: u64,
    /// In which time: `minute`, `hour`, ...
    pub renewal_period: String,
    /// The key to count by, if the configuration names one.
    pub key: Option<String>,
}

impl EndpointLimit {
    /// So many calls per period.
    pub fn new(calls: u64, renewal_period: impl Into<String>, key: Option<String>) -> Self {
        Self {
            calls,
            renewal_period: renewal_period.into(),
            key,
        }
    }
}

/// One endpoint behind a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The endpoint.
    pub name: EndpointName,
    /// Its share of the calls, in percent.
    pub traffic_percentage: u32,
}

impl EndpointInfo {
    /// An endpoint for one model of one provider.
    pub fn endpoint(
        name: impl Into<EndpointName>,
        operation: Operation,
        provider: impl Into<ProviderName>,
        model: Option<ModelId>,
    ) -> Self {
        Self {
            name: name.into(),
            operation,
            strict: false,
            created: 0,
            kind: EndpointKind::Endpoint {
                provider: provider.into(),
                model,
                limit: None,
            },
        }
    }

    /// A route over `destinations`.
    pub fn route(
        name: impl Into<EndpointName>,
        operation: Operation,
        destinations: Vec<Destination>,
        strategy: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            operation,
            strict: false,
            created: 0,
            kind: EndpointKind::Route {
                destinations,
                strategy: strategy.into(),
            },
        }
    }

    /// States the limit of an endpoint; routes have none.
    pub fn with_limit(mut self, new: Option<EndpointLimit>) -> Self {
        if let EndpointKind::Endpoint { limit, .. } = &mut self.kind {
            *limit = new;
        }
        self
    }

    /// States whether a would-be loss is refused.
    pub const fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// States when the configuration was loaded, in seconds since 1970.
    pub const fn with_created(mut self, created: i64) -> Self {
        self.created = created;
        self
    }

    /// True when it can be asked for `operation`.
    pub fn answers(&self, operation: Operation) -> bool {
        self.operation == operation
            // Whatever stands behind it has an API of its own; if not, its provider says so.
            || operation == Operation::Proxy
            || (self.operation == Operation::Chat && operation == Operation::CountTokens)
    }
}

/// How the gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// It takes new requests; false while it starts and while it drains.
    pub ready: bool,
    /// Why the newest configuration was refused while the one before it keeps serving; `None` when all is well.
    pub refused_reload: Option<String>,
    /// The shared store that does not answer, and why; `None` when all is well.
    pub store_away: Option<(&'static str, String)>,
    /// Targets that are left alone for now.
    pub breakers: Vec<BreakerHealth>,
}

/// A target whose breaker is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerHealth {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// Which of the endpoint's accounts, counted from 0.
    pub account: usize,
    /// `open` or `half_open`.
    pub state: &'static str,
    /// For how long it is left alone.
    pub retry_after: Duration,
}

impl Health {
    /// A gateway that takes requests, or does not.
    pub const fn new(ready: bool) -> Self {
        Self {
            ready,
            refused_reload: None,
            store_away: None,
            breakers: Vec::new(),
        }
    }

    /// States which targets are left alone for now.
    pub fn with_breakers(mut self, breakers: Vec<BreakerHealth>) -> Self {
        self.breakers = breakers;
        self
    }

    /// States why the newest configuration was refused.
    pub fn with_refused_reload(mut self, why: Option<String>) -> Self {
        self.refused_reload = why;
        self
    }

    /// States which shared store does not answer, and why.
    pub fn with_store_away(mut self, away: Option<(&'static str, String)>) -> Self {
        self.store_away = away;
        self
    }
}
