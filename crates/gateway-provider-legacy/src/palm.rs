//! Google's PaLM: `generateMessage`, `generateText` and `batchEmbedText`.
//!
//! Spec: MLflow 3.17 `mlflow/gateway/providers/palm.py`, as in the recorded cases.

use gateway_provider::escaped;
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::embedding::EmbeddingRequest;
use gateway_schema::{CallError, Dialect, Operation, Response};
use http::HeaderName;
use serde_json::{Map, Value, json};

use crate::params::{Words, at_most_one, role};
use crate::read;
use crate::wire::{Ask, Auth, Vendor, Written, refused};

/// MLflow's callers say 0 to 2, PaLM 0 to 1.
const TEMPERATURE: fn(f64, &mut Ask<'_>) -> Option<f64> = |temperature, ask| {
    if ask.mlflow {
        return Some(temperature / 2.0);
    }
    Some(at_most_one(temperature, ask))
};

const CHAT: Words = Words {
    vendor: "PaLM chat",
    names: &[
        ("n", "candidateCount"),
        ("stop", "stopSequences"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("top_k", "topK"),
    ],
    temperature: TEMPERATURE,
};

const TEXT: Words = Words {
    vendor: "PaLM",
    names: &[
        ("n", "candidateCount"),
        ("max_tokens", "maxOutputTokens"),
        ("stop", "stopSequences"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("top_k", "topK"),
    ],
    temperature: TEMPERATURE,
};

/// PaLM.
#[derive(Debug)]
pub(crate) struct Palm;

fn written(method: &str, body: Map<String, Value>, ask: &Ask<'_>) -> Written {
    let path = format!("models/{}:{method}", escaped(ask.model));
    (path, body.into())
}

impl Vendor for Palm {
    const DIALECT: Dialect = Dialect::new("palm");
    const AUTH: Auth = Auth::Header(HeaderName::from_static("x-goog-api-key"));

    fn chat(&self, request: &ChatRequest, ask: &mut Ask<'_>) -> Result<Option<Written>, CallError> {
        if ask.mlflow && request.sampling.output_limit().is_some() {
            return Err(refused("Max tokens is not supported for PaLM chat."));
        }
        let mut body = CHAT.chat(request, ask)?;
        let mut context = Vec::new();
        let mut messages = Vec::new();
        for (index, message) in request.messages.iter().enumerate() {
            let text = CHAT.text(index, message, ask);
            if !ask.mlflow && message.role.is_system() {
                context.push(text);
            } else {
                messages.push(json!({ "content": text, "author": role(&message.role) }));
            }
        }
        let mut prompt = Map::new();
        prompt.insert("messages".to_owned(), messages.into());
        for name in ["examples", "context"] {
            if let Some(value) = body.shift_remove(name) {
                prompt.insert(name.to_owned(), value);
            }
        }
        if !context.is_empty() {
            prompt.insert("context".to_owned(), context.join("\n").into());
        }
        body.insert("prompt".to_owned(), prompt.into());
        Ok(Some(written("generateMessage", body, ask)))
    }

    fn completion(
        &self,
        request: &CompletionRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let mut body = TEXT.completion(request, ask)?;
        let text = TEXT.prompt(&request.prompt)?;
        body.insert("prompt".to_owned(), json!({ "text": text }));
        Ok(Some(written("generateText", body, ask)))
    }

    fn embedding(
        &self,
        request: &EmbeddingRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let mut body = TEXT.embedding(request, ask)?;
        body.insert("texts".to_owned(), TEXT.texts(&request.input)?);
        Ok(Some(written("batchEmbedText", body, ask)))
    }

    fn read(&self, operation: Operation, answer: &Value) -> Option<Response> {
        if operation == Operation::Embedding {
            let vectors = read::items(answer.get("embeddings"))?
                .iter()
                .map(|item| read::numbers(item.get("value")?))
                .collect::<Option<_>>()?;
            return Some(read::embeddings(vectors));
        }
        let field = match operation {
            Operation::Chat => "content",
            _ => "output",
        };
        let texts: Vec<&str> = read::items(answer.get("candidates"))?
            .iter()
            .map(|candidate| candidate.get(field)?.as_str())
            .collect::<Option<_>>()?;
        Some(if operation == Operation::Chat {
            read::chat(texts)
        } else {
            let choices = (0..).zip(texts);
            let choices = choices.map(|(index, text)| read::choice(index, text, None));
            read::completion(choices.collect(), None)
        })
    }
}
