//! The first version of the API, as MLflow's gateway speaks it on MLflow's own URLs.
//!
//! MLflow forwards what it does not know; so does this. What MLflow could not say in this version (tools, pictures)
//! goes to version 2 instead: [`can_say`].
//!
//! Spec: MLflow 3.17 `mlflow/gateway/providers/cohere.py`, as recorded in the conformance cases `cohere-*`.

mod reply;
mod stream;

use gateway_schema::chat::{ChatRequest, Content, Message, Role, Sampling};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingEncoding, EmbeddingRequest};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Request};
use serde_json::{Map, Value, json};

use super::{embedding, model, put};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

pub use reply::{decode_chat, decode_completion};
pub use stream::StreamDecoder;

/// True when MLflow's conversion carries the whole request.
pub fn can_say(request: &Request) -> bool {
    match request {
        Request::Chat(chat) => {
            let is_text = |message: &Message| {
                let mut parts = message.parts.iter();
                parts.all(|part| matches!(part.content, Content::Text { .. }))
            };
            chat.tools.is_none()
                && chat.response_format.is_none()
                && chat.messages.iter().all(is_text)
        }
        Request::Completion(_) | Request::Embedding(_) => true,
        _ => false,
    }
}

/// Writes a request of `/v1/chat`.
///
/// # Errors
/// What MLflow refuses: several answers, stop sequences, a last message that is not the user's.
pub fn encode_chat(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    if let Some(n) = request.sampling.n.filter(|n| *n != 1) {
        return Err(refused(format!(
            "Parameter n must be 1 for Cohere chat, got {n}."
        )));
    }
    let Some((last, before)) = request.messages.split_last() else {
        return Err(refused("Cohere needs at least one message.".to_owned()));
    };
    if last.role != Role::User {
        return Err(refused(format!(
            "Last message must be from user, got {}.",
            word(&last.role)
        )));
    }
    if !request.sampling.stop.is_empty() {
        return Err(refused(
            "Parameter stop is not supported for Cohere chat.".to_owned(),
        ));
    }
    let mut losses = Losses::new();
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    sampling(&request.sampling, &mut body);
    put(&mut body, "stream", request.stream.then_some(true));
    put(&mut body, "message", Some(last.text()));
    let told: Vec<String> = before
        .iter()
        .filter(|message| message.role.is_system())
        .map(Message::text)
        .collect();
    put(
        &mut body,
        "preamble_override",
        (!told.is_empty()).then(|| told.join("\n")),
    );
    let mut history = Vec::new();
    for (index, message) in before.iter().enumerate() {
        let role = match &message.role {
            Role::User => "USER",
            Role::Assistant => "CHATBOT",
            role if role.is_system() => continue,
            _ => {
                losses.dropped(
                    format!("messages[{index}]"),
                    "Cohere's history holds what users and the model said",
                );
                continue;
            }
        };
        history.push(json!({"role": role, "message": message.text()}));
    }
    put(
        &mut body,
        "chat_history",
        (!history.is_empty()).then_some(history),
    );
    extra(&request.extra, &mut body, &mut losses);
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Writes a request of `/v1/generate`.
///
/// # Errors
/// What MLflow refuses: the vendor's own names. And a prompt that is not one text.
pub fn encode_completion(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    native(
        &request.extra,
        &[("stop", "stop_sequences"), ("n", "num_generations")],
        400,
    )?;
    let prompt = match &request.prompt {
        Prompt::Text(text) => text,
        Prompt::Texts(texts) => match texts.as_slice() {
            [text] => text,
            _ => return Err(refused("prompt: Cohere takes one text.".to_owned())),
        },
        _ => return Err(refused("prompt: Cohere takes one text.".to_owned())),
    };
    let mut losses = Losses::new();
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    put(&mut body, "prompt", Some(prompt.as_str()));
    sampling(&request.sampling, &mut body);
    let stop = &request.sampling.stop;
    put(
        &mut body,
        "stop_sequences",
        (!stop.is_empty()).then(|| stop.clone()),
    );
    put(&mut body, "num_generations", request.sampling.n);
    put(&mut body, "stream", request.stream.then_some(true));
    extra(&request.extra, &mut body, &mut losses);
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Writes a request of `/v1/embed`.
///
/// # Errors
/// What MLflow refuses: the vendor's own name of the input. And token ids.
pub fn encode_embedding(
    request: &EmbeddingRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    native(&request.extra, &[("input", "texts")], 422)?;
    let mut losses = Losses::new();
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    // MLflow sends a lone text as it is, which Cohere refuses.
    body.insert("texts".to_owned(), embedding::texts(&request.input)?.into());
    extra(&request.extra, &mut body, &mut losses);
    if model::wants_input_type(options.model) {
        let task = embedding::task(request.task.as_ref(), &mut losses);
        body.entry("input_type").or_insert_with(|| task.into());
    }
    for (key, is_asked) in [
        ("dimensions", request.dimensions.is_some()),
        (
            "encoding_format",
            request.encoding == Some(EmbeddingEncoding::Base64),
        ),
        ("user", request.user.is_some()),
    ] {
        if is_asked {
            losses.dropped(key, "Cohere's first version has no such parameter");
        }
    }
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Limits and sampling in Cohere's words. MLflow's clients say 0 to 2, Cohere 0 to 5.
fn sampling(sampling: &Sampling, body: &mut Map<String, Value>) {
    put(body, "max_tokens", sampling.output_limit());
    put(
        body,
        "temperature",
        sampling.temperature.map(|value| value * 2.5),
    );
    put(body, "p", sampling.top_p);
    put(body, "k", sampling.top_k);
    put(body, "frequency_penalty", sampling.frequency_penalty);
    put(body, "presence_penalty", sampling.presence_penalty);
    put(body, "seed", sampling.seed);
}

/// MLflow forwards every field that it does not know.
fn extra(extra: &Extra, body: &mut Map<String, Value>, losses: &mut Losses) {
    let is_ours = matches!(extra.dialect(), Some(Dialect::COHERE | Dialect::MLFLOW));
    for (key, value) in extra.fields() {
        if is_ours && key != "stream_options" {
            body.entry(key.clone()).or_insert_with(|| value.clone());
        } else if !value.is_null() {
            losses.dropped(key.as_str(), "Cohere has no such parameter");
        }
    }
}

fn native(extra: &Extra, names: &[(&str, &str)], status: u16) -> Result<(), CallError> {
    match names
        .iter()
        .find(|(_, native)| extra.fields().contains_key(*native))
    {
        Some((own, native)) => Err(CallError::client(
            ErrorKind::InvalidRequest,
            format!("Invalid parameter {native}. Use {own} instead."),
        )
        .with_status(status)),
        None => Ok(()),
    }
}

fn refused(text: String) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, text).with_status(422)
}

fn word(role: &Role) -> &str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::Other(name) => name,
        _ => "unknown",
    }
}
