//! Replies in.

use gateway_schema::chat::RemoteError;
use gateway_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Usage};
use serde_json::{Map, Value};

use crate::failure::{self, ErrorDetails};
use crate::{node, ranking};

/// Under which names providers list what they ranked.
const LISTS: [&str; 3] = ["results", "data", "rankings"];
/// Under which names they tell how relevant it is.
const SCORES: [&str; 3] = ["relevance_score", "score", "logit"];

/// Reads an answer to `request`, in whatever form. The best stand first, and no more of them than were asked for;
/// documents that were asked for and are not there are taken from the request.
///
/// # Errors
/// Of origin upstream: not JSON, an error with a good status, or no results.
pub fn decode(body: &[u8], request: &RerankRequest) -> Result<RerankResponse, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let (list, fields) = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(list)) => (list, Map::new()),
        Ok(Value::Object(fields)) => listed(fields)?,
        _ => return Err(unreadable("The provider's answer is not valid JSON.")),
    };
    let mut response = RerankResponse::default();
    response.results = list
        .into_iter()
        .map(|value| result(value, request))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            unreadable("The provider's answer holds a result without an index or a score.")
        })?;
    response
        .results
        .sort_by(|one, other| other.score.total_cmp(&one.score));
    if let Some(top) = request.top_n {
        let top = usize::try_from(top).unwrap_or(usize::MAX);
        response.results.truncate(top);
    }
    rest(fields, &mut response);
    Ok(response)
}

/// What an answer says of its consumption, in whatever form: `usage` in tokens, Cohere's `meta` in searches and tokens.
///
/// # Errors
/// Of origin upstream: not JSON.
pub fn observe(body: &[u8]) -> Result<Facts, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut facts = Facts::default();
    facts.ended = true;
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(mut fields)) => {
            facts.model = fields
                .get("model")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let mut used = fields.remove("usage").and_then(usage);
            if let Some(meta) = fields.get("meta") {
                let count = |path: &str| meta.pointer(path).and_then(Value::as_f64).and_then(whole);
                let units = count("/billed_units/search_units");
                let input = count("/tokens/input_tokens");
                if units.is_some() || input.is_some() {
                    let known = used.get_or_insert_default();
                    known.search_units = units.or(known.search_units);
                    known.input_tokens = known.input_tokens.or(input);
                }
            }
            facts.usage = used.map(Box::new);
            Ok(facts)
        }
        Ok(_) => Ok(facts),
        Err(_) => Err(unreadable("The provider's answer is not valid JSON.")),
    }
}

/// A count, also when it is written `1.0`.
fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and within 2^53"
    )]
    let count = ((0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0)
        .then_some(number as u64);
    count
}

/// The list of results, and what stands beside it.
fn listed(mut fields: Map<String, Value>) -> Result<(Vec<Value>, Map<String, Value>), CallError> {
    let found = LISTS
        .iter()
        .find(|name| fields.get(**name).is_some_and(Value::is_array));
    if let Some(Value::Array(list)) = found.and_then(|name| fields.remove(*name)) {
        return Ok((list, fields));
    }
    let told = ["error", "detail", "message"]
        .iter()
        .any(|name| fields.contains_key(*name));
    if told {
        let error = RemoteError::from(ErrorDetails::from_value(&Value::Object(fields)));
        return Err(failure::error_within(Dialect::RERANK, &error));
    }
    Err(unreadable("The provider's answer has no results."))
}

fn rest(mut fields: Map<String, Value>, response: &mut RerankResponse) {
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    response.id = text(fields.remove("id"));
    response.model = text(fields.remove("model"));
    response.usage = fields.remove("usage").and_then(usage);
    let units = fields
        .get("meta")
        .and_then(|meta| meta.pointer("/billed_units/search_units"))
        .and_then(node::count);
    if units.is_some() {
        fields.remove("meta");
        response.usage.get_or_insert_default().search_units = units;
    }
    fields.remove("object");
    fields.retain(|_, value| !value.is_null());
    response.extra = Extra::of(Dialect::RERANK, fields);
}

fn unreadable(message: &'static str) -> CallError {
    CallError::upstream(ErrorKind::Upstream, message)
}

fn result(value: Value, request: &RerankRequest) -> Option<RerankResult> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let index = u32::try_from(fields.get("index")?.as_u64()?).ok()?;
    let score = SCORES.iter().find_map(|name| fields.get(*name)?.as_f64())?;
    let stated = fields
        .remove("document")
        .or_else(|| fields.remove("text"))
        .filter(|value| !value.is_null());
    Some(RerankResult {
        index,
        score,
        document: stated.or_else(|| ranking::sent(request, index)),
    })
}

fn usage(value: Value) -> Option<Usage> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let mut usage = Usage::default();
    let mut number = |name: &str| fields.remove(name).as_ref().and_then(node::count);
    let prompt = number("prompt_tokens");
    usage.total_tokens = number("total_tokens");
    usage.input_tokens = prompt.or(usage.total_tokens);
    usage.output_tokens = number("completion_tokens");
    usage.search_units = number("search_units");
    usage.extra = fields;
    Some(usage)
}
