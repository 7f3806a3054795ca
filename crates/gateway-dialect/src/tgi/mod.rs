//! Text Generation Inference in its own words: one text in (`inputs`, `parameters`), one text out (`generated_text`), in
//! streams a token each. What containers speak that know no chat: older ones of Hugging Face, AWS's Large Model Inference
//! with its own schema, models of JumpStart.
//!
//! Turns become one text by a [`Template`]; there are no tools, no pictures and one answer. Streams are server-sent events
//! or lines of JSON.
//!
//! Reference: <https://huggingface.github.io/text-generation-inference/>, the router's types, the schemas of
//! `@huggingface/tasks` 0.19, <https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html>,
//! all read 2026-11-21.

mod prompt;
mod reply;
mod request;
mod stream;

#[cfg(test)]
mod tests;

use gateway_schema::chat::{Finish, FinishReason};
use gateway_schema::{CallError, ErrorKind, Usage};
use serde_json::Value;

use crate::node;

pub use prompt::Template;
pub use reply::{decode_chat, decode_completion};
pub use request::{encode_chat, encode_completion, stops};
pub use stream::StreamDecoder;

/// Something that is not what the reference says.
fn unreadable(what: &str, detail: impl std::fmt::Display) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        format!("The provider's {what} cannot be read."),
    )
    .with_detail(detail.to_string())
}

/// Why the text ended, in the server's word.
fn finish(details: &Value) -> Option<Finish> {
    let raw = details.get("finish_reason")?.as_str()?;
    let reason = match raw {
        "length" => FinishReason::Length,
        "eos_token" | "stop" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence,
        _ => FinishReason::Other,
    };
    Some(Finish::with_raw(reason, raw))
}

/// Consumption, as far as it is stated.
fn usage(details: &Value) -> Option<Usage> {
    let count = |key: &str| details.get(key).and_then(node::count);
    let prefill = details.get("prefill").and_then(Value::as_array);
    let prefill = prefill.filter(|tokens| !tokens.is_empty());
    let mut usage = Usage::default();
    usage.output_tokens = Some(count("generated_tokens")?);
    usage.input_tokens = count("input_length")
        .or_else(|| count("prompt_tokens"))
        .or_else(|| u64::try_from(prefill?.len()).ok());
    Some(usage)
}

/// How many bytes at the end of `text` may be the beginning of a stop sequence, or are one.
fn begun(text: &str, stops: &[String]) -> usize {
    let longest = stops.iter().map(String::len).max().unwrap_or(0);
    let from = text.len().saturating_sub(longest);
    (from..text.len())
        .filter_map(|at| text.get(at..))
        .find(|end| stops.iter().any(|stop| stop.starts_with(end)))
        .map_or(0, str::len)
}

/// The text without the stop sequence that ended it: the server leaves it in.
fn without_stop<'a>(text: &'a str, finish: Option<&Finish>, stops: &[String]) -> &'a str {
    if finish.is_none_or(|it| it.reason != FinishReason::StopSequence) {
        return text;
    }
    let met = stops
        .iter()
        .filter_map(|stop| text.strip_suffix(stop.as_str()));
    met.min_by_key(|rest| rest.len()).unwrap_or(text)
}
