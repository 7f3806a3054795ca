//! The typed engine: calls in, replies out, one running plan.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use foldhash::HashMap;
use gateway_config::{OnStoreError, Plan, Server};
use gateway_http::LateText;
use gateway_middleware::Dice;
use gateway_middleware::breaker::BreakerStatus;
use gateway_middleware::overload::Capacity;
use gateway_provider::{Authenticate, BoxFuture, Call, Deps, Provider, Registry, Reply};
use gateway_schema::{CallError, EndpointName, ErrorKind};
use gateway_store::keys::KeyStore;
use gateway_store::rate::{MemoryRates, RateStore};
use gateway_store::shared::LinkStatus;
use gateway_store::{MemoryRecords, RecordSink};
use gateway_telemetry::Telemetry;
use tower::util::Oneshot;
use tower_service::Service;

use crate::deps::EngineDeps;
use crate::error::BuildError;
use crate::identity::Identity;
use crate::running::{Prepared, Running};
use crate::stack::{Rates, Stack, StackLayers};
use crate::state::{SharedState, TargetStatus};
use crate::stores::{OpenStores, Stores};
use crate::told;

/// Collects what an [`Engine`] needs.
pub struct EngineBuilder {
    deps: EngineDeps,
    sinks: Vec<Arc<dyn RecordSink>>,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// An engine over the providers of `registry`.
    pub fn new(registry: Registry, deps: Deps) -> Self {
        Self {
            deps: EngineDeps {
                registry,
                providers: HashMap::default(),
                deps,
                records: Arc::new(MemoryRecords::new(0)),
                dice: Arc::new(|| fastrand::u64(..)),
                rates: Rates {
                    store: Arc::new(MemoryRates::new()),
                    begun: tokio::time::Instant::now(),
                    away: OnStoreError::default(),
                    errors: Arc::default(),
                },
                stores: Stores::default(),
                state: SharedState::default(),
                identity: Identity::default(),
                capacity: Capacity::new(),
                layers: Vec::new(),
                telemetry: None,
            },
            sinks: Vec::new(),
        }
    }

    /// Sends the record of every call to `records`, and to those added before. Without any records are dropped.
    pub fn with_records(mut self, records: Arc<dyn RecordSink>) -> Self {
        self.sinks.push(records);
        self
    }

    /// Sends the record of every call to `telemetry`, which from now on is configured by the plan. Somebody must run a
    /// [`Writer`](gateway_telemetry::Writer) over it, or its queue fills; metrics alone need none.
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.sinks.push(Arc::new(telemetry.clone()));
        self.deps.telemetry = Some(telemetry);
        self
    }

    /// Lets endpoints whose provider is `name` be answered by `provider`, without a factory.
    pub fn with_provider(mut self, name: impl Into<String>, provider: Arc<dyn Provider>) -> Self {
        self.deps.providers.insert(name.into(), provider);
        self
    }

    /// Counts limits in `store` instead of this process's memory.
    pub fn with_rates(mut self, store: Arc<dyn RateStore>) -> Self {
        self.deps.rates.store = store;
        self
    }

    /// Finds keys of callers in `keys`, too, besides those of the plan, which win. Callers must then show a credential
    /// even if the plan has no `auth`.
    pub fn with_keys(mut self, keys: Arc<dyn KeyStore>) -> Self {
        self.deps.identity.keys = Some(keys);
        self
    }

    /// Opens the stores that a plan names (`stores: {redis: ...}`) by `open`; then limits are counted there, and caches
    /// have them as their far level. Without it such a plan is refused.
    pub fn with_stores(mut self, open: OpenStores) -> Self {
        self.deps.stores.open = Some(open);
        self
    }

    /// Draws from `dice`, so that splits can be replayed.
    pub fn with_dice(mut self, dice: Dice) -> Self {
        self.deps.dice = dice;
        self
    }

    /// Bounds the bytes that are held for callers to `bytes` where a plan does not (`server.max_memory`). Without it the
    /// bound is 1 GiB.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.deps.capacity = Capacity::with_memory(bytes);
        self
    }

    /// Wraps every name's stack in a layer of your own, outside of all others; the last one added is outermost.
    pub fn with_layer<L>(mut self, layer: L) -> Self
    where
        L: tower_layer::Layer<Stack> + Send + Sync + 'static,
        L::Service:
            Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call>>::Future: Send,
    {
        let layers: StackLayers = Arc::new(move |inner| Stack::new(layer.layer(inner)));
        self.deps.layers.push(layers);
        self
    }

    /// An engine that runs `plan`.
    ///
    /// # Errors
    /// Everything that keeps the plan from running.
    pub fn build(mut self, plan: &Plan) -> Result<Engine, Vec<BuildError>> {
        self.deps.records = told::sink(self.sinks);
        let shared = Arc::new(Shared {
            running: ArcSwap::from_pointee(Running::default()),
            deps: self.deps,
            applying: Mutex::new(()),
            scrapes: Arc::default(),
        });
        shared.apply(plan)?;
        if let Some(telemetry) = &shared.deps.telemetry {
            told::watch(telemetry, Arc::downgrade(&shared));
        }
        Ok(Engine(shared))
    }
}

pub(crate) struct Shared {
    pub(crate) running: ArcSwap<Running>,
    pub(crate) deps: EngineDeps,
    /// One plan is applied at a time: each is built from the one before.
    applying: Mutex<()>,
    /// One rendering of metrics at a time.
    scrapes: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Builds a plan, which changes nothing, and then commits it, which cannot fail.
    fn apply(&self, plan: &Plan) -> Result<(), Vec<BuildError>> {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.running.load_full();
        let Prepared { running, state } = Running::prepare(plan, &self.deps, Some(&old))?;
        self.deps.capacity.bound(running.capacity_bounds());
        let authenticate = running.authenticate.clone();
        drop(self.running.swap(Arc::new(running)));
        if let Some(telemetry) = &self.deps.telemetry {
            telemetry.configure(told::config(plan));
        }
        // Last, when the plan before may be gone: then the state of names that are gone can go with it.
        release(old, authenticate.as_ref());
        state.commit();
        Ok(())
    }
}

/// Answers calls from one running plan. Clones share it.
///
/// Shape: the call's context names an endpoint or a route; an unknown one is an error of kind not found.
/// Cancellation: dropping the future or the reply's stream abandons the upstream exchange; the call is settled.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.0.running.load();
        f.debug_struct("Engine")
            .field("names", &running.names.keys())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Runs another plan from now on. Calls in flight, streams included, keep the plan they began with. Endpoints and
    /// routes that are as they were are shared with the plan before, whatever else has changed.
    ///
    /// A plan that is refused changes nothing. Builds what is new and drops what is gone, which with thousands of
    /// endpoints takes a while: call it on a thread that does not serve.
    ///
    /// # Errors
    /// Everything that keeps the plan from running; the one before it keeps serving.
    pub fn apply(&self, plan: &Plan) -> Result<(), Vec<BuildError>> {
        self.0.apply(plan)
    }

    /// Endpoints whose breaker is not closed, by name. State outlives plans.
    pub fn open_breakers(&self) -> Vec<(EndpointName, BreakerStatus)> {
        let open = self.0.deps.state.open_breakers().into_iter();
        open.map(|one| (one.endpoint, one.status)).collect()
    }

    /// How much the whole process has to do. The [`Gateway`](crate::Gateway) refuses requests by it before their bodies
    /// are read; calls of an embedder's own do not count, unless it adds a
    /// [`ShedLayer`](gateway_middleware::overload::ShedLayer).
    pub fn capacity(&self) -> &Capacity {
        &self.0.deps.capacity
    }

    /// What the running plan says of the whole process.
    pub fn server(&self) -> Arc<Server> {
        Arc::clone(&self.0.running.load().server)
    }

    pub(crate) fn breakers(&self) -> Vec<TargetStatus> {
        let running = self.0.running.load();
        let mut breakers = self.0.deps.state.open_breakers();
        // A name that is gone may have calls in flight.
        breakers.retain(|one| running.names.contains_key(&one.endpoint));
        breakers
    }

    /// The shared server that limits and caches stand on, if there is one, and how it is with it.
    pub fn shared_store(&self) -> Option<(&'static str, LinkStatus)> {
        let running = self.running();
        let link = &running.stores.as_ref()?.link;
        Some((link.name(), link.status()))
    }

    /// How many calls of each name are on their way.
    pub fn in_flight(&self) -> Vec<(EndpointName, u64)> {
        self.0.deps.state.in_flight()
    }

    /// All metrics in Prometheus' text format; `None` without telemetry, and where the plan does not want them told.
    pub fn metrics(&self) -> Option<String> {
        self.0.deps.telemetry.as_ref()?.prometheus()
    }

    /// The same, made on a thread that does not serve, one after the other.
    pub(crate) fn late_metrics(&self) -> Option<LateText> {
        let telemetry = self.0.deps.telemetry.clone()?;
        telemetry.is_scraped().then(|| {
            let turn = Arc::clone(&self.0.scrapes);
            let text = async move {
                let turn = turn.lock_owned().await;
                let rendering = tokio::task::spawn_blocking(move || {
                    let text = telemetry.prometheus();
                    drop(turn);
                    text
                });
                rendering.await.ok().flatten().unwrap_or_default()
            };
            Box::pin(text) as LateText
        })
    }

    /// The plan that runs now, for the whole life of a request.
    pub(crate) fn snapshot(&self) -> Arc<Running> {
        self.0.running.load_full()
    }

    pub(crate) fn running(&self) -> arc_swap::Guard<Arc<Running>> {
        self.0.running.load()
    }
}

impl Service<Call> for Engine {
    type Response = Reply;
    type Error = CallError;
    type Future = EngineFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // Which stack must be ready is known only in the call; its future waits for it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call) -> EngineFuture {
        use tower::ServiceExt;

        if let Some(entry) = call.context.entry.take() {
            // The plan that the request began with answers it.
            return EngineFuture(State::Entry(entry.answer(call)));
        }

        // One look at the running plan for the whole life of this call.
        let running = self.running();
        EngineFuture(match running.names.get(&call.context.endpoint) {
            Some((_, stack)) => State::Known(stack.0.clone().oneshot(call)),
            None => State::Unknown(Some(unknown(call.context.endpoint.as_str()))),
        })
    }
}

/// How long what was replaced is kept for calls that use it at this moment. What still uses it then drops it.
const USE_ENDS_WITHIN: Duration = Duration::from_millis(500);

/// Drops a plan that was replaced, here and not on a thread that serves: with thousands of endpoints or keys that takes a
/// while. `kept` is what the plan after it has in common with it.
fn release(old: Arc<Running>, kept: Option<&Arc<dyn Authenticate>>) {
    // Looks into a plan last for microseconds, and no new ones begin.
    await_last(&old);
    let authenticate = old.authenticate.clone();
    drop(old);
    if let Some(own) = authenticate
        && kept.is_none_or(|kept| !Arc::ptr_eq(&own, kept))
    {
        await_last(&own);
    }
}

/// Waits until this is the only handle of `shared`, up to a bound.
fn await_last<T: ?Sized>(shared: &Arc<T>) {
    let begun = Instant::now();
    while Arc::strong_count(shared) > 1 && begun.elapsed() < USE_ENDS_WITHIN {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn unknown(name: &str) -> CallError {
    CallError::client(
        ErrorKind::NotFound,
        format!("There is no endpoint or route named '{name}'."),
    )
    .with_code("model_not_found")
}

/// The answer of an [`Engine`].
pub struct EngineFuture(State);

enum State {
    /// Looked up here.
    Known(Oneshot<Stack, Call>),
    /// Answered by the stack that the edge found in the plan.
    Entry(BoxFuture<'static, Result<Reply, CallError>>),
    Unknown(Option<CallError>),
}

impl fmt::Debug for EngineFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineFuture").finish_non_exhaustive()
    }
}

impl Future for EngineFuture {
    type Output = Result<Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(future) => Pin::new(future).poll(cx),
            State::Entry(future) => future.as_mut().poll(cx),
            State::Unknown(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}
