//! Where a text comes from.

use super::super::set;
use gateway_schema::Dialect;
use gateway_schema::chat::Citation;
use serde_json::{Value, json};

/// Reads a citation; it also travels as it came.
pub(in super::super) fn read(value: Value) -> Citation {
    let mut citation = Citation::new();
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    citation.title = text("title");
    let quote: String = value
        .get("sourceContent")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|piece| piece.get("text").and_then(Value::as_str))
        .collect();
    citation.quote = (!quote.is_empty()).then_some(quote);
    citation.url = value
        .pointer("/location/web/url")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| text("source").filter(|source| source.contains("://")));
    citation.raw = Some((Dialect::BEDROCK, value));
    citation
}

/// Writes a citation.
pub(in super::super) fn write(citation: &Citation) -> Value {
    if let Some((Dialect::BEDROCK, raw)) = &citation.raw {
        return raw.clone();
    }
    let mut out = json!({});
    if let Some(title) = &citation.title {
        set(&mut out, "title", title.as_str().into());
    }
    if let Some(quote) = &citation.quote {
        set(&mut out, "sourceContent", json!([{"text": quote}]));
    }
    if let Some(url) = &citation.url {
        set(&mut out, "location", json!({"web": {"url": url}}));
    }
    out
}
