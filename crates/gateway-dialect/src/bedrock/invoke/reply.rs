//! Completions in: a piece of an answer, whole or streamed, in each vendor's words.

use gateway_schema::chat::{Content, Finish, FinishReason};
use gateway_schema::completion::{CompletionChoice, CompletionResponse};
use gateway_schema::{CallError, Usage};
use serde_json::Value;

use super::super::response::decode_chat;
use super::super::{error, unreadable};
use super::{Counts, Vendor};
use crate::node;

/// Reads a whole completion.
///
/// # Errors
/// Of origin upstream: an error in place of a completion, or something that is not one.
pub fn decode_completion(
    vendor: Vendor,
    body: &[u8],
    counts: Counts,
) -> Result<CompletionResponse, CallError> {
    let mut response = CompletionResponse::default();
    if vendor == Vendor::Nova {
        let reply = decode_chat(body)?;
        response.usage = reply.usage;
        response.choices = reply.choices.into_iter().map(by_chat).collect();
        return Ok(response);
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    let answers = match vendor {
        Vendor::Titan => value.get("results"),
        Vendor::Ai21 => value.get("completions"),
        Vendor::Cohere => value.get("generations"),
        Vendor::Mistral => value.get("outputs"),
        _ => None,
    };
    let answers: Vec<&Value> = match answers.and_then(Value::as_array) {
        Some(answers) => answers.iter().collect(),
        None => vec![&value],
    };
    let mut choices = Vec::with_capacity(answers.len());
    for (index, answer) in (0..).zip(answers) {
        let Some(text) = text(vendor, answer) else {
            if value.get("message").is_some() {
                return Err(error::inside_good_status(&value));
            }
            return Err(unreadable("answer", "it has no completion"));
        };
        let mut choice = CompletionChoice::default();
        choice.index = index;
        text.clone_into(&mut choice.text);
        choice.finish = finish(vendor, answer);
        choices.push(choice);
    }
    response.choices = choices;
    response.id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    response.usage = usage(&value, counts);
    Ok(response)
}

fn by_chat(answer: gateway_schema::chat::Choice) -> CompletionChoice {
    let mut choice = CompletionChoice::default();
    choice.finish = answer.finish;
    for part in answer.parts {
        if let Content::Text { text, .. } = part.content {
            choice.text.push_str(&text);
        }
    }
    choice
}

/// The text of an answer or of a piece of one.
pub(super) fn text(vendor: Vendor, answer: &Value) -> Option<&str> {
    let at = match vendor {
        Vendor::Titan => "/outputText",
        Vendor::Ai21 => "/data/text",
        Vendor::Cohere | Vendor::Mistral => "/text",
        Vendor::Llama => "/generation",
        Vendor::Claude => "/completion",
        Vendor::Nova => return None,
    };
    answer.pointer(at).and_then(Value::as_str)
}

/// Why an answer ended, if it says.
pub(super) fn finish(vendor: Vendor, answer: &Value) -> Option<Finish> {
    let at = match vendor {
        Vendor::Titan => "/completionReason",
        Vendor::Ai21 => "/finishReason/reason",
        Vendor::Cohere => "/finish_reason",
        _ => "/stop_reason",
    };
    let raw = answer.pointer(at)?.as_str()?;
    let reason = match raw.to_ascii_lowercase().as_str() {
        "finish" | "finished" | "complete" | "stop" | "endoftext" | "end_turn" => {
            FinishReason::Stop
        }
        "stop_sequence" | "stop_criteria_met" => FinishReason::StopSequence,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filtered" | "error_toxic" => FinishReason::ContentFilter,
        "error" => FinishReason::Error,
        _ => FinishReason::Other,
    };
    Some(Finish::with_raw(reason, raw))
}

/// Consumption, from wherever it is stated.
pub(super) fn usage(body: &Value, counts: Counts) -> Option<Usage> {
    let at = |path: &str| body.pointer(path).and_then(node::count);
    let metrics = "/amazon-bedrock-invocationMetrics";
    let input = at(&format!("{metrics}/inputTokenCount"))
        .or(counts.input)
        .or_else(|| at("/inputTextTokenCount"))
        .or_else(|| at("/prompt_token_count"));
    let tokens = || {
        let results = body.get("results")?.as_array()?;
        results.iter().try_fold(0_u64, |sum, result| {
            Some(sum.saturating_add(node::count(result.get("tokenCount")?)?))
        })
    };
    let output = at(&format!("{metrics}/outputTokenCount"))
        .or(counts.output)
        .or_else(|| at("/generation_token_count"))
        .or_else(tokens);
    if input.is_none() && output.is_none() {
        return None;
    }
    let mut usage = Usage::default();
    usage.input_tokens = input;
    usage.output_tokens = output;
    Some(usage)
}
