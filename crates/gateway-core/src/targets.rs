//! The targets of endpoints: one for each credential, with what is decided for it alone.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_config::{Endpoint, FallbackOn};
use gateway_middleware::breaker::{BreakerConfig, BreakerState};
use gateway_middleware::fallback::{Candidate, Rest};
use gateway_middleware::retry::RetryConfig;
use gateway_middleware::timeout::TimeoutConfig;
use gateway_provider::{Provider, SendLimits, TargetSpec};
use gateway_schema::{EndpointName, ErrorKind, Options};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::deps::EngineDeps;
use crate::error::BuildError;
use crate::meters::Priced;
use crate::reach::Reach;
use crate::routes::Watch;
use crate::stack;
use crate::state::StateDraft;

/// The targets of one endpoint, and what they were built from. The next plan shares them when it says the same.
pub(crate) struct Targets {
    pub(crate) endpoint: Endpoint,
    pub(crate) watch: Option<Watch>,
    pub(crate) accounts: Vec<Account>,
    price: Arc<Priced>,
}

/// One account of an endpoint.
#[derive(Clone)]
pub(crate) struct Account {
    target: stack::Target,
    pub(crate) rest: Rest,
    pub(crate) breaker: Option<BreakerState>,
}

impl Targets {
    /// True when a plan with this endpoint can go on with these targets.
    pub(crate) fn are_for(&self, endpoint: &Endpoint, watch: Option<Watch>) -> bool {
        self.watch == watch && self.endpoint == *endpoint
    }

    /// The endpoint and its price.
    pub(crate) fn priced(&self) -> (EndpointName, Arc<Priced>) {
        (self.endpoint.name.clone(), Arc::clone(&self.price))
    }

    /// Builds them: one for each of the endpoint's credentials.
    pub(crate) fn build(
        endpoint: &Endpoint,
        watch: Option<Watch>,
        deps: &EngineDeps,
        state: &mut StateDraft<'_>,
    ) -> Result<Self, BuildError> {
        let timeouts = &endpoint.timeouts;
        let timeout = TimeoutConfig::new()
            .with_first_event(timeouts.first_event)
            .with_idle(timeouts.idle)
            .with_total(timeouts.total);
        let cooldown = endpoint.max_cooldown;
        let config = endpoint.breaker.map(|breaker| {
            BreakerConfig::new(breaker.failures, breaker.within, breaker.open_for)
                .with_max_cooldown(cooldown)
        });
        let load = (watch == Some(Watch::Load)).then(|| state.load(&endpoint.name));
        let mut accounts = Vec::new();
        for (number, options) in endpoint.model.accounts().enumerate() {
            let provider = provider(endpoint, options, deps)?;
            let breaker = config.map(|config| (config, state.breaker(&endpoint.name, number)));
            let rest = state.cooldown(&endpoint.name, number);
            let rest = rest.with_longest(cooldown);
            let places = endpoint
                .max_concurrency
                .map(|most| state.places(&endpoint.name, number, most));
            let seen = (load.clone(), watch.map(|_| rest.clone()));
            accounts.push(Account {
                breaker: breaker.as_ref().map(|(_, state)| state.clone()),
                target: stack::target(provider, timeout, places, breaker, seen),
                rest,
            });
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            watch,
            accounts,
            price: Arc::new(Priced::of(endpoint)),
        })
    }
}

/// Everything that may answer for an endpoint: its own targets, then those of its fallbacks, in order.
pub(crate) fn of_endpoint(
    endpoint: &Endpoint,
    targets: &HashMap<EndpointName, Arc<Targets>>,
    errors: &mut Vec<BuildError>,
) -> Vec<Arc<Targets>> {
    let mut found = Vec::new();
    for (group, name) in std::iter::once(&endpoint.name)
        .chain(&endpoint.fallback)
        .enumerate()
    {
        match targets.get(name) {
            Some(targets) => found.push(Arc::clone(targets)),
            // An endpoint that could not be built has been reported already.
            None if group == 0 => {}
            None => errors.push(BuildError::UnknownDestination {
                name: endpoint.name.clone(),
                destination: name.clone(),
            }),
        }
    }
    found
}

/// How these targets are tried for `endpoint`; `None` when there are none.
pub(crate) fn reach(
    endpoint: &Endpoint,
    targets: &[Arc<Targets>],
    deps: &EngineDeps,
) -> Option<Reach> {
    let candidates = targets.iter().enumerate().flat_map(|(group, targets)| {
        targets.accounts.iter().map(move |account| Candidate {
            name: targets.endpoint.name.clone(),
            group,
            service: account.target.clone(),
            rest: account.rest.clone(),
        })
    });
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
    let candidates = candidates.collect();
    stack::reach(candidates, also_on, retry, Arc::clone(&deps.dice))
}

const fn fallback_kind(on: FallbackOn) -> ErrorKind {
    match on {
        FallbackOn::ContextLength => ErrorKind::ContextLength,
        FallbackOn::ContentFilter => ErrorKind::Blocked,
        FallbackOn::Unauthenticated => ErrorKind::Unauthenticated,
        FallbackOn::Forbidden => ErrorKind::Forbidden,
        FallbackOn::NotFound => ErrorKind::NotFound,
        FallbackOn::Unsupported => ErrorKind::Unsupported,
    }
}

fn provider(
    endpoint: &Endpoint,
    options: &Options,
    deps: &EngineDeps,
) -> Result<Arc<dyn Provider>, BuildError> {
    let model = &endpoint.model;
    if let Some(own) = deps.providers.get(model.provider.as_str()) {
        return Ok(Arc::clone(own));
    }
    let factory =
        deps.registry
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
    (factory.build)(&spec, options, &deps.deps).map_err(|problems| BuildError::Provider {
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
