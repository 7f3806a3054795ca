//! All composition stands here, outermost first, with a reason per line.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use gateway_config::{OnStoreError, Plan};
use gateway_middleware::Dice;
use gateway_middleware::auth::Auth;
use gateway_middleware::breaker::{BreakerConfig, BreakerState, Breaking};
use gateway_middleware::cache::{Answers, CacheConfig, Cached};
use gateway_middleware::concurrency::{ConcurrencyLimited, Places};
use gateway_middleware::fallback::{Candidate, Fallback, FallbackConfig, Rest};
use gateway_middleware::load::{Load, Observed};
use gateway_middleware::rate_limit::{RateLimited, Rule, StoreErrors};
use gateway_middleware::retry::{RetryBudget, RetryConfig, Retrying};
use gateway_middleware::route::{Destination, RouteConfig, RouteError, Routed};
use gateway_middleware::timeout::{Overall, Timeout, TimeoutConfig};
use gateway_middleware::usage::{Meter, Metered};
use gateway_provider::{Authenticate, BoxFuture, Call, EntryService, Provider, Reply};
use gateway_schema::{CallError, ErrorKind, Operation};
use gateway_store::rate::RateStore;
use gateway_store::shared::SharedStores;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::reach::Reach;

/// What answers one name. Erased once per name, because the table of names holds stacks of many shapes.
pub type Stack = BoxCloneSyncService<Call, Reply, CallError>;

/// The finished stack of one name in one plan, as a request carries it.
pub(crate) struct NameStack(pub(crate) Stack);

impl fmt::Debug for NameStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameStack").finish_non_exhaustive()
    }
}

impl EntryService for NameStack {
    fn answer(&self, call: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        Box::pin(tower::ServiceExt::oneshot(self.0.clone(), call))
    }
}

/// Wraps a finished stack in layers of the embedder's own; see [`EngineBuilder::with_layer`](crate::EngineBuilder::with_layer).
pub type StackLayers = Arc<dyn Fn(Stack) -> Stack + Send + Sync>;

/// One target with what is decided for it alone.
pub(crate) fn target(
    provider: Arc<dyn Provider>,
    timeout: TimeoutConfig,
    places: Option<Places>,
    breaker: Option<(BreakerConfig, BreakerState)>,
    (load, rest): (Option<Load>, Option<Rest>),
) -> Target {
    // The timeout is innermost: it bounds one target, so that a slow one can be left for another. Waiting in line is
    // not the provider's slowness.
    let timed = Timeout::new(Answering(provider), timeout);
    // The line stands below the breaker: nobody waits for a target that is left alone.
    let bounded = ConcurrencyLimited::new(timed, places);
    let breaking = match breaker {
        Some((config, state)) => Breaking::new(bounded, config, state),
        None => Breaking::never(bounded),
    };
    // What routes choose by is seen from outside the line: who waits there is under way, too.
    let mut observed = Observed::new(breaking);
    if let Some(load) = load {
        observed = observed.with_load(load);
    }
    match rest {
        Some(rest) => observed.with_rest(rest),
        None => observed,
    }
}

/// One target, not yet erased.
pub(crate) type Target = Observed<Breaking<ConcurrencyLimited<Timeout<Answering>>>>;

/// How the targets of an endpoint are tried.
pub(crate) fn reach(
    mut candidates: Vec<Candidate<Target>>,
    also_on: Vec<ErrorKind>,
    retry: Option<RetryConfig>,
    dice: Dice,
) -> Option<Reach> {
    if candidates.len() > 1 {
        let budget = RetryBudget::new(retry.unwrap_or_default().budget);
        let mut config = FallbackConfig::new().with_also_on(also_on);
        config.rounds = retry;
        // A different key or target comes before the same one again, so the rounds of the fallback are the retries.
        return Some(Reach::Fallback(Fallback::new(
            candidates, config, budget, dice,
        )));
    }
    let target = candidates.pop()?.service;
    Some(match retry {
        // The retry stands above the timeout: each attempt has its own.
        Some(config) => Reach::Retrying(Retrying::new(
            target,
            config,
            RetryBudget::new(config.budget),
            dice,
        )),
        None => Reach::Plain(target),
    })
}

/// An endpoint's targets behind its cache, if it has one.
pub(crate) fn cached(
    reach: Reach,
    total: Duration,
    cache: Option<(CacheConfig, Answers)>,
) -> Reached {
    // The deadline stands above retries and fallbacks, which share it, and below the cache, whose answers take no time.
    let reach = Overall::new(reach, total);
    // The cache stands below the limits, so that a hit counts against them, and above everything that is tried.
    match cache {
        Some((config, answers)) => Cached::new(reach, config, answers),
        None => Cached::never(reach),
    }
}

/// What an endpoint asks, not yet erased.
pub(crate) type Reached = Cached<Overall<Reach>>;

/// What an endpoint's name is answered by.
pub(crate) fn endpoint(reach: Reached, limits: Limits<'_>, front: Front) -> Stack {
    front.before(
        // Limits stand above the targets: a call counts once, however often it is tried.
        limits.before(reach),
    )
}

/// What stands before everything else of a name.
pub(crate) struct Front {
    pub(crate) meter: Meter,
    pub(crate) authenticate: Option<Arc<dyn Authenticate>>,
}

impl Front {
    fn before<S>(self, inner: S) -> Stack
    where
        S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        // Who may not ask is refused before anything is counted or spent.
        let inner = Auth::new(inner, self.authenticate);
        // Usage is outermost: whatever happens below, one record leaves. A call over a route is one call, whichever
        // destination answers.
        Stack::new(Metered::by(inner, Arc::new(self.meter)))
    }
}

/// The limits of one name, and where they are counted.
pub(crate) struct Limits<'a> {
    pub(crate) rules: Vec<Rule>,
    pub(crate) rates: &'a Rates,
}

impl Limits<'_> {
    fn before<S>(self, inner: S) -> RateLimited<S> {
        let store = Arc::clone(&self.rates.store);
        RateLimited::since(inner, self.rules, store, self.rates.begun)
            .with_store_errors(Arc::clone(&self.rates.errors))
    }
}

/// Where limits are counted; outlives every plan.
#[derive(Clone)]
pub(crate) struct Rates {
    pub(crate) store: Arc<dyn RateStore>,
    /// The moment that the store's times are counted from.
    pub(crate) begun: tokio::time::Instant,
    /// What happens while the store is away, where a limit does not say.
    pub(crate) away: OnStoreError,
    /// What became of calls while the store was away.
    pub(crate) errors: Arc<StoreErrors>,
}

impl Rates {
    /// The same, but counted in `stores` if there are any, with the policy of `plan`.
    pub(crate) fn over(&self, stores: Option<&SharedStores>, plan: &Plan) -> Self {
        let own = || Arc::clone(&self.store);
        Self {
            store: stores.map_or_else(own, |stores| Arc::clone(&stores.rates)),
            begun: self.begun,
            away: plan.stores.on_store_error,
            errors: Arc::clone(&self.errors),
        }
    }
}

/// What a route's name is answered by.
pub(crate) fn route(
    destinations: Vec<Destination<RateLimited<Reached>>>,
    config: RouteConfig,
    dice: Dice,
    front: Front,
) -> Result<Stack, RouteError> {
    Ok(front.before(
        // The choice stands above what is decided per endpoint: retries and fallbacks are the destination's.
        Routed::new(destinations, config, dice)?,
    ))
}

/// What a route leads to.
pub(crate) fn reached(reach: Reached, limits: Limits<'_>) -> RateLimited<Reached> {
    // A destination's own limits hold on every way to it.
    limits.before(reach)
}

/// A provider as a service.
#[derive(Clone)]
pub(crate) struct Answering(Arc<dyn Provider>);

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answering").field(self.0.info()).finish()
    }
}

impl Service<Call> for Answering {
    type Response = Reply;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let info = self.0.info();
        // Whether requests can be passed on, the provider says itself.
        let is_raw = call.operation == Operation::Proxy && call.payload.raw().is_some();
        if !is_raw && !info.operations.contains(&call.operation) {
            let error = info.lacks(call.operation);
            return Box::pin(std::future::ready(Err(error)));
        }
        Arc::clone(&self.0).call(call)
    }
}
