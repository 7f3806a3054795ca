//! Whole replies out.

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Citation, Content, Part};
use gateway_schema::{CallError, Dialect, Extra, Losses, Mapping};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::finish;
use super::super::model::Traits;
use super::super::part::{PartOut, PartWriter, Side};
use super::super::usage::UsageOut;
use crate::ReplyInfo;
use crate::node::to_bytes;

/// A reply, or a piece of a streamed one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<CandidateOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageOut<'a>>,
    model_version: &'a str,
    response_id: &'a str,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// One answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    index: u32,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What the model says.
#[derive(Serialize)]
struct ContentOut<'a> {
    parts: Vec<PartOut<'a>>,
    role: &'static str,
}

/// Writes a reply.
///
/// # Errors
/// Never in practice: everything written is JSON.
pub(in super::super) fn encode_chat(
    response: &ChatResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    report_foreign(&response.extra, "", losses);
    let own = response.extra.for_dialect(Dialect::GEMINI);
    let is_blocked = own.is_some_and(|extra| extra.contains_key("promptFeedback"))
        && matches!(response.choices.as_slice(), [choice] if choice.parts.is_empty());
    let mut candidates = Vec::with_capacity(response.choices.len());
    if !is_blocked {
        for choice in &response.choices {
            candidates.push(candidate(choice, losses)?);
        }
    }
    let body = ReplyOut {
        candidates: (!candidates.is_empty()).then_some(candidates),
        usage_metadata: response.usage.as_ref().map(UsageOut::of),
        model_version: response.model.as_deref().unwrap_or(&info.model),
        response_id: response
            .id
            .as_deref()
            .filter(|id| !id.is_empty())
            .unwrap_or(&info.id),
        extra: own,
    };
    to_bytes(&body)
}

fn candidate<'a>(choice: &'a Choice, losses: &mut Losses) -> Result<CandidateOut<'a>, CallError> {
    let index = choice.index;
    report_foreign(&choice.extra, &format!("choices[{index}]."), losses);
    let mut extra = choice
        .extra
        .for_dialect(Dialect::GEMINI)
        .cloned()
        .unwrap_or_default();
    let mut parts = Vec::with_capacity(choice.parts.len());
    let mut writer = PartWriter {
        losses,
        traits: Traits::default(),
        mapping: Mapping::Faithful,
        side: Side::Reply,
        ids: true,
    };
    for (place, part) in choice.parts.iter().enumerate() {
        if let Some(fields) = candidate_fields(part) {
            extra.extend(fields.clone());
            continue;
        }
        let path = || format!("choices[{index}].content[{place}]");
        writer.write(part, &path, &|_| None, &mut parts)?;
    }
    cite(choice, &mut extra, writer.losses);
    if let Some(logprobs) = &choice.logprobs {
        extra.insert("logprobsResult".to_owned(), logprobs_result(logprobs));
    }
    Ok(CandidateOut {
        content: (!parts.is_empty() || !extra.contains_key("finishMessage")).then_some(
            ContentOut {
                parts,
                role: "model",
            },
        ),
        finish_reason: Some(finish::write(choice.finish.as_ref())),
        index,
        extra,
    })
}

/// Fields of the answer itself that came in the middle of a stream.
fn candidate_fields(part: &Part) -> Option<&Map<String, Value>> {
    match &part.content {
        Content::Opaque { dialect, value } if *dialect == Dialect::GEMINI => {
            value.get("candidate")?.as_object()
        }
        _ => None,
    }
}

/// Sources of another provider's answer. Gemini's own stand in its metadata.
fn cite(choice: &Choice, extra: &mut Map<String, Value>, losses: &mut Losses) {
    if extra.contains_key("groundingMetadata") || extra.contains_key("citationMetadata") {
        return;
    }
    let sources: Vec<Value> = choice
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text { citations, .. } => Some(citations),
            _ => None,
        })
        .flatten()
        .map(source)
        .collect();
    if !sources.is_empty() {
        losses.approximated(
            format!("choices[{}].citations", choice.index),
            "the sources of the whole answer stand together",
        );
        extra.insert(
            "citationMetadata".to_owned(),
            json!({ "citationSources": sources }),
        );
    }
}

/// One source.
pub(in super::super) fn source(citation: &Citation) -> Value {
    let mut out = Map::new();
    if let Some((start, end)) = citation.span {
        out.insert("startIndex".to_owned(), start.into());
        out.insert("endIndex".to_owned(), end.into());
    }
    for (key, text) in [("uri", &citation.url), ("title", &citation.title)] {
        if let Some(text) = text {
            out.insert(key.to_owned(), text.as_str().into());
        }
    }
    Value::Object(out)
}

/// Token probabilities in Gemini's form.
pub(in super::super) fn logprobs_result(logprobs: &Value) -> Value {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let entry = |token: &Value| json!({"token": token.get("token"), "logProbability": token.get("logprob")});
    let tokens = list(logprobs, "content");
    let chosen: Vec<Value> = tokens.iter().map(entry).collect();
    let tops: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let top: Vec<Value> = list(token, "top_logprobs").iter().map(entry).collect();
            json!({ "candidates": top })
        })
        .collect();
    json!({ "chosenCandidates": chosen, "topCandidates": tops })
}

/// Reports fields that only another dialect knows.
pub(in super::super) fn report_foreign(extra: &Extra, prefix: &str, losses: &mut Losses) {
    if let Some(dialect) = extra.dialect()
        && dialect != Dialect::GEMINI
    {
        for key in extra.fields().keys() {
            losses.dropped(
                format!("{prefix}{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}
