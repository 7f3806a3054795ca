//! Request parameters that the configuration adds to requests without them.

use bytes::Bytes;
use gateway_dialect::{RequestOptions, cohere, openai};
use gateway_json::{Edit, Envelope};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::{Operation, Request};
use serde_json::{Map, Value, json};

/// What is asked, or makes sense only with something else in the request.
const NOT_SPLICED: [&str; 3] = ["model", "messages", "stream"];
/// How long vectors are, here and in OpenAI's words.
const DIMENSIONS: (&str, &str) = ("output_dimension", "dimensions");

/// Defaults in every form: for translated requests, and as members of the caller's own.
#[derive(Debug)]
pub(crate) struct Defaults {
    canonical: openai::Defaults,
    chat: Vec<(String, Bytes)>,
    embedding: Vec<(String, Bytes)>,
}

impl Defaults {
    /// Reads defaults under their OpenAI names, or Cohere's own, for `model`.
    pub(crate) fn new(parameters: &Map<String, Value>, model: &str) -> Self {
        let (own, theirs) = DIMENSIONS;
        let length = parameters.get(own).or_else(|| parameters.get(theirs));
        Self {
            canonical: openai::Defaults::new(parameters),
            chat: chat(parameters, model),
            embedding: length
                .map(|value| (own.to_owned(), Bytes::from(value.to_string())))
                .into_iter()
                .collect(),
        }
    }

    /// True when there is nothing to add.
    pub(crate) fn is_empty(&self) -> bool {
        self.canonical.is_empty()
    }

    /// Adds what a canonical request leaves open.
    pub(crate) fn fill(&self, request: &mut Request) {
        self.canonical.fill(request);
    }

    /// Inserts the members that the caller's own body lacks.
    pub(crate) fn splice(
        &self,
        operation: Operation,
        text: &[u8],
        envelope: &Envelope,
        edits: &mut Vec<Edit>,
    ) {
        let members = match operation {
            Operation::Chat => &self.chat,
            Operation::Embedding => &self.embedding,
            _ => return,
        };
        let has = |key: &str| envelope.find(text, key).is_some();
        for (key, value) in members {
            let is_about_tools = matches!(key.as_str(), "tool_choice" | "strict_tools");
            if !has(key) && (!is_about_tools || has("tools")) {
                envelope.insert(key, value, edits);
            }
        }
    }
}

/// The parameters as the encoder writes them for `model`.
fn chat(parameters: &Map<String, Value>, model: &str) -> Vec<(String, Bytes)> {
    let mut request = Request::Chat(Box::new(ChatRequest::new(vec![Message::user("-")])));
    openai::Defaults::new(parameters).fill(&mut request);
    let Request::Chat(chat) = &request else {
        return Vec::new();
    };
    let Ok(written) = cohere::encode_chat(chat, &RequestOptions::new(model)) else {
        return Vec::new();
    };
    let mut fields: Map<String, Value> = serde_json::from_slice(&written.body).unwrap_or_default();
    // A choice of tools is written only where there are some.
    if let Some(choice) = parameters.get("tool_choice").and_then(Value::as_str) {
        let word = match choice {
            "required" | "REQUIRED" => Some("REQUIRED"),
            "none" | "NONE" => Some("NONE"),
            _ => None,
        };
        if let Some(word) = word {
            fields.insert("tool_choice".to_owned(), json!(word));
        }
    }
    fields
        .into_iter()
        .filter(|(key, _)| !NOT_SPLICED.contains(&key.as_str()))
        .map(|(key, value)| (key, Bytes::from(value.to_string())))
        .collect()
}
