//! MosaicML's hosted models: `/{model}/v1/predict`. Chat is a prompt in the form of Llama 2.
//!
//! Spec: MLflow 3.17 `mlflow/gateway/providers/mosaicml.py`, as in the recorded cases.

use gateway_provider::escaped;
use gateway_schema::chat::{ChatRequest, Role};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::embedding::EmbeddingRequest;
use gateway_schema::{CallError, Dialect, Operation, Response};
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::params::{Words, role};
use crate::read;
use crate::wire::{Ask, Auth, Vendor, Written, refused};

/// How the names of the models that chat begin.
pub(crate) const CHAT_MODELS: &str = "llama2";

const WORDS: Words = Words {
    vendor: "MosaicML",
    names: &[
        ("n", "n"),
        ("max_tokens", "max_new_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
        ("stop", "stop"),
    ],
    temperature: |temperature, _| Some(temperature),
};

const INSTRUCTION_END: &str = "[/INST]";
const TURN_END: &str = "</s><s>";

/// MosaicML.
#[derive(Debug)]
pub(crate) struct MosaicMl;

impl MosaicMl {
    fn written(inputs: &Value, parameters: Option<Value>, ask: &Ask<'_>) -> Written {
        let mut body = json!({ "inputs": inputs });
        if let (Value::Object(fields), Some(parameters)) = (&mut body, parameters) {
            fields.insert("parameters".to_owned(), parameters);
        }
        (format!("{}/v1/predict", escaped(ask.model)), body)
    }
}

impl Vendor for MosaicMl {
    const DIALECT: Dialect = Dialect::new("mosaicml");
    /// The bare key, without `Bearer`.
    const AUTH: Auth = Auth::Header(AUTHORIZATION);

    fn chat(&self, request: &ChatRequest, ask: &mut Ask<'_>) -> Result<Option<Written>, CallError> {
        let parameters = WORDS.chat(request, ask)?;
        let prompt = llama_prompt(request, ask)?;
        let written = Self::written(&json!([prompt]), Some(parameters.into()), ask);
        Ok(Some(written))
    }

    fn completion(
        &self,
        request: &CompletionRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let parameters = WORDS.completion(request, ask)?;
        let prompt = WORDS.prompt(&request.prompt)?;
        let written = Self::written(&json!([prompt]), Some(parameters.into()), ask);
        Ok(Some(written))
    }

    fn embedding(
        &self,
        request: &EmbeddingRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let parameters = WORDS.embedding(request, ask)?;
        let texts = WORDS.texts(&request.input)?;
        let parameters = (!parameters.is_empty()).then(|| parameters.into());
        Ok(Some(Self::written(&texts, parameters, ask)))
    }

    fn read(&self, operation: Operation, answer: &Value) -> Option<Response> {
        let outputs = read::items(answer.get("outputs"))?;
        if operation == Operation::Embedding {
            let vectors = outputs.iter().map(read::numbers).collect::<Option<_>>()?;
            return Some(read::embeddings(vectors));
        }
        let texts: Vec<&str> = outputs.iter().map(Value::as_str).collect::<Option<_>>()?;
        Some(if operation == Operation::Chat {
            read::chat(texts)
        } else {
            let choices = (0..).zip(texts);
            let choices = choices.map(|(index, text)| read::choice(index, text, None));
            read::completion(choices.collect(), None)
        })
    }

    /// A request that asks for too much is answered with 500.
    fn status_of_error(&self, status: u16, message: Option<&str>) -> u16 {
        let is_about_limits = message.is_some_and(|message| {
            message.starts_with("Error: max output tokens is limited to")
                || message.starts_with("Error: prompt token count")
        });
        if status == 500 && is_about_limits {
            422
        } else {
            status
        }
    }
}

fn llama_prompt(request: &ChatRequest, ask: &mut Ask<'_>) -> Result<String, CallError> {
    let mut prompt = "<s>".to_owned();
    for (index, message) in request.messages.iter().enumerate() {
        let text = WORDS.text(index, message, ask);
        let instruction = match &message.role {
            Role::System | Role::Developer => format!("<<SYS>> {text} <</SYS>>"),
            Role::User => text,
            Role::Assistant => {
                prompt.push(' ');
                prompt.push_str(&text);
                prompt.push(' ');
                prompt.push_str(TURN_END);
                continue;
            }
            other => {
                return Err(refused(format!(
                    "An invalid request structure was submitted. Invalid role {} inputted. Must be one of \
                     'system', 'user', or 'assistant'.",
                    role(other)
                )));
            }
        };
        // Instructions that follow each other are one.
        if prompt.ends_with(INSTRUCTION_END) {
            prompt.truncate(prompt.len() - INSTRUCTION_END.len());
        } else {
            prompt.push_str("[INST] ");
        }
        prompt.push_str(&instruction);
        prompt.push(' ');
        prompt.push_str(INSTRUCTION_END);
    }
    if prompt.ends_with(TURN_END) {
        prompt.truncate(prompt.len() - TURN_END.len());
    }
    Ok(prompt)
}
