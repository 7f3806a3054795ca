//! From a plan to services: targets, then endpoints, then routes. What the plan before says the same of is shared.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_config::{Endpoint, Plan, Route};
use gateway_http::{Destination, EndpointInfo, EndpointLimit};
use gateway_middleware::cache::{Answers, CacheConfig};
use gateway_middleware::usage::{Meter, Prices};
use gateway_schema::EndpointName;
use gateway_store::cache::{CacheBounds, KeyHasher};

use crate::deps::EngineDeps;
use crate::error::BuildError;
use crate::limits;
use crate::meters::PriceList;
use crate::routes::{self, Standing, Watched};
use crate::running::Running;
use crate::stack::{self, Front, Limits, NameStack, Rates, Reached, Stack};
use crate::state::StateDraft;
use crate::targets::{self, Targets};

/// An endpoint that runs, and what it was built from.
pub(crate) struct BuiltEndpoint {
    /// Its own targets, then those of its fallbacks.
    targets: Vec<Arc<Targets>>,
    reached: Reached,
    pub(crate) info: Arc<EndpointInfo>,
    pub(crate) stack: Arc<NameStack>,
}

impl BuiltEndpoint {
    fn own(&self) -> Option<&Targets> {
        self.targets.first().map(Arc::as_ref)
    }
}

/// A route that runs, and what it was built from.
pub(crate) struct BuiltRoute {
    route: Route,
    destinations: Vec<Arc<BuiltEndpoint>>,
    pub(crate) info: Arc<EndpointInfo>,
    pub(crate) stack: Arc<NameStack>,
}

/// Builds one plan.
pub(crate) struct Builder<'b, 's> {
    deps: &'b EngineDeps,
    running: &'b Running,
    /// The plan before, whose targets may be shared.
    old: Option<&'b Running>,
    /// The same, where whole stacks may be shared, too: all that every stack has in it is the same.
    same: Option<&'b Running>,
    state: StateDraft<'s>,
    rates: Rates,
    content: bool,
    created: i64,
    targets: HashMap<EndpointName, Arc<Targets>>,
    endpoints: Vec<Arc<BuiltEndpoint>>,
    by_name: HashMap<EndpointName, Arc<BuiltEndpoint>>,
    routes: Vec<Arc<BuiltRoute>>,
}

impl<'b, 's: 'b> Builder<'b, 's> {
    /// A builder of `plan`, of which `running` is begun.
    pub(crate) fn new(
        plan: &Plan,
        deps: &'s EngineDeps,
        running: &'b Running,
        (old, same): (Option<&'b Running>, Option<&'b Running>),
    ) -> Self {
        Self {
            deps,
            running,
            old,
            same,
            state: deps.state.draft(),
            rates: deps.rates.over(running.stores.as_ref(), plan),
            content: plan.telemetry.log.content,
            created: deps.deps.clock.unix_seconds(),
            targets: HashMap::default(),
            endpoints: Vec::new(),
            by_name: HashMap::default(),
            routes: Vec::new(),
        }
    }

    /// The targets of every endpoint.
    pub(crate) fn targets(&mut self, plan: &Plan, errors: &mut Vec<BuildError>) {
        let watched = Watched::of(plan);
        for endpoint in &plan.endpoints {
            let watch = watched.get(&endpoint.name);
            let old = self.old.and_then(|old| old.built.get(&endpoint.name));
            let old = old.and_then(|built| built.targets.first());
            let targets = match old.filter(|old| old.are_for(endpoint, watch)) {
                Some(old) => Ok(Arc::clone(old)),
                None => Targets::build(endpoint, watch, self.deps, &mut self.state).map(Arc::new),
            };
            match targets {
                Ok(targets) => {
                    self.targets.insert(endpoint.name.clone(), targets);
                }
                Err(error) => errors.push(error),
            }
        }
    }

    /// Every endpoint whose targets could be built.
    pub(crate) fn endpoints(&mut self, plan: &Plan, errors: &mut Vec<BuildError>) {
        for endpoint in &plan.endpoints {
            let targets = targets::of_endpoint(endpoint, &self.targets, errors);
            let old = self.same.and_then(|old| old.built.get(&endpoint.name));
            let built = match old.filter(|old| same_targets(&old.targets, &targets)) {
                Some(old) => Arc::clone(old),
                None => match self.endpoint(endpoint, targets) {
                    Some(built) => Arc::new(built),
                    None => continue,
                },
            };
            self.by_name
                .insert(endpoint.name.clone(), Arc::clone(&built));
            self.endpoints.push(built);
        }
    }

    fn endpoint(
        &mut self,
        endpoint: &Endpoint,
        targets: Vec<Arc<Targets>>,
    ) -> Option<BuiltEndpoint> {
        let reach = targets::reach(endpoint, &targets, self.deps)?;
        let cache = self.cache(endpoint);
        let reached = stack::cached(reach, endpoint.timeouts.total, cache);
        let prices: Arc<dyn Prices> = Arc::new(PriceList::of(targets.iter().map(|it| it.priced())));
        let front = self.front(&endpoint.name, prices);
        let mut rules = limits::call_limit(endpoint, self.rates.away);
        rules.extend(limits::rules(endpoint, self.rates.away));
        let limits = Limits {
            rules,
            rates: &self.rates,
        };
        let stack = self.layered(stack::endpoint(reached.clone(), limits, front));
        let info = Arc::new(endpoint_info(endpoint).with_created(self.created));
        Some(BuiltEndpoint {
            targets,
            reached,
            info,
            stack,
        })
    }

    fn cache(&mut self, endpoint: &Endpoint) -> Option<(CacheConfig, Answers)> {
        let cache = endpoint.cache?;
        let bounds = CacheBounds::new(cache.max_entries, cache.max_bytes);
        let remote = self.running.stores.as_ref().map(|stores| &stores.cache);
        let answers = self.state.cache(&endpoint.name, bounds, remote);
        let config = CacheConfig::new(cache.ttl)
            .with_shared(cache.shared)
            .with_scope(scope(endpoint));
        Some((config, answers))
    }

    /// Every route whose destinations could be built.
    pub(crate) fn routes(&mut self, plan: &Plan, errors: &mut Vec<BuildError>) {
        for route in &plan.routes {
            let destinations = match self.destinations(route) {
                Ok(destinations) => destinations,
                Err(found) => {
                    errors.extend(found);
                    continue;
                }
            };
            let old = self.same.and_then(|old| old.built_routes.get(&route.name));
            let old = old.filter(|old| {
                old.route == *route && same_endpoints(&old.destinations, &destinations)
            });
            let built = match old {
                Some(old) => Ok(Arc::clone(old)),
                None => self.route(route, destinations).map(Arc::new),
            };
            match built {
                Ok(built) => self.routes.push(built),
                Err(error) => errors.push(error),
            }
        }
    }

    /// The endpoints that a route leads to.
    fn destinations(&self, route: &Route) -> Result<Vec<Arc<BuiltEndpoint>>, Vec<BuildError>> {
        let mut errors = Vec::new();
        let mut found = Vec::new();
        for (name, _) in routes::destinations(route) {
            match self.by_name.get(name) {
                Some(built) => found.push(Arc::clone(built)),
                None => errors.push(BuildError::UnknownDestination {
                    name: route.name.clone(),
                    destination: name.clone(),
                }),
            }
        }
        if errors.is_empty() {
            Ok(found)
        } else {
            Err(errors)
        }
    }

    fn route(
        &mut self,
        route: &Route,
        destinations: Vec<Arc<BuiltEndpoint>>,
    ) -> Result<BuiltRoute, BuildError> {
        let mut chosen = Vec::new();
        let mut behind: Vec<&Arc<Targets>> = Vec::new();
        for ((name, share), built) in routes::destinations(route).into_iter().zip(&destinations) {
            let Some(own) = built.own() else { continue };
            behind.extend(built.targets.iter());
            let limits = Limits {
                rules: limits::rules(&own.endpoint, self.rates.away),
                rates: &self.rates,
            };
            let service = stack::reached(built.reached.clone(), limits);
            let standing = Standing {
                load: self.state.load(name),
                targets: own
                    .accounts
                    .iter()
                    .map(|account| (account.rest.clone(), account.breaker.clone()))
                    .collect(),
            };
            chosen.push(routes::destination(name, share, standing, service));
        }
        let prices: Arc<dyn Prices> =
            Arc::new(PriceList::of(behind.into_iter().map(|it| it.priced())));
        let config = routes::config(route, &prices)?;
        let front = self.front(&route.name, prices);
        let stack = stack::route(chosen, config, Arc::clone(&self.deps.dice), front)
            .map_err(|error| routes::refused(route, &error))?;
        Ok(BuiltRoute {
            route: route.clone(),
            destinations,
            info: Arc::new(route_info(route).with_created(self.created)),
            stack: self.layered(stack),
        })
    }

    fn front(&mut self, name: &EndpointName, prices: Arc<dyn Prices>) -> Front {
        let meter = Meter::new(Arc::clone(&self.deps.records))
            .with_prices(prices)
            .with_content(self.content)
            .with_in_flight(self.state.in_flight(name));
        Front {
            meter,
            authenticate: self.running.authenticate.clone(),
        }
    }

    fn layered(&self, stack: Stack) -> Arc<NameStack> {
        let layers = self.deps.layers.iter();
        let stack = layers.fold(stack, |inner, layer| layer(inner));
        Arc::new(NameStack(stack))
    }

    /// What was built, in the order of the plan, and the state it needs.
    pub(crate) fn finish(
        self,
    ) -> (
        Vec<Arc<BuiltEndpoint>>,
        Vec<Arc<BuiltRoute>>,
        StateDraft<'s>,
    ) {
        (self.endpoints, self.routes, self.state)
    }
}

fn same_targets(one: &[Arc<Targets>], other: &[Arc<Targets>]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| Arc::ptr_eq(one, other))
}

fn same_endpoints(one: &[Arc<BuiltEndpoint>], other: &[Arc<BuiltEndpoint>]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| Arc::ptr_eq(one, other))
}

/// What decides an endpoint's answers besides the question, so that another model behind the same name starts anew.
fn scope(endpoint: &Endpoint) -> String {
    let model = serde_json::to_vec(&endpoint.model).unwrap_or_default();
    let fallback = serde_json::to_vec(&endpoint.fallback).unwrap_or_default();
    let key = KeyHasher::new("scope").with(&model).with(&fallback);
    format!("{:?}", key.finish())
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
