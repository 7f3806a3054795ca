//! Request parameters that the configuration adds to requests without them.

use bytes::Bytes;
use gateway_dialect::RequestOptions;
use gateway_dialect::{anthropic, openai};
use gateway_json::{Edit, Envelope};
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Operation, OptionProblem};
use serde_json::{Map, Value};

/// What only makes sense with something else in the request, or not at all.
const NOT_SPLICED: [&str; 4] = ["model", "messages", "system", "max_tokens"];

/// Defaults in every form: for translated requests, and as members of a Messages request.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    chat: Option<Box<ChatRequest>>,
    completion: Option<Box<CompletionRequest>>,
    members: Vec<(String, Bytes)>,
}

impl Defaults {
    /// Reads defaults under their OpenAI names for an endpoint of `operation` with `model`.
    ///
    /// # Errors
    /// Every parameter that is not as it should be.
    pub(crate) fn read(
        parameters: &Map<String, Value>,
        operation: Operation,
        model: &str,
    ) -> Result<Self, Vec<OptionProblem>> {
        if parameters.is_empty() {
            return Ok(Self::default());
        }
        let mut body = parameters.clone();
        if operation == Operation::Completion {
            body.insert("prompt".to_owned(), "-".into());
            let request = openai::decode_completion_request(&to_bytes(body))
                .map_err(|error| problems(&error))?;
            return Ok(Self {
                completion: Some(Box::new(request)),
                ..Self::default()
            });
        }
        let message = serde_json::json!([{"role": "user", "content": "-"}]);
        body.insert("messages".to_owned(), message);
        let request =
            openai::decode_chat_request(&to_bytes(body)).map_err(|error| problems(&error))?;
        let members = members(&request, model)?;
        Ok(Self {
            chat: Some(Box::new(request)),
            completion: None,
            members,
        })
    }

    /// True when there is nothing to add.
    pub(crate) fn is_empty(&self) -> bool {
        self.chat.is_none() && self.completion.is_none()
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_chat(&self, request: &mut ChatRequest) {
        if let Some(defaults) = &self.chat {
            request.fill(defaults);
        }
    }

    /// Adds what `request` leaves open.
    pub(crate) fn fill_completion(&self, request: &mut CompletionRequest) {
        if let Some(defaults) = &self.completion {
            request.fill(defaults);
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
                envelope.insert(key, value, edits);
            }
        }
    }
}

/// The parameters as the encoder writes them for `model`.
fn members(request: &ChatRequest, model: &str) -> Result<Vec<(String, Bytes)>, Vec<OptionProblem>> {
    let written = anthropic::encode_chat(request, &RequestOptions::new(model))
        .map_err(|error| problems(&error))?;
    let fields: Map<String, Value> = serde_json::from_slice(&written.body).unwrap_or_default();
    let limit = request.sampling.output_limit().map(Value::from);
    Ok(fields
        .into_iter()
        .filter(|(key, _)| !NOT_SPLICED.contains(&key.as_str()))
        .chain(limit.map(|limit| ("max_tokens".to_owned(), limit)))
        .map(|(key, value)| (key, Bytes::from(value.to_string())))
        .collect())
}

fn to_bytes(body: Map<String, Value>) -> Vec<u8> {
    Value::Object(body).to_string().into_bytes()
}

fn problems(error: &CallError) -> Vec<OptionProblem> {
    if error.field_errors().is_empty() {
        return vec![OptionProblem::new("", error.message())];
    }
    error
        .field_errors()
        .iter()
        .map(|fault| OptionProblem::new(fault.dotted(), fault.message.clone()))
        .collect()
}
