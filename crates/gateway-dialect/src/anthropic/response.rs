//! Whole replies, both ways.

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Content};
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::block::{Block, BlockOut, BlockWriter};
use super::error::{self, ErrorIn};
use super::finish;
use super::usage::{UsageIn, UsageOut};
use crate::ReplyInfo;
use crate::calls::with_ids;

#[derive(Deserialize)]
struct MessageIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    model: Option<String>,
    #[serde(rename = "role")]
    _role: Option<Value>,
    content: Option<Vec<Block>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: Option<UsageIn>,
    error: Option<ErrorIn>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Reads a reply of the Messages API.
///
/// # Errors
/// Of origin upstream: an error in place of a message, or something that is not a message.
pub fn decode_chat(body: &[u8]) -> Result<ChatResponse, CallError> {
    let message: MessageIn = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = message.error {
        return Err(error::inside_good_status(error));
    }
    let Some(blocks) = message.content else {
        return Err(without_content().with_detail(format!("type: {:?}", message.kind)));
    };
    let mut choice = Choice::default();
    choice.parts = blocks.into_iter().map(|Block(part)| part).collect();
    choice.finish = Some(finish::read(message.stop_reason, message.stop_sequence));
    let mut extra = message.extra;
    extra.retain(|_, value| !value.is_null());
    let mut response = ChatResponse::default();
    response.id = message.id;
    response.model = message.model;
    response.choices = vec![choice];
    response.usage = message.usage.map(UsageIn::into_usage);
    response.extra = Extra::of(Dialect::ANTHROPIC, extra);
    Ok(response)
}

/// Reads the facts of a reply whose bytes go to a client of this dialect as they are. Content is skipped, not read.
///
/// # Errors
/// As [`decode_chat`].
pub fn observe_chat(body: &[u8]) -> Result<Facts, CallError> {
    #[derive(Deserialize)]
    struct Seen {
        id: Option<String>,
        model: Option<String>,
        content: Option<IgnoredAny>,
        stop_reason: Option<String>,
        stop_sequence: Option<String>,
        usage: Option<UsageIn>,
        error: Option<ErrorIn>,
    }
    let seen: Seen = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = seen.error {
        return Err(error::inside_good_status(error));
    }
    if seen.content.is_none() {
        return Err(without_content());
    }
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.finish = Some(finish::read(seen.stop_reason, seen.stop_sequence).reason);
    facts.usage = seen.usage.map(|usage| Box::new(usage.into_usage()));
    facts.model = seen.model;
    facts.id = seen.id;
    crate::generated::count(body, &mut facts);
    Ok(facts)
}

fn without_content() -> CallError {
    CallError::upstream(ErrorKind::Upstream, "The provider's reply has no content.")
}

/// Reads the number of tokens that `count_tokens` replies with.
///
/// # Errors
/// Of origin upstream, when there is none.
pub fn decode_count(body: &[u8]) -> Result<u64, CallError> {
    #[derive(Deserialize)]
    struct CountIn {
        input_tokens: u64,
    }
    let count: CountIn = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Ok(count.input_tokens)
}

pub(super) fn unreadable(error: &serde_json::Error) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider sent a reply that cannot be read.",
    )
    .with_detail(error.to_string())
}

#[derive(Serialize)]
struct MessageOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<BlockOut<'a>>,
    stop_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<Value>,
    stop_sequence: Option<&'a str>,
    usage: UsageOut<'a>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// Writes a message. Of several answers the first is written.
///
/// # Errors
/// Never in practice: everything written is JSON.
pub(super) fn encode_chat(
    response: &ChatResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    if response.choices.len() > 1 {
        losses.dropped("choices[1]", "an Anthropic reply is one answer");
    }
    report_foreign(&response.extra, "", losses);
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    report_foreign(&choice.extra, "choices[0].", losses);
    if choice.logprobs.is_some() {
        losses.dropped(
            "choices[0].logprobs",
            "Anthropic has no token probabilities",
        );
    }
    let parts = with_ids(&choice.parts, |_, number| {
        format!("toolu_{}_{number}", info.id)
    });
    let mut writer = BlockWriter { losses };
    let mut has_calls = false;
    let mut content = Vec::with_capacity(choice.parts.len());
    let mut refusal = String::new();
    for (index, part) in parts.iter().enumerate() {
        has_calls |= matches!(part.content, Content::ToolCall(_));
        // Clients send a block back with the next turn, and the API refuses empty text.
        if matches!(&part.content, Content::Text { text, .. } if text.is_empty()) {
            continue;
        }
        if let Content::Refusal(text) = &part.content {
            refusal.push_str(text);
            continue;
        }
        content.extend(BlockWriter::proof(part));
        content.extend(writer.reply(part, &|| format!("choices[0].content[{index}]")));
    }
    let fallback;
    let id = match response.id.as_deref() {
        Some(id) if !id.is_empty() => id,
        _ => {
            fallback = format!("msg_{}", info.id);
            &fallback
        }
    };
    let unknown = gateway_schema::Usage::default();
    let body = MessageOut {
        id,
        kind: "message",
        role: "assistant",
        model: response.model.as_deref().unwrap_or(&info.model),
        content,
        stop_reason: if refusal.is_empty() {
            finish::write(choice.finish.as_ref(), has_calls)
        } else {
            "refusal"
        },
        stop_details: (!refusal.is_empty()).then(|| finish::refusal_details(&refusal)),
        stop_sequence: choice
            .finish
            .as_ref()
            .and_then(|finish| finish.stop_sequence.as_deref()),
        usage: UsageOut::of(response.usage.as_ref().unwrap_or(&unknown)),
        extra: response.extra.for_dialect(Dialect::ANTHROPIC),
    };
    crate::node::to_bytes(&body)
}

fn report_foreign(extra: &Extra, prefix: &str, losses: &mut Losses) {
    if let Some(dialect) = extra.dialect()
        && dialect != Dialect::ANTHROPIC
    {
        for key in extra.fields().keys() {
            losses.dropped(
                format!("{prefix}{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}
