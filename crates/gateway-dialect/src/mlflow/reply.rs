//! Replies: the canonical form as MLflow's schemas, nulls present, keys in order.

use gateway_schema::chat::{
    ChatResponse, Choice, Content, Finish, FinishReason, Part, Signature, ToolCall,
};
use gateway_schema::completion::CompletionResponse;
use gateway_schema::embedding::{EmbeddingResponse, Vector};
use gateway_schema::{Dialect, Losses, Usage};
use serde_json::{Map, Value, json};

use crate::ReplyInfo;

/// A chat reply.
pub(super) fn chat(reply: &ChatResponse, info: &ReplyInfo, losses: &mut Losses) -> Value {
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| chat_choice(index, choice, info, losses))
        .collect();
    let mut body = json!({
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created.unwrap_or(info.created),
        "model": reply.model.as_ref().unwrap_or(&info.model),
        "choices": choices,
        "usage": usage(reply.usage.as_ref()),
        "provider": info.provider,
    });
    set(&mut body, "service_tier", reply.service_tier.as_ref());
    let fingerprint = reply.system_fingerprint.as_ref();
    set(&mut body, "system_fingerprint", fingerprint);
    lose_all(&reply.extra, "", losses);
    body
}

fn set<T: Clone + Into<Value>>(body: &mut Value, name: &str, value: Option<&T>) {
    if let (Value::Object(fields), Some(value)) = (body, value) {
        fields.insert(name.to_owned(), value.clone().into());
    }
}

fn lose_all(extra: &gateway_schema::Extra, path: &str, losses: &mut Losses) {
    for name in extra.fields().keys() {
        losses.dropped(
            format!("{path}{name}"),
            "MLflow's format has no place for it",
        );
    }
}

/// What a message holds, part by part.
#[derive(Default)]
struct Spoken {
    text: Option<String>,
    thinking: Option<String>,
    refusal: Option<String>,
    calls: Vec<Value>,
}

fn chat_choice(index: usize, choice: &Choice, info: &ReplyInfo, losses: &mut Losses) -> Value {
    let mut spoken = Spoken::default();
    for (place, part) in choice.parts.iter().enumerate() {
        let path = format!("choices[{index}].parts[{place}]");
        hear(part, &path, info, &mut spoken, losses);
    }
    let calls = if spoken.calls.is_empty() {
        Value::Null
    } else {
        Value::Array(spoken.calls)
    };
    let mut message = json!({
        "role": "assistant",
        "content": spoken.text,
        "tool_calls": calls,
        "refusal": spoken.refusal,
    });
    set(&mut message, "reasoning_content", spoken.thinking.as_ref());
    let mut out = json!({
        "index": index,
        "message": message,
        "finish_reason": choice.finish.as_ref().map(finish_word),
    });
    set(&mut out, "logprobs", choice.logprobs.as_ref());
    lose_all(&choice.extra, &format!("choices[{index}]."), losses);
    out
}

fn hear(part: &Part, path: &str, info: &ReplyInfo, spoken: &mut Spoken, losses: &mut Losses) {
    let mut signed = part.signature.as_ref();
    match &part.content {
        Content::Text { text, citations } => {
            spoken.text.get_or_insert_default().push_str(text);
            if !citations.is_empty() {
                losses.dropped(
                    format!("{path}.citations"),
                    "MLflow's format has no citations",
                );
            }
        }
        Content::Thinking { text, .. } => {
            spoken.thinking.get_or_insert_default().push_str(text);
        }
        Content::Refusal(text) => spoken.refusal.get_or_insert_default().push_str(text),
        Content::ToolCall(call) => {
            let number = spoken.calls.len();
            let signature = thought_signature(signed.take());
            spoken.calls.push(tool_call(call, number, signature, info));
        }
        _ => losses.dropped(path, "MLflow's format has no such part"),
    }
    if signed.is_some() {
        losses.dropped(
            format!("{path}.signature"),
            "MLflow's format has signatures on tool calls only",
        );
    }
}

/// The proof that Gemini wants back with a call.
pub(super) fn thought_signature(signature: Option<&Signature>) -> Option<&str> {
    signature
        .filter(|proof| proof.dialect == Dialect::GEMINI)
        .map(|proof| proof.value.as_str())
}

fn tool_call(call: &ToolCall, number: usize, signature: Option<&str>, info: &ReplyInfo) -> Value {
    let id = call.id.clone().unwrap_or_else(|| call_id(info, number));
    let mut out = json!({
        "id": id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    });
    set(
        &mut out,
        "thought_signature",
        signature.map(str::to_owned).as_ref(),
    );
    out
}

/// An id for a call whose provider gives none.
pub(super) fn call_id(info: &ReplyInfo, number: usize) -> String {
    format!("call_{}{number}", info.id)
}

/// Reasons that MLflow hands on as they are: those of Cohere's streams (recorded: `cohere-chat-stream`).
const AS_THEY_ARE: [&str; 5] = [
    "COMPLETE",
    "ERROR_LIMIT",
    "ERROR_TOXIC",
    "MAX_TOKENS",
    "USER_CANCEL",
];

/// The finish reason in OpenAI's words, the provider's own in lower case where there is none.
pub(super) fn finish_word(finish: &Finish) -> String {
    let raw = || finish.raw.as_deref().map(str::to_ascii_lowercase);
    let word = match finish.reason {
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Refusal => "content_filter",
        FinishReason::ContentFilter => {
            return raw().unwrap_or_else(|| "content_filter".to_owned());
        }
        FinishReason::Other => {
            return match &finish.raw {
                Some(word) if AS_THEY_ARE.contains(&word.as_str()) => word.clone(),
                _ => raw().unwrap_or_else(|| "stop".to_owned()),
            };
        }
        FinishReason::Error => "error",
        _ => "stop",
    };
    word.to_owned()
}

/// Token counts of chat and completions: the three figures always, the rest as far as known.
pub(super) fn usage(usage: Option<&Usage>) -> Value {
    let Some(usage) = usage else {
        return json!({ "prompt_tokens": null, "completion_tokens": null, "total_tokens": null });
    };
    let known = usage.input_tokens.is_some() || usage.output_tokens.is_some();
    let total = usage.total_tokens.or(known.then(|| usage.total()));
    let mut out = json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": total,
    });
    let input = [
        ("cached_tokens", usage.cache_read_tokens),
        ("audio_tokens", usage.input_audio_tokens),
    ];
    let output = [
        ("reasoning_tokens", usage.reasoning_tokens),
        ("audio_tokens", usage.output_audio_tokens),
    ];
    details(&mut out, "prompt_tokens_details", &input);
    details(&mut out, "completion_tokens_details", &output);
    for (name, value) in &usage.extra {
        add_extra(&mut out, name, value);
    }
    let written = usage.cache_write_tokens.as_ref();
    set(&mut out, "cache_creation_input_tokens", written);
    out
}

/// A provider's own figure; details join the ones that are there, and what is stated above stays.
fn add_extra(out: &mut Value, name: &str, value: &Value) {
    let Value::Object(fields) = out else { return };
    match (fields.get_mut(name), value) {
        (Some(Value::Object(known)), Value::Object(more)) => {
            for (name, value) in more {
                known.entry(name).or_insert_with(|| value.clone());
            }
        }
        (Some(_), _) => {}
        (None, _) => {
            fields.insert(name.to_owned(), value.clone());
        }
    }
}

fn details(out: &mut Value, name: &str, figures: &[(&str, Option<u64>)]) {
    let known: Map<String, Value> = figures
        .iter()
        .filter_map(|(name, figure)| Some(((*name).to_owned(), Value::from((*figure)?))))
        .collect();
    if !known.is_empty() {
        set(out, name, Some(&known));
    }
}

/// A completions reply.
pub(super) fn completion(
    reply: &CompletionResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Value {
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let mut out = json!({
                "index": index,
                "text": choice.text,
                "finish_reason": choice.finish.as_ref().map(finish_word),
            });
            set(&mut out, "logprobs", choice.logprobs.as_ref());
            lose_all(&choice.extra, &format!("choices[{index}]."), losses);
            out
        })
        .collect();
    lose_all(&reply.extra, "", losses);
    json!({
        "id": reply.id,
        "object": "text_completion",
        "created": reply.created.unwrap_or(info.created),
        "model": reply.model.as_ref().unwrap_or(&info.model),
        "choices": choices,
        "usage": usage(reply.usage.as_ref()),
    })
}

/// An embeddings reply.
pub(super) fn embedding(reply: &EmbeddingResponse, info: &ReplyInfo, losses: &mut Losses) -> Value {
    let data: Vec<Value> = reply
        .embeddings
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let vector = match &one.vector {
                Vector::Floats(floats) => Value::from(floats.clone()),
                Vector::Base64(text) => Value::from(text.clone()),
            };
            json!({ "object": "embedding", "embedding": vector, "index": index })
        })
        .collect();
    lose_all(&reply.extra, "", losses);
    let usage = reply.usage.as_ref();
    json!({
        "object": "list",
        "data": data,
        "model": reply.model.as_ref().unwrap_or(&info.model),
        "usage": {
            "prompt_tokens": usage.and_then(|it| it.input_tokens),
            "total_tokens": usage.and_then(|it| it.total_tokens.or(it.input_tokens)),
        },
    })
}
