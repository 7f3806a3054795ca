//! What is known of all calls so far.
//!
//! One task counts, so nothing here is atomic. What belongs to one endpoint, provider and model is found by one look
//! into a map. The number of such sets is bounded: what comes beyond it is counted together as `other`.

use std::collections::BTreeMap;

use foldhash::HashMap;
use gateway_schema::{EndpointName, ErrorKind, ModelId, Operation, ProviderName, TokenSource};
use gateway_store::{AttemptRecord, CallRecord, Settlement};

use crate::histogram::{Histogram, SECONDS, SMALL_SECONDS, TOKENS};

/// The most sets of labels of one family.
const MOST_SERIES: usize = 2_000;

/// Endpoint, provider and model.
pub(crate) type Target = (EndpointName, ProviderName, ModelId);

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: HashMap<Target, Calls>,
    pub(crate) endpoints: HashMap<EndpointName, Endpoint>,
    pub(crate) attempts: HashMap<(Target, Operation), Attempts>,
    pub(crate) records: u64,
    pub(crate) lines_shed: u64,
    pub(crate) spans_shed: u64,
    pub(crate) exports_failed: u64,
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
    /// Reported, then estimated; each input, output, cache read, cache write, reasoning.
    pub(crate) tokens: [[u64; 5]; 2],
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

/// The entry of `key`, or of `other` when there are too many.
fn bounded<K: std::hash::Hash + Eq, V>(
    map: &mut HashMap<K, V>,
    key: K,
    other: impl FnOnce() -> K,
    new: impl FnOnce() -> V,
) -> &mut V {
    let key = if map.len() < MOST_SERIES || map.contains_key(&key) {
        key
    } else {
        other()
    };
    map.entry(key).or_insert_with(new)
}

fn other() -> Target {
    ("other".into(), "other".into(), "other".into())
}

impl Counts {
    /// Counts one call.
    pub(crate) fn take(&mut self, record: &CallRecord) {
        self.records += 1;
        self.endpoint(record);
        for attempt in &record.attempts {
            self.attempt(attempt, record.operation);
        }
        let (Some(provider), Some(model)) = (&record.provider, &record.model) else {
            return;
        };
        let key = (record.endpoint.clone(), provider.clone(), model.clone());
        bounded(&mut self.calls, key, other, || Calls::new(record.operation)).take(record);
    }

    fn endpoint(&mut self, record: &CallRecord) {
        let name = record.endpoint.clone();
        let endpoint = bounded(&mut self.endpoints, name, || "other".into(), Endpoint::new);
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

    fn attempt(&mut self, attempt: &AttemptRecord, operation: Operation) {
        let target = (
            attempt.endpoint.clone(),
            attempt.provider.clone(),
            attempt.model.clone(),
        );
        let key = (target, operation);
        let attempts = bounded(
            &mut self.attempts,
            key,
            || (other(), operation),
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
            tokens: [[0; 5]; 2],
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
        let [reported, estimated] = &mut self.tokens;
        let counted = match usage.source {
            TokenSource::Reported => reported,
            TokenSource::Estimated => estimated,
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
