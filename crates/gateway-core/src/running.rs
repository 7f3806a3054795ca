//! One plan, running.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_config::{Auth, Browsers, OnStoreError, Plan, Server};
use gateway_http::{BrowserPolicy, EndpointInfo};
use gateway_middleware::overload::CapacityBounds;
use gateway_provider::Authenticate;
use gateway_schema::EndpointName;
use gateway_store::shared::SharedStores;

use crate::build::{Builder, BuiltEndpoint, BuiltRoute};
use crate::deps::EngineDeps;
use crate::error::BuildError;
use crate::stack::NameStack;
use crate::state::StateDraft;
use crate::stores::Found;

/// One plan, running.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) names: HashMap<EndpointName, (Arc<EndpointInfo>, Arc<NameStack>)>,
    pub(crate) endpoints: Vec<Arc<EndpointInfo>>,
    pub(crate) routes: Vec<Arc<EndpointInfo>>,
    /// Who asks callers for credentials.
    pub(crate) authenticate: Option<Arc<dyn Authenticate>>,
    /// Calls without a trace begin one.
    pub(crate) traces: bool,
    /// What is shared with other gateways.
    pub(crate) stores: Option<SharedStores>,
    /// The bounds of the whole process.
    pub(crate) server: Arc<Server>,
    /// Which pages may call, and by which names the gateway is called.
    pub(crate) browsers: Arc<BrowserPolicy>,
    /// Somebody without a credential may call.
    pub(crate) lets_everybody_in: bool,
    /// What the next plan can go on with, by name.
    pub(crate) built: HashMap<EndpointName, Arc<BuiltEndpoint>>,
    pub(crate) built_routes: HashMap<EndpointName, Arc<BuiltRoute>>,
    /// What everything here was built with, besides its own definition; absent before the first plan.
    environment: Option<Environment>,
}

/// What a plan says that goes into the stack of every name.
struct Environment {
    auth: Option<Auth>,
    content: bool,
    away: OnStoreError,
}

impl Environment {
    fn of(plan: &Plan) -> Self {
        Self {
            auth: plan.auth.clone(),
            content: plan.telemetry.log.content,
            away: plan.stores.on_store_error,
        }
    }

    fn is_that_of(&self, plan: &Plan) -> bool {
        self.auth == plan.auth
            && self.content == plan.telemetry.log.content
            && self.away == plan.stores.on_store_error
    }
}

/// A plan that can run, and the state it needs. Nothing has been changed for it yet.
pub(crate) struct Prepared<'s> {
    pub(crate) running: Running,
    pub(crate) state: StateDraft<'s>,
}

impl Running {
    /// Builds everything, or says everything that is wrong. Pure: no state, cache, permit or connection that anybody
    /// uses is touched. What is the same as in `old` is shared with it.
    pub(crate) fn prepare<'s>(
        plan: &Plan,
        deps: &'s EngineDeps,
        old: Option<&Self>,
    ) -> Result<Prepared<'s>, Vec<BuildError>> {
        match deps.stores.find(plan) {
            Found::None => Self::assemble(plan, deps, old, None),
            Found::Open(stores) => Self::assemble(plan, deps, old, Some(stores)),
            Found::Closed(open, url) => {
                // Opening is an effect: a plan that is refused for anything else must not cause it.
                drop(Self::assemble(plan, deps, old, None)?);
                let stores = open(url).map_err(|error| vec![BuildError::Stores(error)])?;
                deps.stores.remember(url, &stores);
                Self::assemble(plan, deps, old, Some(stores))
            }
            Found::Unsupported(error) => {
                let mut errors = match Self::assemble(plan, deps, old, None) {
                    Ok(_) => Vec::new(),
                    Err(errors) => errors,
                };
                errors.push(error);
                Err(errors)
            }
        }
    }

    fn assemble<'s>(
        plan: &Plan,
        deps: &'s EngineDeps,
        old: Option<&Self>,
        stores: Option<SharedStores>,
    ) -> Result<Prepared<'s>, Vec<BuildError>> {
        let mut errors = Vec::new();
        let same_auth = old.filter(|old| {
            let environment = old.environment.as_ref();
            environment.is_some_and(|it| it.auth == plan.auth)
        });
        let authenticate = match same_auth {
            Some(old) => old.authenticate.clone(),
            None => deps
                .identity
                .build(plan.auth.as_ref(), &deps.deps)
                .unwrap_or_else(|error| {
                    errors.push(error);
                    None
                }),
        };
        let mut running = Self {
            authenticate,
            traces: plan.telemetry.otlp.is_some(),
            stores,
            server: Arc::new(plan.server.clone()),
            browsers: Arc::new(browsers(&plan.server.browsers)),
            lets_everybody_in: plan.auth.as_ref().is_none_or(|auth| auth.anonymous),
            environment: Some(Environment::of(plan)),
            ..Self::default()
        };
        let same = old.filter(|old| {
            let environment = old.environment.as_ref();
            environment.is_some_and(|it| it.is_that_of(plan))
                && same_stores(old.stores.as_ref(), running.stores.as_ref())
        });
        let mut builder = Builder::new(plan, deps, &running, (old, same));
        builder.targets(plan, &mut errors);
        builder.endpoints(plan, &mut errors);
        builder.routes(plan, &mut errors);
        let (endpoints, routes, state) = builder.finish();
        if !errors.is_empty() {
            return Err(errors);
        }
        for built in endpoints {
            let info = Arc::clone(&built.info);
            running.endpoints.push(Arc::clone(&info));
            let entry = (info, Arc::clone(&built.stack));
            running.names.insert(entry.0.name.clone(), entry);
            running.built.insert(built.info.name.clone(), built);
        }
        for built in routes {
            let info = Arc::clone(&built.info);
            running.routes.push(Arc::clone(&info));
            let entry = (info, Arc::clone(&built.stack));
            running.names.insert(entry.0.name.clone(), entry);
            running.built_routes.insert(built.info.name.clone(), built);
        }
        Ok(Prepared { running, state })
    }

    /// What the process may have to do.
    pub(crate) fn capacity_bounds(&self) -> CapacityBounds {
        let mut bounds = CapacityBounds::new();
        bounds.max_in_flight = self.server.max_in_flight;
        bounds.max_memory = self.server.max_memory;
        bounds
    }
}

fn same_stores(one: Option<&SharedStores>, other: Option<&SharedStores>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            Arc::ptr_eq(&one.rates, &other.rates) && Arc::ptr_eq(&one.cache, &other.cache)
        }
        _ => false,
    }
}

fn browsers(plan: &Browsers) -> BrowserPolicy {
    let policy = BrowserPolicy::new().with_hosts(&plan.allowed_hosts);
    match &plan.cors {
        Some(cors) => policy.with_origins(&cors.allow_origins, cors.max_age),
        None => policy,
    }
}
