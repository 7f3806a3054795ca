//! What calls cost, from the configuration and the catalog.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_catalog::{Catalog, Price, Rates};
use gateway_config::Endpoint;
use gateway_middleware::usage::Prices;
use gateway_schema::{EndpointName, ModelId, Usage, Usd};

/// The version of prices that the configuration states.
const CONFIGURED: &str = "configured";

/// The prices of the endpoints that may answer a name.
#[derive(Debug, Default)]
pub(crate) struct PriceList(HashMap<EndpointName, Arc<Priced>>);

/// What is known of the price of one endpoint.
#[derive(Debug)]
pub(crate) struct Priced {
    own: Option<(Price, &'static str)>,
    model: Option<ModelId>,
    /// The provider, as the catalog may spell it.
    providers: [String; 2],
}

impl Priced {
    /// Looks the price up once: the endpoint's own, else the catalog's.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let model = &endpoint.model;
        Self {
            own: price(endpoint),
            model: model.name.clone(),
            providers: [model.provider.to_string(), model.provider_alias.to_string()],
        }
    }
}

impl PriceList {
    /// These prices.
    pub(crate) fn of(prices: impl IntoIterator<Item = (EndpointName, Arc<Priced>)>) -> Self {
        Self(prices.into_iter().collect())
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
        if known.model.as_ref().is_some_and(|own| is_dated(own, model)) {
            return self.cost(endpoint, usage);
        }
        let catalog = Catalog::bundled();
        let mut providers = known.providers.iter();
        let facts = providers.find_map(|provider| catalog.find(provider, model.as_str()))?;
        Some((facts.price?.cost(usage), catalog.version()))
    }
}

/// Whether `model` is `own`, or a version of it with a date: `gpt-4o-2024-08-06`, `claude-sonnet-4-20250514`.
fn is_dated(own: &ModelId, model: &ModelId) -> bool {
    let rest = model.as_str().strip_prefix(own.as_str());
    rest.is_some_and(|rest| {
        let is_date = |byte: u8| byte.is_ascii_digit() || byte == b'-';
        rest.is_empty() || (rest.starts_with('-') && rest.len() > 6 && rest.bytes().all(is_date))
    })
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
