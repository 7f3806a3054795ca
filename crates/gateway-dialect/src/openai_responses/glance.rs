//! Whole replies of the same dialect on both sides: forwarded untouched, and looked at.

use gateway_schema::chat::{FinishReason, RemoteError};
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, ErrorKind, Usage};
use serde::Deserialize;
use serde_json::Value;

use super::usage;
use crate::failure::{self, ErrorDetails};
use crate::generated;

/// What is looked for in a reply object; its content is skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Glance {
    id: Option<String>,
    model: Option<String>,
    status: Option<String>,
    error: Option<Value>,
    incomplete_details: Option<Value>,
    usage: Option<Value>,
    output: Vec<Output>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    #[serde(rename = "type")]
    kind: String,
}

impl Glance {
    /// What it says of itself.
    pub(super) fn facts(self) -> Facts {
        let mut facts = Facts::default();
        facts.finish = self.finish();
        facts.usage = self.usage().map(Box::new);
        facts.id = self.id;
        facts.model = self.model;
        facts
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().and_then(usage::read)
    }

    fn finish(&self) -> Option<FinishReason> {
        let is_call =
            |item: &Output| item.kind == "function_call" || item.kind == "custom_tool_call";
        match self.status.as_deref()? {
            "completed" if self.output.iter().any(is_call) => Some(FinishReason::ToolCalls),
            "completed" => Some(FinishReason::Stop),
            "incomplete" => {
                let why = self.incomplete_details.as_ref();
                let why = why.and_then(|why| why.get("reason")?.as_str());
                Some(match why {
                    Some("max_output_tokens") => FinishReason::Length,
                    Some("content_filter") => FinishReason::ContentFilter,
                    _ => FinishReason::Other,
                })
            }
            "failed" => Some(FinishReason::Error),
            _ => None,
        }
    }

    /// Why it failed, if it did.
    pub(super) fn failure(&self) -> Option<RemoteError> {
        let error = self.error.as_ref().filter(|error| !error.is_null());
        if error.is_none() && self.status.as_deref() != Some("failed") {
            return None;
        }
        let said = error.map(ErrorDetails::from_value).unwrap_or_default();
        Some(said.into())
    }
}

/// States what is in a whole reply: one pass, content skipped.
///
/// # Errors
/// Of origin upstream: not a JSON object, or a failure with a good status.
pub fn observe(body: &[u8]) -> Result<Facts, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let unreadable = |error: &serde_json::Error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        )
        .with_detail(error.to_string())
    };
    let glance = match serde_json::from_slice::<Glance>(body) {
        Ok(glance) => glance,
        // A field of a strange kind hides the others, but the caller gets its answer.
        Err(error) if error.is_data() => match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(_)) => Glance::default(),
            _ => return Err(unreadable(&error)),
        },
        Err(error) => return Err(unreadable(&error)),
    };
    if let Some(error) = glance.failure() {
        return Err(failure::error_within(Dialect::OPENAI_RESPONSES, &error));
    }
    let mut facts = glance.facts();
    facts.meaningful = true;
    facts.ended = true;
    generated::count(body, &mut facts);
    Ok(facts)
}
