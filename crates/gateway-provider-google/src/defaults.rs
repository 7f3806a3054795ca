//! Request parameters that the configuration adds to requests without them.

use bytes::Bytes;
use gateway_dialect::openai;
use gateway_json::{Edit, Envelope};
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Mapping};
use serde_json::{Map, Value};

/// Defaults in canonical form; `None` inside when there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults(Option<Box<ChatRequest>>);

impl Defaults {
    /// Reads defaults under their OpenAI names.
    ///
    /// # Errors
    /// Every parameter that is not as it should be.
    pub(crate) fn read(parameters: &Map<String, Value>) -> Result<Self, CallError> {
        if parameters.is_empty() {
            return Ok(Self::default());
        }
        let mut body = parameters.clone();
        let message = serde_json::json!([{"role": "user", "content": "-"}]);
        body.insert("messages".to_owned(), message);
        let request = openai::decode_chat_request(Value::Object(body).to_string().as_bytes())?;
        Ok(Self(Some(Box::new(request))))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn canonical(&self) -> Option<&ChatRequest> {
        self.0.as_deref()
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_chat(&self, request: &mut ChatRequest) {
        if let Some(defaults) = &self.0 {
            request.fill(defaults);
        }
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_completion(&self, request: &mut CompletionRequest) {
        if let Some(defaults) = &self.0 {
            request.sampling.fill(&defaults.sampling);
        }
    }
}

/// What a chat request for a completion looks like. MLflow's clients may give instructions beside the prompt.
pub(crate) fn as_chat(request: &CompletionRequest, mapping: Mapping) -> Option<ChatRequest> {
    let mut chat = request.to_chat()?;
    if mapping == Mapping::Mlflow {
        let system = request
            .extra
            .fields()
            .get("system_prompt")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        if let Some(system) = system {
            let message = gateway_schema::chat::Message::system(system);
            chat.messages.insert(0, message);
        }
    }
    Some(chat)
}

/// Members to be added to an object, as JSON text.
pub(crate) type Members = Vec<(String, Bytes)>;

/// The fields of an object as members.
pub(crate) fn members(fields: Map<String, Value>) -> Members {
    fields
        .into_iter()
        .map(|(key, value)| (key, Bytes::from(value.to_string())))
        .collect()
}

/// Inserts members that `envelope`, which stands at `offset` of the text, lacks.
pub(crate) fn insert(
    members: &[(&str, &[u8])],
    envelope: &Envelope,
    offset: usize,
    edits: &mut Vec<Edit>,
) {
    if members.is_empty() {
        return;
    }
    let mut text = Vec::new();
    for (key, value) in members {
        if !text.is_empty() {
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(b"\":");
        text.extend_from_slice(value);
    }
    if !envelope.members().is_empty() {
        text.push(b',');
    }
    let at = offset + envelope.open();
    edits.push(Edit::new(at..at, text));
}
