//! What is known of all calls so far.
//!
//! One task counts, so nothing here is atomic. What belongs to one endpoint, provider and model is found by one look
//! into a map. The number of such sets is bounded. Models that callers name and nobody knows are `other`, and those that
//! are known but not configured have room of their own, so that no caller displaces a series of the configuration.

use std::collections::BTreeMap;

use foldhash::HashMap;
use gateway_schema::{EndpointName, ErrorKind, ModelId, Operation, ProviderName, TokenSource};
use gateway_store::{AttemptRecord, CallRecord, Settlement};

use crate::config::LabelModels;
use crate::histogram::{Histogram, SECONDS, SMALL_SECONDS, TOKENS};

/// The most sets of labels of one family that the configuration makes.
const MOST_CONFIGURED: usize = 10_000;
/// The most sets of labels of one family that callers make by naming models.
const MOST_STRANGERS: usize = 500;
/// The label of what has none of its own.
const OTHER: &str = "other";

/// Endpoint, provider and model.
pub(crate) type Target = (EndpointName, ProviderName, ModelId);

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) calls: HashMap<Target, Calls>,
    pub(crate) endpoints: HashMap<EndpointName, Endpoint>,
    pub(crate) attempts: HashMap<(Target, Operation), Attempts>,
    room_of_calls: Room,
    room_of_attempts: Room,
    /// Endpoints without series yet that may have some.
    room_of_endpoints: usize,
    pub(crate) records: u64,
    pub(crate) lines_shed: u64,
    pub(crate) spans_shed: u64,
    pub(crate) exports_failed: u64,
}

/// How many sets of labels of one family may still be made.
#[derive(Debug)]
struct Room {
    configured: usize,
    strangers: usize,
}

/// What is counted for one endpoint, by the name that callers use.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) requests: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) errors: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) cache: BTreeMap<&'static str, u64>,
    pub(crate) limited: u64,
    pub(crate) duration: Histogram,
    pub(crate) overhead: Histogram,
}

/// What is counted for the calls of one endpoint that one model answered.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) operation: Operation,
    /// Reported, estimated, clamped; each input, output, cache read, cache write, reasoning.
    pub(crate) tokens: [[u64; 5]; 3],
    /// Calls whose reported usage was cut.
    pub(crate) clamped: u64,
    pub(crate) nanos: i128,
    pub(crate) nanos_saved: i128,
    pub(crate) priced: bool,
    pub(crate) losses: u64,
    pub(crate) broken: u64,
    pub(crate) first_event: Histogram,
    pub(crate) input: Histogram,
    pub(crate) output: Histogram,
}

/// What is counted for tries at one model.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// By outcome.
    pub(crate) by: BTreeMap<&'static str, Histogram>,
}

/// The entry of `key`, or of what `other` makes of it when there are too many of its kind.
fn bounded<'m, K: std::hash::Hash + Eq, V>(
    map: &'m mut HashMap<K, V>,
    room: &mut usize,
    key: K,
    other: impl FnOnce(K) -> K,
    new: impl FnOnce() -> V,
) -> &'m mut V {
    let key = if map.contains_key(&key) {
        key
    } else if let Some(left) = room.checked_sub(1) {
        *room = left;
        key
    } else {
        other(key)
    };
    map.entry(key).or_insert_with(new)
}

/// The same, but for the model.
fn other_model((endpoint, provider, _): Target) -> Target {
    (endpoint, provider, OTHER.into())
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            calls: HashMap::default(),
            endpoints: HashMap::default(),
            attempts: HashMap::default(),
            room_of_calls: Room::default(),
            room_of_attempts: Room::default(),
            room_of_endpoints: MOST_CONFIGURED,
            records: 0,
            lines_shed: 0,
            spans_shed: 0,
            exports_failed: 0,
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self {
            configured: MOST_CONFIGURED,
            strangers: MOST_STRANGERS,
        }
    }
}

impl Room {
    /// Where a model's series may stand, and under which name.
    fn of(&mut self, target: Target, models: Option<&LabelModels>) -> (&mut usize, Target) {
        let Some(models) = models else {
            return (&mut self.strangers, target);
        };
        let (endpoint, provider, model) = &target;
        if models.is_configured(endpoint, model) {
            (&mut self.configured, target)
        } else if model.as_str().is_empty() || models.is_known(provider, model) {
            (&mut self.strangers, target)
        } else {
            (&mut self.configured, other_model(target))
        }
    }
}

impl Counts {
    /// Counts one call. `models` may be labels; without it all may, while there is room.
    pub(crate) fn take(&mut self, record: &CallRecord, models: Option<&LabelModels>) {
        self.records += 1;
        self.endpoint(record);
        for attempt in &record.attempts {
            self.attempt(attempt, record.operation, models);
        }
        let (Some(provider), Some(model)) = (&record.provider, &record.model) else {
            return;
        };
        let target = (record.endpoint.clone(), provider.clone(), model.clone());
        let (room, target) = self.room_of_calls.of(target, models);
        let new = || Calls::new(record.operation);
        bounded(&mut self.calls, room, target, other_model, new).take(record);
    }

    fn endpoint(&mut self, record: &CallRecord) {
        let name = record.endpoint.clone();
        let room = &mut self.room_of_endpoints;
        let endpoint = bounded(
            &mut self.endpoints,
            room,
            name,
            |_| OTHER.into(),
            Endpoint::new,
        );
        let outcome = (record.surface, record.settlement.as_str());
        *endpoint.requests.entry(outcome).or_default() += 1;
        endpoint.duration.take(record.duration.as_secs_f64());
        if let Some(overhead) = record.overhead {
            endpoint.overhead.take(overhead.as_secs_f64());
        }
        if let Some(result) = record.cache {
            *endpoint.cache.entry(result).or_default() += 1;
        }
        if let Settlement::Failed(kind, origin) = record.settlement {
            let error = (kind.as_str(), origin.as_str());
            *endpoint.errors.entry(error).or_default() += 1;
            if kind == ErrorKind::RateLimited && origin != gateway_schema::Origin::Upstream {
                endpoint.limited += 1;
            }
        }
    }

    fn attempt(
        &mut self,
        attempt: &AttemptRecord,
        operation: Operation,
        models: Option<&LabelModels>,
    ) {
        let target = (
            attempt.endpoint.clone(),
            attempt.provider.clone(),
            attempt.model.clone(),
        );
        let (room, target) = self.room_of_attempts.of(target, models);
        let attempts = bounded(
            &mut self.attempts,
            room,
            (target, operation),
            |(target, operation)| (other_model(target), operation),
            Attempts::default,
        );
        let outcome = attempt.error.map_or("ok", ErrorKind::as_str);
        let histogram = attempts.by.entry(outcome);
        histogram
            .or_insert_with(|| Histogram::new(SECONDS))
            .take(attempt.duration.as_secs_f64());
    }
}

impl Endpoint {
    fn new() -> Self {
        Self {
            requests: BTreeMap::new(),
            errors: BTreeMap::new(),
            cache: BTreeMap::new(),
            limited: 0,
            duration: Histogram::new(SECONDS),
            overhead: Histogram::new(SMALL_SECONDS),
        }
    }
}

impl Calls {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            tokens: [[0; 5]; 3],
            clamped: 0,
            nanos: 0,
            nanos_saved: 0,
            priced: false,
            losses: 0,
            broken: 0,
            first_event: Histogram::new(SECONDS),
            input: Histogram::new(TOKENS),
            output: Histogram::new(TOKENS),
        }
    }

    fn take(&mut self, record: &CallRecord) {
        let usage = &record.usage;
        let [reported, estimated, clamped] = &mut self.tokens;
        let counted = match usage.source {
            TokenSource::Reported => reported,
            TokenSource::Estimated => estimated,
            TokenSource::Clamped => {
                self.clamped += 1;
                clamped
            }
        };
        let types = [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
        ];
        for (sum, tokens) in counted.iter_mut().zip(types) {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
        if let Some(tokens) = usage.input_tokens {
            self.input.take(tokens as f64);
        }
        if let Some(tokens) = usage.output_tokens {
            self.output.take(tokens as f64);
        }
        if let Some(cost) = record.cost {
            self.priced = true;
            self.nanos += i128::from(cost.nanos());
        }
        if let Some(saved) = record.cost_saved {
            self.nanos_saved += i128::from(saved.nanos());
        }
        self.losses += record.losses.len() as u64;
        if let Some(first) = record.time_to_first_event {
            self.first_event.take(first.as_secs_f64());
            if matches!(record.settlement, Settlement::Failed(..)) {
                self.broken += 1;
            }
        }
    }
}
