//! From counts to samples, for whoever tells them.

use std::collections::BTreeMap;

use gateway_schema::TokenSource;

use crate::cut;
use crate::descriptor::{self as metric, Descriptor};
use crate::histogram::Histogram;
use crate::series::{Attempts, Calls, Counts, Endpoint, Target};

/// One value of one metric.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Number(f64),
    Histogram(Histogram),
}

impl Value {
    /// Adds what has the same labels.
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Number(sum), Self::Number(more)) => *sum += more,
            (Self::Histogram(sum), Self::Histogram(more)) => sum.add(more),
            _ => {}
        }
    }
}

/// Values by their labels, which are in the order of the descriptor's.
pub(crate) type Values = BTreeMap<Vec<String>, Value>;

/// Samples by metric.
#[derive(Debug, Default)]
pub struct Samples(Vec<(&'static Descriptor, Values)>);

impl Samples {
    /// Adds a value. Labels are in the order of the descriptor's; values with the same labels are added up.
    pub fn number<L: Into<String>>(
        &mut self,
        metric: &'static Descriptor,
        labels: impl IntoIterator<Item = L>,
        value: f64,
    ) {
        self.add(metric, labels, Value::Number(value));
    }

    fn histogram<L: Into<String>>(
        &mut self,
        metric: &'static Descriptor,
        labels: impl IntoIterator<Item = L>,
        value: &Histogram,
    ) {
        if value.count > 0 {
            self.add(metric, labels, Value::Histogram(value.clone()));
        }
    }

    fn add<L: Into<String>>(
        &mut self,
        metric: &'static Descriptor,
        labels: impl IntoIterator<Item = L>,
        value: Value,
    ) {
        let mut labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        for label in &mut labels {
            label.truncate(label.floor_char_boundary(cut::NAME));
        }
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let values = if let Some(at) = self
            .0
            .iter_mut()
            .position(|(known, _)| std::ptr::eq(*known, metric))
        {
            self.0.get_mut(at)
        } else {
            self.0.push((metric, Values::new()));
            self.0.last_mut()
        };
        let Some((_, values)) = values else { return };
        match values.get_mut(&labels) {
            Some(known) => known.add(&value),
            None => {
                values.insert(labels, value);
            }
        }
    }

    /// By metric, in the order of the reference.
    pub(crate) fn sorted(mut self) -> Vec<(&'static Descriptor, Values)> {
        let place = |metric: &Descriptor| metric::ALL.iter().position(|it| **it == *metric);
        self.0.sort_by_key(|(metric, _)| place(metric));
        self.0
    }
}

impl Counts {
    /// Everything that was counted.
    pub(crate) fn collect(&self, shed: u64, samples: &mut Samples) {
        let none = || std::iter::empty::<String>();
        for (metric, value) in [
            (&metric::RECORDS, self.records),
            (&metric::RECORDS_SHED, shed),
            (&metric::SPANS_SHED, self.spans_shed),
            (&metric::EXPORTS_FAILED, self.exports_failed),
        ] {
            samples.number(metric, none(), value as f64);
        }
        samples.number(&metric::LINES_SHED, ["access"], self.lines_shed as f64);
        for (name, endpoint) in &self.endpoints {
            endpoint.collect(name.as_str(), samples);
        }
        for (target, calls) in &self.calls {
            calls.collect(target, samples);
        }
        for ((target, operation), attempts) in &self.attempts {
            attempts.collect(target, operation.as_str(), samples);
        }
    }
}

impl Endpoint {
    fn collect(&self, name: &str, samples: &mut Samples) {
        for ((surface, outcome), count) in &self.requests {
            samples.number(&metric::REQUESTS, [name, surface, outcome], *count as f64);
        }
        for ((kind, origin), count) in &self.errors {
            samples.number(&metric::ERRORS, [name, kind, origin], *count as f64);
        }
        for (result, count) in &self.cache {
            samples.number(&metric::CACHE, [name, result], *count as f64);
        }
        samples.number(&metric::LIMITED, [name], self.limited as f64);
        samples.histogram(&metric::DURATION, [name], &self.duration);
        samples.histogram(&metric::OVERHEAD, [name], &self.overhead);
    }
}

impl Calls {
    fn collect(&self, target: &Target, samples: &mut Samples) {
        const SOURCES: [TokenSource; 3] = [
            TokenSource::Reported,
            TokenSource::Estimated,
            TokenSource::Clamped,
        ];
        const TYPES: [&str; 5] = ["input", "output", "cache_read", "cache_write", "reasoning"];
        let (endpoint, provider, model) = (target.0.as_str(), target.1.as_str(), target.2.as_str());
        let labels = [endpoint, provider, model];
        for (source, counted) in SOURCES.into_iter().zip(&self.tokens) {
            for (kind, count) in TYPES.into_iter().zip(counted) {
                if *count > 0 {
                    let labels = [endpoint, provider, model, kind, source.as_str()];
                    samples.number(&metric::TOKENS, labels, *count as f64);
                }
            }
        }
        if self.clamped > 0 {
            samples.number(&metric::CLAMPED, labels, self.clamped as f64);
        }
        if self.priced {
            samples.number(&metric::COST, labels, self.nanos as f64 / 1e9);
        }
        if self.nanos_saved > 0 {
            samples.number(&metric::COST_SAVED, labels, self.nanos_saved as f64 / 1e9);
        }
        samples.number(&metric::LOSSES, labels, self.losses as f64);
        samples.number(&metric::BROKEN, labels, self.broken as f64);
        samples.histogram(&metric::FIRST_EVENT, labels, &self.first_event);
        let operation = self.operation.as_str();
        for (kind, histogram) in [("input", &self.input), ("output", &self.output)] {
            // The endpoint is no attribute of OpenTelemetry's: endpoints of one model are told together.
            let labels = [operation, provider, model, kind];
            samples.histogram(&metric::GENAI_TOKENS, labels, histogram);
        }
        let labels = [operation, provider, model];
        samples.histogram(&metric::GENAI_FIRST_CHUNK, labels, &self.first_event);
    }
}

impl Attempts {
    fn collect(&self, target: &Target, operation: &str, samples: &mut Samples) {
        let (endpoint, provider, model) = (target.0.as_str(), target.1.as_str(), target.2.as_str());
        for (outcome, histogram) in &self.by {
            let labels = [endpoint, provider, model, outcome];
            samples.number(&metric::ATTEMPTS, labels, histogram.count as f64);
            let error = if *outcome == "ok" { "" } else { outcome };
            let labels = [operation, provider, model, error];
            samples.histogram(&metric::GENAI_DURATION, labels, histogram);
        }
    }
}
