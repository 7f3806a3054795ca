//! What calls cost and how many are on their way, from the configuration.

use std::sync::{Arc, Mutex, PoisonError};

use foldhash::HashMap;
use gateway_catalog::{Catalog, Price, Rates};
use gateway_config::{Endpoint, Plan};
use gateway_middleware::usage::{InFlight, Prices};
use gateway_schema::{EndpointName, ModelId, Usage, Usd};

/// The version of prices that the configuration states.
const CONFIGURED: &str = "configured";

/// The price of every endpoint whose price is known.
#[derive(Debug, Default)]
pub(crate) struct PriceList(HashMap<EndpointName, Priced>);

/// What is known of one endpoint.
#[derive(Debug)]
struct Priced {
    own: Option<(Price, &'static str)>,
    model: Option<ModelId>,
    /// The provider, as the catalog may spell it.
    providers: [String; 2],
}

impl PriceList {
    /// Looks every price up once: the endpoint's own, else the catalog's.
    pub(crate) fn of(plan: &Plan) -> Self {
        let all = plan.endpoints.iter().map(|endpoint| {
            let model = &endpoint.model;
            let priced = Priced {
                own: price(endpoint),
                model: model.name.clone(),
                providers: [model.provider.to_string(), model.provider_alias.to_string()],
            };
            (endpoint.name.clone(), priced)
        });
        Self(all.collect())
    }
}

impl Prices for PriceList {
    fn cost(&self, endpoint: &EndpointName, usage: &Usage) -> Option<(Usd, &'static str)> {
        let (price, version) = self.0.get(endpoint)?.own.as_ref()?;
        Some((price.cost(usage), version))
    }

    fn cost_of(
        &self,
        endpoint: &EndpointName,
        model: &ModelId,
        usage: &Usage,
    ) -> Option<(Usd, &'static str)> {
        let known = self.0.get(endpoint)?;
        if known.model.as_ref() == Some(model) {
            return self.cost(endpoint, usage);
        }
        let catalog = Catalog::bundled();
        let mut providers = known.providers.iter();
        let facts = providers.find_map(|provider| catalog.find(provider, model.as_str()))?;
        Some((facts.price?.cost(usage), catalog.version()))
    }
}

fn price(endpoint: &Endpoint) -> Option<(Price, &'static str)> {
    if let Some(own) = &endpoint.price {
        return Some((configured(own), CONFIGURED));
    }
    let model = endpoint.model.name.as_ref()?.as_str();
    let catalog = Catalog::bundled();
    let facts = catalog
        .find(endpoint.model.provider.as_str(), model)
        .or_else(|| catalog.find(endpoint.model.provider_alias.as_str(), model))?;
    Some((facts.price?, catalog.version()))
}

fn configured(own: &gateway_config::Price) -> Price {
    // Nano-dollars for a million tokens are a thousandth of as many pico-dollars for one.
    let rate = |price: Usd| u64::try_from(price.nanos() / 1_000).ok();
    let mut rates = Rates::default();
    rates.input = rate(own.input);
    rates.output = rate(own.output);
    rates.cache_read = rate(own.cached_input);
    rates.cache_write = rate(own.cache_write);
    // And those for a thousand searches just as many pico-dollars for one.
    rates.per_query = u64::try_from(own.searches.nanos())
        .ok()
        .filter(|rate| *rate > 0);
    Price::flat(rates)
}

/// How many calls of each name are on their way. Outlives every plan: calls of the one before count on.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<EndpointName, Arc<InFlight>>>);

impl Flights {
    /// The count of one name.
    pub(crate) fn of(&self, name: &EndpointName) -> Arc<InFlight> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.clone()).or_default())
    }

    /// All counts.
    pub(crate) fn read(&self) -> Vec<(EndpointName, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(name, count)| (name.clone(), count.count()))
            .collect()
    }
}
