//! Replies of chat out.

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Content, Part, ToolCall};
use gateway_schema::{CallError, Dialect, Extra, Losses};
use serde_json::{Map, Value, json};

use super::super::{citation, finish, put, usage};
use crate::ReplyInfo;
use crate::node::to_bytes;

/// Why what belongs to other providers stays behind.
pub(super) const NO_SIGNATURE: &str = "Cohere has no place for proofs of other providers";
pub(super) const NO_HIDDEN: &str = "Cohere has no encrypted reasoning";
pub(super) const NO_TOKEN_IDS: &str = "the ids of tokens are not known";

/// Writes a reply. Of several answers the first is written.
pub(super) fn encode(
    response: &ChatResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    if response.choices.len() > 1 {
        losses.dropped("choices[1]", "a reply of Cohere's is one answer");
    }
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    report_foreign(&choice.extra, "choices[0].", losses);
    let mut body = Map::new();
    let id = response.id.as_deref().unwrap_or(&info.id);
    put(&mut body, "id", Some(id));
    let (message, has_calls) = message(&choice.parts, losses);
    body.insert("message".to_owned(), message);
    let reason = finish::write(choice.finish.as_ref(), has_calls);
    put(&mut body, "finish_reason", Some(reason));
    put(
        &mut body,
        "usage",
        response.usage.as_ref().map(usage::write),
    );
    if let Some(stated) = &choice.logprobs {
        let pieces = logprobs(stated);
        if !pieces.is_empty() {
            losses.approximated("choices[0].logprobs", NO_TOKEN_IDS);
        }
        put(
            &mut body,
            "logprobs",
            (!pieces.is_empty()).then_some(pieces),
        );
    }
    finish_body(&mut body, &response.extra, losses);
    to_bytes(&body)
}

/// Adds what belongs to this dialect; reports what belongs to another.
pub(in super::super) fn finish_body(
    body: &mut Map<String, Value>,
    extra: &Extra,
    losses: &mut Losses,
) {
    match extra.for_dialect(Dialect::COHERE) {
        Some(own) => {
            for (key, value) in own {
                body.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        None => report_foreign(extra, "", losses),
    }
}

fn report_foreign(extra: &Extra, prefix: &str, losses: &mut Losses) {
    if let Some(dialect) = extra.dialect()
        && dialect != Dialect::COHERE
    {
        for key in extra.fields().keys() {
            losses.dropped(
                format!("{prefix}{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}

/// The message, and whether it calls tools.
fn message(parts: &[Part], losses: &mut Losses) -> (Value, bool) {
    let mut content = Vec::new();
    let mut calls = Vec::new();
    let mut cited = Vec::new();
    let mut citations = citation::Writer::default();
    for (index, part) in parts.iter().enumerate() {
        let at = || format!("choices[0].content[{index}]");
        if part.signature.is_some() {
            losses.dropped(format!("{}.signature", at()), NO_SIGNATURE);
        }
        match &part.content {
            Content::Text {
                text,
                citations: sources,
            } => {
                for source in sources {
                    cited.extend(citations.write(source, text, content.len()));
                }
                content.push(json!({"type": "text", "text": text}));
            }
            Content::Thinking { text, .. } => {
                content.push(json!({"type": "thinking", "thinking": text}));
            }
            Content::Refusal(text) => {
                losses.approximated(at(), "a refusal is sent as the text it is");
                content.push(json!({"type": "text", "text": text}));
            }
            Content::ToolCall(call) => calls.push(tool_call(call, calls.len())),
            Content::Opaque { dialect, value } if *dialect == Dialect::COHERE => {
                content.push(value.clone());
            }
            Content::RedactedThinking { .. } => losses.dropped(at(), NO_HIDDEN),
            _ => losses.dropped(at(), "Cohere sends no such part"),
        }
    }
    let has_calls = !calls.is_empty();
    if content.is_empty() && !has_calls {
        content.push(json!({"type": "text", "text": ""}));
    }
    let mut message = Map::new();
    put(&mut message, "role", Some("assistant"));
    for (key, list) in [
        ("content", content),
        ("tool_calls", calls),
        ("citations", cited),
    ] {
        put(&mut message, key, (!list.is_empty()).then_some(list));
    }
    (Value::Object(message), has_calls)
}

fn tool_call(call: &ToolCall, number: usize) -> Value {
    let arguments = if call.arguments.trim().is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    json!({
        "id": call_id(call.id.as_deref(), &call.name, number),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    })
}

/// The id of a call; some providers give none, and clients demand one.
pub(super) fn call_id(id: Option<&str>, name: &str, number: usize) -> String {
    match id {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{name}_{number}"),
    }
}

/// Token probabilities; their canonical form is OpenAI's.
pub(super) fn logprobs(stated: &Value) -> Vec<Value> {
    let tokens = stated.get("content").and_then(Value::as_array);
    tokens
        .into_iter()
        .flatten()
        .filter_map(|token| {
            let text = token.get("token")?.as_str()?;
            let number = token.get("logprob")?.as_f64()?;
            Some(json!({"text": text, "token_ids": [], "logprobs": [number]}))
        })
        .collect()
}
