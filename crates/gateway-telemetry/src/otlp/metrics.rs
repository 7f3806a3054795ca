use std::time::SystemTime;

use serde_json::{Value as Json, json};

use super::{nanos, resource, scope, text};
use crate::collect::{Samples, Value, Values};
use crate::descriptor::{Descriptor, Kind};

/// Sums since the start.
const CUMULATIVE: u8 = 2;

/// All samples as a request body.
pub(crate) fn metrics(samples: Samples, service: &str, begun: SystemTime, now: SystemTime) -> Json {
    let times = (nanos(begun), nanos(now));
    let metrics: Vec<Json> = samples
        .sorted()
        .into_iter()
        .map(|(metric, values)| one(metric, &values, &times))
        .collect();
    json!({"resourceMetrics": [{
        "resource": resource(service),
        "scopeMetrics": [{"scope": scope(), "metrics": metrics}],
    }]})
}

fn one(metric: &Descriptor, values: &Values, times: &(String, String)) -> Json {
    let points: Vec<Json> = values
        .iter()
        .map(|(labels, value)| point((metric, labels), value, times))
        .collect();
    let mut json = json!({"name": metric.name, "unit": metric.unit, "description": metric.help});
    let (key, data) = match metric.kind {
        Kind::Counter => (
            "sum",
            json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true}),
        ),
        Kind::Gauge => ("gauge", json!({"dataPoints": points})),
        Kind::Histogram => (
            "histogram",
            json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE}),
        ),
    };
    if let Some(fields) = json.as_object_mut() {
        fields.insert(key.to_owned(), data);
    }
    json
}

fn point(
    (metric, labels): (&Descriptor, &[String]),
    value: &Value,
    (begun, now): &(String, String),
) -> Json {
    let attributes: Vec<Json> = metric
        .labels
        .iter()
        .zip(labels)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| text(name, value))
        .collect();
    match value {
        Value::Number(number) => json!({
            "attributes": attributes,
            "startTimeUnixNano": begun,
            "timeUnixNano": now,
            "asDouble": number,
        }),
        Value::Histogram(histogram) => {
            let counts: Vec<String> = histogram.counts.iter().map(u64::to_string).collect();
            json!({
                "attributes": attributes,
                "startTimeUnixNano": begun,
                "timeUnixNano": now,
                "count": histogram.count.to_string(),
                "sum": histogram.sum,
                "bucketCounts": counts,
                "explicitBounds": histogram.bounds,
            })
        }
    }
}
