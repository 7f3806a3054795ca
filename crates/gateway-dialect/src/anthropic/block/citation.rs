//! Citations.

use gateway_schema::Dialect;
use gateway_schema::chat::Citation;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Reads the `citations` of a text block: a list, null, or nothing.
pub(super) fn read_all(value: Option<Value>) -> Vec<Citation> {
    match value {
        Some(Value::Array(items)) => items.into_iter().map(read).collect(),
        _ => Vec::new(),
    }
}

/// Reads one citation. It is kept as it came; what other dialects know is picked out.
pub(in super::super) fn read(value: Value) -> Citation {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut citation = Citation::new();
    citation.quote = text("cited_text");
    citation.title = text("title").or_else(|| text("document_title"));
    citation.url = text("url").or_else(|| text("source"));
    citation.raw = Some((Dialect::ANTHROPIC, value));
    citation
}

/// A citation on its way out.
#[derive(Debug)]
pub(in super::super) struct CitationOut<'a>(&'a Citation);

impl<'a> CitationOut<'a> {
    /// `None` when it names no source that this dialect can express.
    pub(in super::super) fn of(citation: &'a Citation) -> Option<Self> {
        let native = matches!(&citation.raw, Some((dialect, _)) if *dialect == Dialect::ANTHROPIC);
        (native || citation.url.is_some()).then_some(Self(citation))
    }

    /// True when it goes out as it came.
    pub(in super::super) fn is_native(&self) -> bool {
        matches!(&self.0.raw, Some((dialect, _)) if *dialect == Dialect::ANTHROPIC)
    }
}

impl Serialize for CitationOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.raw {
            Some((dialect, value)) if *dialect == Dialect::ANTHROPIC => value.serialize(serializer),
            _ => json!({
                "type": "web_search_result_location",
                "url": self.0.url,
                "title": self.0.title,
                "encrypted_index": "",
                "cited_text": self.0.quote.as_deref().unwrap_or_default(),
            })
            .serialize(serializer),
        }
    }
}
