//! Whole replies, both ways.

use super::set;
use crate::calls::with_ids;
use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Content};
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, Extra, Losses};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::block::{self, BlockWriter};
use super::model::Traits;
use super::usage::{self, UsageIn};
use super::{error, finish, unreadable};
use crate::node::to_bytes;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyIn {
    output: Option<Output>,
    stop_reason: Option<String>,
    usage: Option<UsageIn>,
    service_tier: Option<Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct Output {
    message: Option<MessageIn>,
}

#[derive(Deserialize)]
struct MessageIn {
    #[serde(default)]
    content: Option<Vec<Value>>,
}

/// Reads a reply of Converse.
///
/// # Errors
/// Of origin upstream: an error in place of a reply, or something that is not a reply.
pub fn decode_chat(body: &[u8]) -> Result<ChatResponse, CallError> {
    let mut reply: ReplyIn =
        serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    let Some(message) = reply.output.take().and_then(|output| output.message) else {
        return Err(no_message(body));
    };
    let mut choice = Choice::default();
    choice.parts = block::parts(message.content.unwrap_or_default());
    choice.finish = Some(finish::read(reply.stop_reason));
    let mut response = ChatResponse::default();
    response.choices = vec![choice];
    response.usage = reply.usage.map(UsageIn::into_usage);
    response.service_tier = reply.service_tier.as_ref().and_then(tier);
    reply
        .extra
        .retain(|key, value| key != "metrics" && !value.is_null());
    response.extra = Extra::of(Dialect::BEDROCK, reply.extra);
    Ok(response)
}

pub(super) fn tier(value: &Value) -> Option<String> {
    value.get("type").and_then(Value::as_str).map(str::to_owned)
}

fn no_message(body: &[u8]) -> CallError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let inner = value.get("Output").unwrap_or(&value);
    if inner.get("message").is_some() || inner.get("__type").is_some() {
        return error::inside_good_status(inner);
    }
    unreadable("answer", "it has no output.message")
}

/// Reads the facts of a reply that is forwarded as it is.
///
/// # Errors
/// As [`decode_chat`].
pub fn observe_chat(body: &[u8]) -> Result<Facts, CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Seen {
        output: Option<SeenOutput>,
        stop_reason: Option<String>,
        usage: Option<UsageIn>,
    }
    #[derive(Deserialize)]
    struct SeenOutput {
        message: Option<IgnoredAny>,
    }
    let seen: Seen = serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    if seen.output.and_then(|output| output.message).is_none() {
        return Err(no_message(body));
    }
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.finish = Some(finish::read(seen.stop_reason).reason);
    facts.usage = seen.usage.map(|usage| Box::new(usage.into_usage()));
    crate::generated::count(body, &mut facts);
    Ok(facts)
}

/// Reads a reply of CountTokens.
///
/// # Errors
/// Of origin upstream, when it is not one.
pub fn decode_count(body: &[u8]) -> Result<u64, CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        input_tokens: u64,
    }
    serde_json::from_slice::<Count>(body)
        .map(|count| count.input_tokens)
        .map_err(|error| unreadable("answer", error))
}

/// Writes a reply. Of several answers the first is written.
///
/// # Errors
/// Never in practice: everything written is JSON.
pub(super) fn encode_chat(
    response: &ChatResponse,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    if response.choices.len() > 1 {
        losses.dropped("choices[1]", "a Converse reply is one answer");
    }
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    report_foreign(&response.extra, "", losses);
    report_foreign(&choice.extra, "choices[0].", losses);
    if choice.logprobs.is_some() {
        losses.dropped("choices[0].logprobs", "Converse has no token probabilities");
    }
    let parts = with_ids(&choice.parts, |call, number| {
        format!("tooluse_{}_{number}", call.name)
    });
    let mut writer = BlockWriter {
        losses,
        traits: Traits::of(""),
        mlflow: false,
        documents: 0,
    };
    let mut content = Vec::with_capacity(choice.parts.len());
    let mut has_calls = false;
    for (index, part) in parts.iter().enumerate() {
        has_calls |= matches!(part.content, Content::ToolCall(_));
        content.extend(BlockWriter::proof(part));
        content.extend(writer.reply(part, &|| format!("choices[0].content[{index}]")));
    }
    usage::report(response.usage.as_ref(), losses);
    let mut body = json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": finish::write(choice.finish.as_ref(), has_calls),
        "usage": usage::write(response.usage.as_ref()),
        // Clients with types demand it.
        "metrics": {"latencyMs": 0},
    });
    if let Some(tier) = &response.service_tier {
        set(&mut body, "serviceTier", json!({"type": tier}));
    }
    for (key, value) in response
        .extra
        .for_dialect(Dialect::BEDROCK)
        .into_iter()
        .flatten()
    {
        set(&mut body, key.as_str(), value.clone());
    }
    to_bytes(&body)
}

fn report_foreign(extra: &Extra, prefix: &str, losses: &mut Losses) {
    if let Some(dialect) = extra.dialect()
        && dialect != Dialect::BEDROCK
    {
        for key in extra.fields().keys() {
            losses.dropped(
                format!("{prefix}{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}
