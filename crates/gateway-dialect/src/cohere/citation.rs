//! Where an answer comes from.

use gateway_schema::Dialect;
use gateway_schema::chat::Citation;
use serde_json::{Map, Value};

use super::usage::whole;

/// Reads a citation: one for each of its sources, the first with the citation as it came.
pub(super) fn read(value: &Value) -> Vec<Citation> {
    let number = |key| value.get(key).and_then(whole);
    let span = number("start").zip(number("end"));
    let sources = value.get("sources").and_then(Value::as_array);
    let mut citations: Vec<Citation> = sources
        .into_iter()
        .flatten()
        .map(|source| {
            let mut citation = Citation::new();
            let fields = source.get("document").or_else(|| source.get("tool_output"));
            let word = |keys: &[&str]| first_text(fields.and_then(Value::as_object), keys);
            citation.quote = word(&["text", "snippet", "content"]);
            citation.title = word(&["title"]);
            citation.url = word(&["url"]).or_else(|| {
                let id = source.get("id").and_then(Value::as_str)?;
                id.starts_with("http").then(|| id.to_owned())
            });
            citation.span = span;
            citation
        })
        .collect();
    if citations.is_empty() {
        let mut citation = Citation::new();
        citation.span = span;
        citations.push(citation);
    }
    if let Some(first) = citations.first_mut() {
        first.raw = Some((Dialect::COHERE, value.clone()));
    }
    citations
}

fn first_text(fields: Option<&Map<String, Value>>, keys: &[&str]) -> Option<String> {
    let fields = fields?;
    keys.iter()
        .find_map(|key| fields.get(*key)?.as_str())
        .map(str::to_owned)
}
