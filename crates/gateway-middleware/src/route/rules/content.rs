//! The text of a prompt, wherever it stands in the request.

use gateway_provider::Call;
use gateway_schema::chat::{ChatRequest, Content, Media, Message, Part, Tool};
use gateway_schema::completion::Prompt;
use gateway_schema::embedding::EmbeddingInput;
use gateway_schema::{CallError, Extra, Request};
use serde_json::Value;

use super::written;
use crate::expected::BYTES_PER_TOKEN;

/// Whether `matches` holds for any text of the request. Each text is looked at by itself.
///
/// A request with bytes is looked at as it is written: all of it reaches a provider of the same dialect.
///
/// # Errors
/// [`CallError`] of origin client for a text that cannot be read.
pub(super) fn any(call: &Call, matches: impl Fn(&str) -> bool) -> Result<bool, CallError> {
    let mut found = false;
    let mut see = |text: &str| found = found || matches(text);
    if let Some(raw) = call.payload.raw() {
        // Passed on as it is, whatever it is: its bytes are all the text there is, and what they say as JSON.
        let bytes = raw.text();
        see(&String::from_utf8_lossy(&bytes));
        if written::is_json(&bytes) {
            written::texts(&bytes, &mut see)?;
        }
    } else if let Some((bytes, _)) = call.payload.envelope() {
        written::texts(bytes, &mut see)?;
    } else {
        texts(&call.canonical()?.value, &mut see);
    }
    Ok(found)
}

/// Tokens of a prompt that came without bytes.
pub(super) fn tokens(call: &Call) -> u64 {
    let mut bytes = 0;
    if let Ok(decoded) = call.canonical() {
        texts(&decoded.value, &mut |text| bytes += text.len() as u64);
    }
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Shows `see` every text of a request in canonical form. Media are none.
fn texts(request: &Request, see: &mut dyn FnMut(&str)) {
    match request {
        Request::Chat(chat) => of_chat(chat, see),
        Request::Completion(completion) => {
            match &completion.prompt {
                Prompt::Text(text) => see(text),
                Prompt::Texts(several) => several.iter().for_each(|text| see(text)),
                Prompt::Tokens(_) | Prompt::TokenLists(_) => {}
            }
            completion.suffix.iter().for_each(|text| see(text));
            of_extra(&completion.extra, see);
        }
        Request::Embedding(embedding) => {
            match &embedding.input {
                EmbeddingInput::Text(text) => see(text),
                EmbeddingInput::Texts(several) => several.iter().for_each(|text| see(text)),
                _ => {}
            }
            of_extra(&embedding.extra, see);
        }
        Request::Rerank(rerank) => {
            see(&rerank.query);
            rerank.documents.iter().for_each(|text| of_json(text, see));
            of_extra(&rerank.extra, see);
        }
        _ => {}
    }
}

fn of_chat(chat: &ChatRequest, see: &mut dyn FnMut(&str)) {
    for message in &chat.messages {
        let Message {
            name, parts, extra, ..
        } = message;
        if let Some(name) = name {
            see(name);
        }
        of_parts(parts, see);
        of_extra(extra, see);
    }
    for tool in chat.tools.iter().flatten() {
        of_tool(tool, see);
    }
    chat.user.iter().for_each(|user| see(user));
    for (name, note) in chat.metadata.iter().flatten() {
        see(name);
        of_json(note, see);
    }
    of_extra(&chat.extra, see);
}

fn of_tool(tool: &Tool, see: &mut dyn FnMut(&str)) {
    match tool {
        Tool::Function(function) => {
            see(&function.name);
            function.description.iter().for_each(|text| see(text));
            function
                .parameters
                .iter()
                .for_each(|schema| of_json(schema, see));
        }
        Tool::Opaque { value, .. } => of_json(value, see),
        // There is no third kind.
        _ => {}
    }
}

fn of_parts(parts: &[Part], see: &mut dyn FnMut(&str)) {
    for part in parts {
        match &part.content {
            Content::Text { text, .. }
            | Content::Thinking { text, .. }
            | Content::Refusal(text) => see(text),
            Content::ToolCall(call) => see(&call.arguments),
            Content::ToolResult(result) => of_parts(&result.parts, see),
            Content::Document {
                media,
                title,
                context,
                ..
            } => {
                if let Media::Text(text) = media {
                    see(text);
                }
                title.iter().chain(context).for_each(|text| see(text));
            }
            Content::Opaque { value, .. } => of_json(value, see),
            _ => {}
        }
        of_extra(&part.extra, see);
    }
}

/// Fields that only one dialect knows: a prediction, for instance.
fn of_extra(extra: &Extra, see: &mut dyn FnMut(&str)) {
    for field in extra.fields().values() {
        of_json(field, see);
    }
}

/// Every text in a value that is not understood.
fn of_json(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| of_json(item, see)),
        Value::Object(fields) => fields.values().for_each(|field| of_json(field, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
