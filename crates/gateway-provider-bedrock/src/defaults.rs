//! Request parameters that the configuration adds to requests without them.

use bytes::Bytes;
use gateway_dialect::{RequestOptions, bedrock, openai};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Operation, OptionProblem};
use serde_json::{Map, Value, json};

/// Defaults in every form: for translated requests, and as members of a Converse request.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    chat: Option<Box<ChatRequest>>,
    completion: Option<Box<CompletionRequest>>,
    members: Map<String, Value>,
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
        let message = json!([{"role": "user", "content": "-"}]);
        body.insert("messages".to_owned(), message);
        let mut request =
            openai::decode_chat_request(&to_bytes(body)).map_err(|error| problems(&error))?;
        request.messages = vec![Message::user("-")];
        let members = bedrock::additional_defaults(&request, &RequestOptions::new(model))
            .map_err(|error| problems(&error))?;
        Ok(Self {
            chat: Some(Box::new(request)),
            completion: None,
            members,
        })
    }

    /// True when there is nothing to add to a chat turn.
    pub(crate) fn is_empty(&self) -> bool {
        self.chat.is_none()
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

    /// A Converse body with the members that it lacks. Without defaults the bytes stay as they are.
    pub(crate) fn merge(&self, body: &Bytes) -> Bytes {
        if self.members.is_empty() {
            return body.clone();
        }
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
            return body.clone();
        };
        for (key, default) in &self.members {
            match (fields.get_mut(key), default) {
                (None | Some(Value::Null), _) => {
                    fields.insert(key.clone(), default.clone());
                }
                (Some(Value::Object(given)), Value::Object(default)) if key != "toolConfig" => {
                    for (inner, value) in default {
                        given.entry(inner).or_insert_with(|| value.clone());
                    }
                }
                _ => {}
            }
        }
        Bytes::from(Value::Object(fields).to_string())
    }
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
