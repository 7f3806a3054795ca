use std::time::SystemTime;

use gateway_schema::ErrorKind;
use gateway_store::{AttemptRecord, CallRecord, Settlement, TraceRecord};
use serde_json::{Value, json};

use crate::cut::{self, cut};

use super::{int, nanos, resource, scope, text};

const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// Spans as a request body.
pub(crate) fn traces(spans: &[Value], service: &str) -> Value {
    json!({"resourceSpans": [{
        "resource": resource(service),
        "scopeSpans": [{"scope": scope(), "spans": spans}],
    }]})
}

/// The spans of a call that ended at `ended`: its own, and one for each try. None if its trace is not recorded.
pub(crate) fn spans(record: &CallRecord, ended: SystemTime) -> Vec<Value> {
    let Some(trace) = record.trace.filter(|trace| trace.sampled) else {
        return Vec::new();
    };
    let begun = ended.checked_sub(record.duration).unwrap_or(ended);
    let mut spans = vec![own(record, trace, begun, ended)];
    let last = record.attempts.len().saturating_sub(1);
    for (at, attempt) in record.attempts.iter().enumerate() {
        // The last try of a stream goes on until the stream is over.
        let until = (at == last && record.stream && attempt.error.is_none()).then_some(ended);
        spans.push(child(record, trace, attempt, (begun, until)));
    }
    spans
}

fn own(record: &CallRecord, trace: TraceRecord, begun: SystemTime, ended: SystemTime) -> Value {
    let mut attributes = vec![
        text("gen_ai.operation.name", record.operation.as_str()),
        text("gateway.endpoint", record.endpoint.as_str()),
        text("gateway.surface", record.surface),
        text("gateway.request_id", record.request_id.as_str()),
        text("gateway.outcome", record.settlement.as_str()),
        int("gateway.attempts", record.attempts.len() as u64),
        int("gateway.losses", record.losses.len() as u64),
    ];
    let texts = [
        (
            "gen_ai.provider.name",
            record
                .provider
                .as_ref()
                .map(gateway_schema::ProviderName::as_str),
        ),
        (
            "gen_ai.request.model",
            record.model.as_ref().map(gateway_schema::ModelId::as_str),
        ),
        ("gateway.principal", record.principal.as_deref()),
        (
            "gateway.variant",
            record
                .variant
                .as_ref()
                .map(gateway_schema::EndpointName::as_str),
        ),
        ("gateway.variant_reason", record.variant_reason.as_deref()),
        ("gateway.cache", record.cache),
        ("gateway.lane", record.lane),
    ];
    attributes.extend(
        texts
            .iter()
            .filter_map(|(key, value)| Some(text(key, (*value)?))),
    );
    answer(record, &mut attributes);
    let error = match record.settlement {
        Settlement::Failed(kind, _) => Some(kind),
        _ => None,
    };
    Span {
        name: format!("{} {}", record.operation.as_str(), record.endpoint),
        kind: SERVER,
        trace: trace.id,
        id: trace.span,
        parent: trace.parent,
        times: (begun, ended),
        error,
    }
    .json(&attributes)
}

/// What the answer says of itself.
fn answer(record: &CallRecord, attributes: &mut Vec<Value>) {
    let usage = &record.usage;
    for (key, value) in [
        ("gen_ai.usage.input_tokens", usage.input_tokens),
        ("gen_ai.usage.output_tokens", usage.output_tokens),
        (
            "gen_ai.usage.cache_read.input_tokens",
            usage.cache_read_tokens,
        ),
        (
            "gen_ai.usage.cache_creation.input_tokens",
            usage.cache_write_tokens,
        ),
        (
            "gen_ai.usage.reasoning.output_tokens",
            usage.reasoning_tokens,
        ),
    ] {
        attributes.extend(value.map(|value| int(key, value)));
    }
    if let Some(model) = &record.response_model {
        attributes.push(text("gen_ai.response.model", model));
    }
    if let Some(id) = &record.response_id {
        attributes.push(text("gen_ai.response.id", id));
    }
    if let Some(reason) = record.finish.map(crate::line::finish) {
        attributes.push(json!({
            "key": "gen_ai.response.finish_reasons",
            "value": {"arrayValue": {"values": [{"stringValue": reason}]}},
        }));
    }
    if let Some(cost) = record.cost {
        attributes.push(text("gateway.cost_usd", &cost.to_string()));
    }
    if let Some(first) = record.time_to_first_event {
        attributes.push(json!({
            "key": "gen_ai.response.time_to_first_chunk",
            "value": {"doubleValue": first.as_secs_f64()},
        }));
    }
    if let Settlement::Failed(kind, origin) = record.settlement {
        attributes.push(text("error.type", kind.as_str()));
        attributes.push(text("gateway.error.origin", origin.as_str()));
    }
}

fn child(
    record: &CallRecord,
    trace: TraceRecord,
    attempt: &AttemptRecord,
    (call, until): (SystemTime, Option<SystemTime>),
) -> Value {
    let begun = call + attempt.since;
    let ended = until.unwrap_or(begun + attempt.duration);
    let operation = record.operation.as_str();
    let mut attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", attempt.provider.as_str()),
        text("gen_ai.request.model", attempt.model.as_str()),
        text("gateway.endpoint", attempt.endpoint.as_str()),
    ];
    if let Some(status) = attempt.status {
        attributes.push(int("http.response.status_code", status.into()));
    }
    if let Some(kind) = attempt.error {
        attributes.push(text("error.type", kind.as_str()));
    }
    Span {
        name: format!("{operation} {}", attempt.model),
        kind: CLIENT,
        trace: trace.id,
        id: attempt.span,
        parent: Some(trace.span),
        times: (begun, ended),
        error: attempt.error,
    }
    .json(&attributes)
}

/// A span but for its attributes.
struct Span {
    name: String,
    kind: u8,
    trace: u128,
    id: u64,
    parent: Option<u64>,
    times: (SystemTime, SystemTime),
    error: Option<ErrorKind>,
}

impl Span {
    fn json(&self, attributes: &[Value]) -> Value {
        let status = match self.error {
            Some(kind) => json!({"code": ERROR, "message": kind.as_str()}),
            None => json!({}),
        };
        let parent = self
            .parent
            .map_or_else(String::new, |id| format!("{id:016x}"));
        json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.id),
            "parentSpanId": parent,
            "name": cut(&self.name, cut::NAME),
            "kind": self.kind,
            "startTimeUnixNano": nanos(self.times.0),
            "endTimeUnixNano": nanos(self.times.1),
            "attributes": attributes,
            "status": status,
        })
    }
}
