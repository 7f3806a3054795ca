//! A line of the access log. Names and numbers; what was said only where the record holds it.

use std::time::{Duration, SystemTime};

use gateway_schema::chat::FinishReason;
use gateway_schema::{Dialect, EndpointName, ModelId, ProviderName, TokenSource};
use gateway_store::{CallRecord, Settlement};
use serde_json::{Map, Value};

use crate::config::LineFormat;

/// Appends the line of a call that ended at `ended`.
pub(crate) fn write(record: &CallRecord, ended: SystemTime, format: LineFormat, out: &mut Vec<u8>) {
    let fields = fields(record, ended);
    match format {
        LineFormat::Json => out.extend_from_slice(Value::Object(fields).to_string().as_bytes()),
        LineFormat::Text => text(&fields, out),
    }
    out.push(b'\n');
}

/// The fields of a line; what is not known is not there.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
    }
}

fn fields(record: &CallRecord, ended: SystemTime) -> Map<String, Value> {
    let mut fields = Fields::default();
    fields.put("time", timestamp(ended));
    who(record, &mut fields);
    outcome(record, &mut fields);
    way(record, &mut fields);
    consumption(record, &mut fields);
    fields.put("first_event_ms", record.time_to_first_event.map(millis));
    fields.put("overhead_ms", record.overhead.map(millis));
    fields.put("duration_ms", millis(record.duration));
    let trace = record.trace.map(|trace| format!("{:032x}", trace.id));
    fields.put("trace_id", trace);
    if !record.metadata.is_empty() {
        fields.put("metadata", Value::Object((*record.metadata).clone()));
    }
    if let Some(content) = &record.content {
        fields.put("request", String::from_utf8_lossy(&content.request));
        fields.put("response", String::from_utf8_lossy(&content.response));
    }
    fields.0
}

fn who(record: &CallRecord, fields: &mut Fields) {
    fields.put("request_id", record.request_id.as_str());
    fields.put("endpoint", record.endpoint.as_str());
    fields.put("surface", record.surface);
    fields.put("operation", record.operation.as_str());
    fields.put("stream", record.stream);
    fields.put("principal", record.principal.as_deref());
    fields.put("user", record.user.as_deref());
    fields.put("peer", record.peer.map(|peer| peer.to_string()));
}

fn outcome(record: &CallRecord, fields: &mut Fields) {
    fields.put("outcome", record.settlement.as_str());
    if let Settlement::Failed(kind, origin) = record.settlement {
        fields.put("error_kind", kind.as_str());
        fields.put("error_origin", origin.as_str());
    }
    if let Some(failure) = &record.failure {
        fields.put("error_code", failure.code.as_deref());
        fields.put("error_detail", failure.detail.as_deref());
        if record.content.is_some() {
            // A provider's words may repeat what was said.
            fields.put("error_message", failure.message.as_str());
        }
    }
}

fn way(record: &CallRecord, fields: &mut Fields) {
    fields.put(
        "provider",
        record.provider.as_ref().map(ProviderName::as_str),
    );
    fields.put("model", record.model.as_ref().map(ModelId::as_str));
    fields.put("response_model", record.response_model.as_deref());
    fields.put("lane", record.lane);
    fields.put("client_dialect", record.client_dialect.map(Dialect::as_str));
    fields.put(
        "provider_dialect",
        record.provider_dialect.map(Dialect::as_str),
    );
    fields.put("variant", record.variant.as_ref().map(EndpointName::as_str));
    fields.put("variant_reason", record.variant_reason.as_deref());
    fields.put("cache", record.cache);
    fields.put("attempts", record.attempts.len());
    let status = record.attempts.last().and_then(|attempt| attempt.status);
    fields.put("provider_status", status);
    fields.put("losses", record.losses.len());
    fields.put("request_bytes", record.request_bytes);
    fields.put("response_bytes", record.response_bytes);
}

fn consumption(record: &CallRecord, fields: &mut Fields) {
    let usage = &record.usage;
    fields.put("finish", record.finish.map(finish));
    fields.put("input_tokens", usage.input_tokens);
    fields.put("output_tokens", usage.output_tokens);
    fields.put("cache_read_tokens", usage.cache_read_tokens);
    fields.put("cache_write_tokens", usage.cache_write_tokens);
    fields.put("reasoning_tokens", usage.reasoning_tokens);
    if usage.source == TokenSource::Estimated {
        fields.put("tokens_estimated", true);
    }
    fields.put("cost_usd", record.cost.map(|cost| cost.to_string()));
    fields.put(
        "cost_saved_usd",
        record.cost_saved.map(|cost| cost.to_string()),
    );
    fields.put("price_version", record.price_version);
}

/// Why an answer ended.
pub(crate) const fn finish(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Pause => "pause",
        FinishReason::Error => "error",
        _ => "other",
    }
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

pub(crate) fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .map(|at| format!("{at:.3}"))
        .unwrap_or_default()
}

fn text(fields: &Map<String, Value>, out: &mut Vec<u8>) {
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match value {
            Value::String(text) if is_plain(text) => out.extend_from_slice(text.as_bytes()),
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
    }
}

/// True for text that needs no quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
    !text.is_empty() && text.bytes().all(plain)
}
