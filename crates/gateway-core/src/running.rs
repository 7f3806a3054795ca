//! From a plan to what runs.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_config::{Endpoint, FallbackOn, Plan, Route, Server};
use gateway_http::{Destination, EndpointInfo, EndpointLimit};
use gateway_middleware::Dice;
use gateway_middleware::breaker::{BreakerConfig, BreakerState};
use gateway_middleware::fallback::{Candidate, Rest};
use gateway_middleware::overload::{Capacity, CapacityBounds};
use gateway_middleware::retry::RetryConfig;
use gateway_middleware::timeout::TimeoutConfig;
use gateway_middleware::usage::{Meter, Prices};
use gateway_provider::{Authenticate, Deps, Provider, Registry, SendLimits, TargetSpec};
use gateway_schema::{EndpointName, ErrorKind, OptionProblem, Options};
use gateway_store::RecordSink;
use gateway_store::shared::SharedStores;
use gateway_telemetry::Telemetry;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::caches::Caches;
use crate::identity::Identity;
use crate::kept::Kept;
use crate::limits;
use crate::meters::{Flights, PriceList};
use crate::reach::Reach;
use crate::routes::{self, Standing, Watch, Watched};
use crate::stack::{self, Front, Limits, Rates, Reached, Stack, StackLayers};
use crate::stores::Stores;

/// Why a plan cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The registry has no such provider.
    #[error("endpoint '{endpoint}': there is no provider named '{provider}'")]
    UnknownProvider {
        /// The endpoint.
        endpoint: EndpointName,
        /// What it names.
        provider: String,
    },
    /// The provider refuses its settings.
    #[error("endpoint '{endpoint}': {}", messages(problems))]
    Provider {
        /// The endpoint.
        endpoint: EndpointName,
        /// What is wrong.
        problems: Vec<OptionProblem>,
    },
    /// A route or a fallback leads to something that is not an endpoint.
    #[error("'{name}': there is no endpoint named '{destination}'")]
    UnknownDestination {
        /// The route, or the endpoint with the fallback.
        name: EndpointName,
        /// What it names.
        destination: EndpointName,
    },
    /// A route cannot be built.
    #[error("route '{route}': {problem}")]
    Route {
        /// The route.
        route: EndpointName,
        /// What is wrong.
        problem: String,
    },
    /// The stores that several gateways share cannot be opened.
    #[error("stores: redis: {0}")]
    Stores(String),
    /// The machine gives no random numbers, which keys of callers are hashed with.
    #[error("auth: the machine gives no random numbers")]
    NoRandomness,
}

fn messages(problems: &[OptionProblem]) -> String {
    let messages: Vec<&str> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    messages.join("; ")
}

/// What every build needs.
pub(crate) struct Shop {
    pub(crate) registry: Registry,
    pub(crate) providers: HashMap<String, Arc<dyn Provider>>,
    pub(crate) deps: Deps,
    pub(crate) records: Arc<dyn RecordSink>,
    pub(crate) dice: Dice,
    pub(crate) rates: Rates,
    pub(crate) stores: Stores,
    pub(crate) kept: Kept,
    pub(crate) caches: Caches,
    pub(crate) identity: Identity,
    pub(crate) flights: Flights,
    pub(crate) capacity: Capacity,
    pub(crate) layers: Vec<StackLayers>,
    pub(crate) telemetry: Option<Telemetry>,
}

/// One plan, running.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) names: HashMap<EndpointName, (Arc<EndpointInfo>, Stack)>,
    pub(crate) endpoints: Vec<Arc<EndpointInfo>>,
    pub(crate) routes: Vec<Arc<EndpointInfo>>,
    /// Who asks callers for credentials.
    pub(crate) authenticate: Option<Arc<dyn Authenticate>>,
    /// Calls without a trace begin one.
    pub(crate) traces: bool,
    /// What is shared with other gateways.
    pub(crate) stores: Option<SharedStores>,
    /// The bounds of the whole process.
    pub(crate) server: Server,
}

impl Running {
    /// Builds everything, or says everything that is wrong.
    pub(crate) fn build(plan: &Plan, shop: &Shop) -> Result<Self, Vec<BuildError>> {
        let created = shop.deps.clock.unix_seconds();
        let mut running = Self::default();
        let mut errors = Vec::new();
        match shop.identity.build(plan.auth.as_ref(), &shop.deps) {
            Ok(authenticate) => running.authenticate = authenticate,
            Err(error) => errors.push(error),
        }
        match shop.stores.of(plan) {
            Ok(stores) => running.stores = stores,
            Err(error) => errors.push(error),
        }
        let rates = shop.rates.over(running.stores.as_ref(), plan);
        running.traces = plan.telemetry.otlp.is_some();
        running.server = plan.server;
        let prices: Arc<dyn Prices> = Arc::new(PriceList::of(plan));
        let meter = Meter::new(Arc::clone(&shop.records))
            .with_prices(Arc::clone(&prices))
            .with_content(plan.telemetry.log.content);
        let authenticate = running.authenticate.clone();
        let front = |name: &EndpointName| Front {
            meter: meter.clone().with_in_flight(shop.flights.of(name)),
            authenticate: authenticate.clone(),
        };
        let watched = Watched::of(plan);
        let mut targets = HashMap::default();
        for endpoint in &plan.endpoints {
            match accounts(endpoint, watched.get(&endpoint.name), shop) {
                Ok(own) => {
                    targets.insert(endpoint.name.clone(), own);
                }
                Err(error) => errors.push(error),
            }
        }
        let mut reaches: HashMap<EndpointName, (Reached, &Endpoint)> = HashMap::default();
        for endpoint in &plan.endpoints {
            let candidates = candidates(endpoint, &targets, &mut errors);
            let Some(reach) = reach(endpoint, candidates, shop) else {
                continue;
            };
            let total = endpoint.timeouts.total;
            let remote = running.stores.as_ref().map(|stores| &stores.cache);
            let reach = stack::cached(reach, total, shop.caches.of(endpoint, remote));
            let stack = {
                let mut rules = limits::call_limit(endpoint, rates.away);
                rules.extend(limits::rules(endpoint, rates.away));
                let rates = &rates;
                let limits = Limits { rules, rates };
                stack::endpoint(reach.clone(), limits, front(&endpoint.name))
            };
            reaches.insert(endpoint.name.clone(), (reach, endpoint));
            let info = running.add(endpoint_info(endpoint).with_created(created), stack, shop);
            running.endpoints.push(info);
        }
        let made = Made {
            reaches,
            targets,
            rates: &rates,
        };
        for route in &plan.routes {
            let stack = made.route(route, &prices, front(&route.name), shop);
            match stack {
                Ok(stack) => {
                    let info = running.add(route_info(route).with_created(created), stack, shop);
                    running.routes.push(info);
                }
                Err(found) => errors.extend(found),
            }
        }
        if errors.is_empty() {
            Ok(running)
        } else {
            Err(errors)
        }
    }

    /// What the process may have to do.
    pub(crate) fn capacity_bounds(&self) -> CapacityBounds {
        let mut bounds = CapacityBounds::new();
        bounds.max_in_flight = self.server.max_in_flight;
        bounds.max_memory = self.server.max_memory;
        bounds
    }

    fn add(&mut self, info: EndpointInfo, stack: Stack, shop: &Shop) -> Arc<EndpointInfo> {
        let stack = shop.layers.iter().fold(stack, |inner, layer| layer(inner));
        let info = Arc::new(info);
        self.names
            .insert(info.name.clone(), (Arc::clone(&info), stack));
        info
    }
}

/// One account of an endpoint.
#[derive(Clone)]
struct Account {
    target: stack::Target,
    rest: Rest,
    breaker: Option<BreakerState>,
}

/// The endpoints of a plan, as routes need them.
struct Made<'a> {
    reaches: HashMap<EndpointName, (Reached, &'a Endpoint)>,
    targets: HashMap<EndpointName, Vec<Account>>,
    rates: &'a Rates,
}

impl Made<'_> {
    /// What a route's name is answered by.
    fn route(
        &self,
        route: &Route,
        prices: &Arc<dyn Prices>,
        front: Front,
        shop: &Shop,
    ) -> Result<Stack, Vec<BuildError>> {
        let mut errors = Vec::new();
        let mut chosen = Vec::new();
        for (name, share) in routes::destinations(route) {
            let Some((reach, endpoint)) = self.reaches.get(name) else {
                errors.push(BuildError::UnknownDestination {
                    name: route.name.clone(),
                    destination: name.clone(),
                });
                continue;
            };
            let limits = Limits {
                rules: limits::rules(endpoint, self.rates.away),
                rates: self.rates,
            };
            let service = stack::reached(reach.clone(), limits);
            let standing = self.standing(name, shop);
            chosen.push(routes::destination(name, share, standing, service));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let config = routes::config(route, prices).map_err(|error| vec![error])?;
        stack::route(chosen, config, Arc::clone(&shop.dice), front)
            .map_err(|error| vec![routes::refused(route, &error)])
    }

    /// What is known of the targets of an endpoint.
    fn standing(&self, name: &EndpointName, shop: &Shop) -> Standing {
        let accounts = self.targets.get(name).into_iter().flatten();
        Standing {
            load: shop.kept.load(name),
            targets: accounts
                .map(|account| (account.rest.clone(), account.breaker.clone()))
                .collect(),
        }
    }
}

/// The targets of an endpoint: one for each of its credentials.
fn accounts(
    endpoint: &Endpoint,
    watch: Option<Watch>,
    shop: &Shop,
) -> Result<Vec<Account>, BuildError> {
    let timeouts = &endpoint.timeouts;
    let timeout = TimeoutConfig::new()
        .with_first_event(timeouts.first_event)
        .with_idle(timeouts.idle)
        .with_total(timeouts.total);
    let config = endpoint
        .breaker
        .map(|breaker| BreakerConfig::new(breaker.failures, breaker.within, breaker.open_for));
    let load = (watch == Some(Watch::Load)).then(|| shop.kept.load(&endpoint.name));
    let accounts = endpoint.model.accounts().enumerate();
    accounts
        .map(|(number, options)| {
            let provider = provider(endpoint, options, shop)?;
            let (state, places) =
                shop.kept
                    .target(&endpoint.name, number, endpoint.max_concurrency);
            let breaker = config.map(|config| (config, state.breaker));
            let seen = (load.clone(), watch.map(|_| state.rest.clone()));
            Ok(Account {
                breaker: breaker.as_ref().map(|(_, state)| state.clone()),
                target: stack::target(provider, timeout, places, breaker, seen),
                rest: state.rest,
            })
        })
        .collect()
}

/// Everything that may answer for an endpoint: its own accounts, then those of its fallbacks, in order.
fn candidates(
    endpoint: &Endpoint,
    targets: &HashMap<EndpointName, Vec<Account>>,
    errors: &mut Vec<BuildError>,
) -> Vec<Candidate<stack::Target>> {
    let mut candidates = Vec::new();
    for (group, name) in std::iter::once(&endpoint.name)
        .chain(&endpoint.fallback)
        .enumerate()
    {
        let Some(accounts) = targets.get(name) else {
            // An endpoint that could not be built has been reported already.
            if group > 0 {
                errors.push(BuildError::UnknownDestination {
                    name: endpoint.name.clone(),
                    destination: name.clone(),
                });
            }
            continue;
        };
        candidates.extend(accounts.iter().map(|account| Candidate {
            name: name.clone(),
            group,
            service: account.target.clone(),
            rest: account.rest.clone(),
        }));
    }
    candidates
}

fn reach(
    endpoint: &Endpoint,
    candidates: Vec<Candidate<stack::Target>>,
    shop: &Shop,
) -> Option<Reach> {
    let retry = endpoint.retry.map(|retry| {
        RetryConfig::new()
            .with_max_attempts(retry.max_attempts)
            .with_backoff(retry.initial_backoff, retry.max_backoff)
            .with_budget(retry.budget)
    });
    let also_on = endpoint
        .fallback_on
        .iter()
        .map(|on| fallback_kind(*on))
        .collect();
    stack::reach(candidates, also_on, retry, Arc::clone(&shop.dice))
}

fn fallback_kind(on: FallbackOn) -> ErrorKind {
    match on {
        FallbackOn::ContextLength => ErrorKind::ContextLength,
        FallbackOn::ContentFilter => ErrorKind::Blocked,
        FallbackOn::Unauthenticated => ErrorKind::Unauthenticated,
        FallbackOn::Forbidden => ErrorKind::Forbidden,
        FallbackOn::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unsupported,
    }
}

fn provider(
    endpoint: &Endpoint,
    options: &Options,
    shop: &Shop,
) -> Result<Arc<dyn Provider>, BuildError> {
    let model = &endpoint.model;
    if let Some(own) = shop.providers.get(model.provider.as_str()) {
        return Ok(Arc::clone(own));
    }
    let factory =
        shop.registry
            .find(model.provider.as_str())
            .ok_or_else(|| BuildError::UnknownProvider {
                endpoint: endpoint.name.clone(),
                provider: model.provider.to_string(),
            })?;
    let mut spec = TargetSpec::new(
        model.provider_alias.as_str(),
        model.name.clone(),
        endpoint.operation,
    );
    spec.defaults = Arc::new(model.defaults.clone());
    spec.headers = headers(endpoint);
    spec.forward.clone_from(&endpoint.forward_headers);
    spec.limits = SendLimits::default().with_connect(endpoint.timeouts.connect);
    (factory.build)(&spec, options, &shop.deps).map_err(|problems| BuildError::Provider {
        endpoint: endpoint.name.clone(),
        problems,
    })
}

/// The configuration has checked names and values; what HTTP refuses all the same is left out and logged.
fn headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &endpoint.headers {
        let parsed = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value.expose()),
        );
        match parsed {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            _ => {
                tracing::warn!(endpoint = %endpoint.name, header = name, "not a valid header: left out");
            }
        }
    }
    headers
}

fn endpoint_info(endpoint: &Endpoint) -> EndpointInfo {
    let model = &endpoint.model;
    EndpointInfo::endpoint(
        endpoint.name.clone(),
        endpoint.operation,
        model.provider_alias.clone(),
        model.name.clone(),
    )
    .with_strict(endpoint.strict)
    .with_limit(endpoint.limit.as_ref().map(|limit| {
        EndpointLimit::new(limit.calls, limit.renewal_period.clone(), limit.key.clone())
    }))
}

fn route_info(route: &Route) -> EndpointInfo {
    let destinations = route
        .destinations
        .iter()
        .map(|to| Destination {
            name: to.endpoint.clone(),
            traffic_percentage: u32::from(to.traffic_percentage),
        })
        .collect();
    EndpointInfo::route(
        route.name.clone(),
        route.operation,
        destinations,
        route.strategy.as_str(),
    )
}
