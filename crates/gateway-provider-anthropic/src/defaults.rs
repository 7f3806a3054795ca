//! Request parameters that the configuration adds to requests without them.

use bytes::Bytes;
use gateway_dialect::RequestOptions;
use gateway_dialect::{anthropic, openai};
use gateway_provider::{Edit, Envelope};
use gateway_schema::Operation;
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::CompletionRequest;
use serde_json::{Map, Value};

/// What only makes sense with something else in the request, or not at all.
const NOT_SPLICED: [&str; 4] = ["model", "messages", "system", "max_tokens"];

/// Defaults in both forms: for translated requests, and as members of a Messages request.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    canonical: Option<Box<ChatRequest>>,
    members: Vec<(String, Bytes)>,
}

impl Defaults {
    /// Reads defaults under their OpenAI names for requests to `model`. What cannot be read sets nothing.
    pub(crate) fn new(parameters: &Map<String, Value>, model: &str) -> Self {
        if parameters.is_empty() {
            return Self::default();
        }
        let mut body = parameters.clone();
        let message = serde_json::json!([{"role": "user", "content": "-"}]);
        body.insert("messages".to_owned(), message);
        let Ok(mut request) =
            openai::decode_chat_request(Value::Object(body).to_string().as_bytes())
        else {
            return Self::default();
        };
        request.messages = vec![Message::user("-")];
        let members = members(&request, model);
        Self {
            canonical: Some(Box::new(request)),
            members,
        }
    }

    /// True when there is nothing to add.
    pub(crate) fn is_empty(&self) -> bool {
        self.canonical.is_none()
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_chat(&self, request: &mut ChatRequest) {
        if let Some(defaults) = &self.canonical {
            request.fill(defaults);
        }
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_completion(&self, request: &mut CompletionRequest) {
        if let Some(defaults) = &self.canonical {
            request.sampling.fill(&defaults.sampling);
        }
    }

    /// Inserts the members that a Messages body lacks.
    pub(crate) fn splice(
        &self,
        operation: Operation,
        text: &[u8],
        envelope: &Envelope,
        edits: &mut Vec<Edit>,
    ) {
        if operation != Operation::Chat {
            return;
        }
        let has = |key: &str| envelope.find(text, key).is_some();
        for (key, value) in &self.members {
            let conflicts = match key.as_str() {
                // Newer models refuse the two together, and what the caller says comes first.
                "temperature" => has("top_p") || has("thinking"),
                "top_p" => has("temperature") || has("thinking"),
                "top_k" => has("thinking"),
                "tool_choice" => !has("tools"),
                _ => false,
            };
            if !conflicts && !has(key) {
                insert(key, value, envelope, edits);
            }
        }
    }
}

/// Inserts a member in front of all others, after those inserted before it.
pub(crate) fn insert(key: &str, value: &[u8], envelope: &Envelope, edits: &mut Vec<Edit>) {
    let mut text = Vec::with_capacity(key.len() + value.len() + 4);
    let alone = envelope.members().is_empty();
    if alone && !edits.is_empty() {
        text.push(b',');
    }
    text.push(b'"');
    text.extend_from_slice(key.as_bytes());
    text.extend_from_slice(b"\":");
    text.extend_from_slice(value);
    if !alone {
        text.push(b',');
    }
    edits.push(Edit::new(envelope.open()..envelope.open(), text));
}

/// The parameters as the encoder writes them for `model`.
fn members(request: &ChatRequest, model: &str) -> Vec<(String, Bytes)> {
    let Ok(written) = anthropic::encode_chat(request, &RequestOptions::new(model)) else {
        return Vec::new();
    };
    let Ok(Value::Object(fields)) = serde_json::from_slice(&written.body) else {
        return Vec::new();
    };
    let limit = request.sampling.output_limit().map(Value::from);
    fields
        .into_iter()
        .filter(|(key, _)| !NOT_SPLICED.contains(&key.as_str()))
        .chain(limit.map(|limit| ("max_tokens".to_owned(), limit)))
        .map(|(key, value)| (key, Bytes::from(value.to_string())))
        .collect()
}
