//! Reasoning in messages: one idea under three names.
//!
//! `reasoning_content` (DeepSeek and most others), `reasoning` (Groq, Cerebras, Ollama) and `reasoning_details`
//! (OpenRouter), which alone carries signatures. The `format` of a detail says whose signature it is.

use gateway_schema::chat::{Content, Part, Signature};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use crate::node::{List, Node};

const FORMATS: &[(&str, Dialect)] = &[
    ("anthropic-claude-v1", Dialect::ANTHROPIC),
    // Claude's proofs are good on every platform that has Claude; a caller's are read as Anthropic's, as written above.
    ("anthropic-claude-v1", Dialect::BEDROCK),
    ("google-gemini-v1", Dialect::GEMINI),
    ("openai-responses-v1", Dialect::OPENAI_RESPONSES),
    ("xai-responses-v1", Dialect::OPENAI_RESPONSES),
];

/// Whose signature a detail of this format holds.
pub(crate) fn dialect_of(format: Option<&str>) -> Dialect {
    FORMATS
        .iter()
        .find(|(name, _)| Some(*name) == format)
        .map_or(Dialect::OPENAI, |(_, dialect)| *dialect)
}

/// The format that says whose signature it is.
pub(crate) fn format_of(dialect: Dialect) -> Option<&'static str> {
    FORMATS
        .iter()
        .find(|(_, known)| *known == dialect)
        .map(|(name, _)| *name)
}

/// One entry of `reasoning_details`.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    kind: String,
    pub(crate) text: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) signature: Option<Signature>,
    id: Option<String>,
    extra: Map<String, Value>,
}

impl Detail {
    /// Reads an entry. Whatever it is, nothing of it is lost.
    pub(crate) fn decode(node: Node<'_>) -> Self {
        let mut detail = Self::default();
        let (mut signature, mut format) = (None, None);
        for (key, node) in node.into_fields() {
            match &*key {
                "type" => detail.kind = node.into_text().unwrap_or_default(),
                "text" | "summary" => detail.text = node.into_text(),
                "data" => detail.data = node.into_text(),
                "signature" => signature = node.into_text(),
                "format" => format = node.into_text(),
                "id" => detail.id = node.into_text(),
                "index" => {}
                _ => {
                    detail.extra.insert(key.into_owned(), node.into_value());
                }
            }
        }
        let dialect = dialect_of(format.as_deref());
        detail.signature = signature.map(|value| Signature { dialect, value });
        detail
    }

    /// The part it is; `None` when it says nothing.
    pub(crate) fn into_part(self) -> Option<Part> {
        let content = if let Some(data) = self.data {
            Content::RedactedThinking { data, id: self.id }
        } else if self.text.is_some() || self.signature.is_some() {
            Content::Thinking {
                text: self.text.unwrap_or_default(),
                id: self.id,
            }
        } else {
            return None;
        };
        let mut part = Part::new(content);
        part.signature = self.signature;
        part.extra = Extra::of(Dialect::OPENAI, self.extra);
        if self.kind == "reasoning.summary" {
            part.extra.insert(Dialect::OPENAI, "type", self.kind.into());
        }
        Some(part)
    }
}

/// Reads the reasoning of a message: the details where there are any, the plain text otherwise.
pub(crate) fn decode(plain: Option<String>, details: Vec<Node<'_>>) -> Vec<Part> {
    let mut parts: Vec<Part> = details
        .into_iter()
        .filter_map(|node| Detail::decode(node).into_part())
        .collect();
    let has_text = parts
        .iter()
        .any(|part| matches!(&part.content, Content::Thinking { text, .. } if !text.is_empty()));
    if let Some(plain) = plain.filter(|text| !has_text && !text.is_empty()) {
        // A signature alone belongs to the text that came under the plain name.
        let bare = parts.iter_mut().find_map(|part| match &mut part.content {
            Content::Thinking { text, .. } => Some(text),
            _ => None,
        });
        match bare {
            Some(text) => *text = plain,
            None => parts.insert(0, Part::thinking(plain)),
        }
    }
    parts
}

/// True when `reasoning_content` cannot say all there is.
pub(crate) fn needs_details(parts: &[Part]) -> bool {
    let mut thoughts = 0;
    for part in parts {
        match &part.content {
            Content::Thinking { id, .. } => {
                thoughts += 1;
                if id.is_some() || part.signature.is_some() || !part.extra.is_empty() {
                    return true;
                }
            }
            Content::RedactedThinking { .. } => return true,
            _ => {}
        }
    }
    thoughts > 1
}

/// The text of all reasoning, joined.
pub(crate) fn plain(parts: &[Part]) -> String {
    parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Thinking { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// Writes the entries of `reasoning_details`.
pub(crate) fn encode_details(parts: &[Part], out: &mut List<'_>) {
    let mut index = 0_u32;
    for part in parts {
        let fields = part.extra.for_dialect(Dialect::OPENAI);
        let (kind, name, value, id) = match &part.content {
            Content::Thinking { text, id } => {
                let is_summary =
                    fields.is_some_and(|fields| fields.get("type").is_some_and(Value::is_string));
                if is_summary {
                    ("reasoning.summary", "summary", text, id)
                } else {
                    ("reasoning.text", "text", text, id)
                }
            }
            Content::RedactedThinking { data, id } => ("reasoning.encrypted", "data", data, id),
            _ => continue,
        };
        out.object(|out| {
            out.field("type", kind);
            if !value.is_empty() {
                out.field(name, value);
            }
            if let Some(signature) = &part.signature {
                out.field("signature", &signature.value);
                out.option("format", format_of(signature.dialect));
            }
            out.option("id", id.as_ref());
            out.field("index", &index);
            for (key, value) in fields.into_iter().flatten() {
                if key != "type" {
                    out.field(key, value);
                }
            }
        });
        index += 1;
    }
}
