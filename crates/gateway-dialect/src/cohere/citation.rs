//! Where an answer comes from.

use gateway_schema::Dialect;
use gateway_schema::chat::Citation;
use serde_json::{Map, Value, json};

use super::put;
use crate::node;

/// Reads a citation: one for each of its sources, the first with the citation as it came.
pub(super) fn read(value: &Value) -> Vec<Citation> {
    let number = |key| value.get(key).and_then(node::count);
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

/// Writes citations one after the other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// How many of those to come are further sources of one that was written as it came.
    covered: usize,
    /// How many were written.
    written: usize,
}

impl Writer {
    /// Writes a citation of `text`, the content block `index`; `None` for what an earlier one said.
    pub(super) fn write(&mut self, citation: &Citation, text: &str, index: usize) -> Option<Value> {
        if let Some((Dialect::COHERE, raw)) = &citation.raw {
            let sources = raw.get("sources").and_then(Value::as_array);
            self.covered = sources.map_or(0, Vec::len).saturating_sub(1);
            self.written += 1;
            return Some(raw.clone());
        }
        if citation.raw.is_none() && self.covered > 0 {
            self.covered -= 1;
            return None;
        }
        self.covered = 0;
        let (start, end) = citation
            .span
            .unwrap_or_else(|| (0, text.chars().count().try_into().unwrap_or(u64::MAX)));
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let cited: String = text
            .chars()
            .skip(place(start))
            .take(place(end.saturating_sub(start)))
            .collect();
        let id = citation
            .url
            .clone()
            .unwrap_or_else(|| format!("doc:{}", self.written));
        let mut document = Map::new();
        put(&mut document, "id", Some(id.as_str()));
        put(&mut document, "title", citation.title.clone());
        put(&mut document, "url", citation.url.clone());
        put(&mut document, "text", citation.quote.clone());
        self.written += 1;
        Some(json!({
            "start": start,
            "end": end,
            "text": cited,
            "sources": [{"type": "document", "id": id, "document": document}],
            "type": "TEXT_CONTENT",
            "content_index": index,
        }))
    }
}
