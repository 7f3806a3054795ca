//! Destinations chosen by what the request is.

mod content;
mod parameters;
mod written;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use gateway_provider::Call;
use gateway_schema::{CallError, EndpointName};
use http::HeaderName;
use regex::Regex;
use serde_json::Value;

use crate::expected::prompt_tokens;

/// A destination chosen by what the request is.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) when: Condition,
    pub(super) to: EndpointName,
}

impl Rule {
    /// Calls for which `when` holds go to the endpoint `to`, and nowhere else.
    pub fn new(when: Condition, to: impl Into<EndpointName>) -> Self {
        Self {
            when,
            to: to.into(),
        }
    }
}

/// What must hold for a rule: everything that is stated. A condition that states nothing always holds.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    headers: Vec<(HeaderName, String)>,
    key: Vec<(String, String)>,
    over: Option<u64>,
    under: Option<u64>,
    content: Option<Regex>,
    parameters: Vec<(String, Value)>,
}

/// A text that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{pattern}' is not a regular expression: {reason}")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Condition {
    /// Nothing is stated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A header of the request has this value.
    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A fact about the caller (metadata of its key, a claim of its token) has this value, or is a list with it.
    pub fn with_key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.key.push((name.into(), value.into()));
        self
    }

    /// The prompt is estimated at more tokens than this.
    pub const fn with_tokens_over(mut self, tokens: u64) -> Self {
        self.over = Some(tokens);
        self
    }

    /// The prompt is estimated at fewer tokens than this.
    pub const fn with_tokens_under(mut self, tokens: u64) -> Self {
        self.under = Some(tokens);
        self
    }

    /// Some text of the prompt matches `pattern`. Takes time linear in the text.
    ///
    /// # Errors
    /// The pattern is no regular expression.
    pub fn with_content(mut self, pattern: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(pattern).map_err(|error| PatternError {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        })?;
        self.content = Some(regex);
        Ok(self)
    }

    /// A parameter of the request has this value. Of an object only the fields that stand in `value` matter.
    pub fn with_parameter(mut self, name: impl Into<String>, value: Value) -> Self {
        self.parameters.push((name.into(), value));
        self
    }

    /// Whether everything holds that is stated. What is cheap is looked at first; only a condition on the content, and
    /// one on a parameter that the caller's dialect spells in its own way, decode the body.
    ///
    /// # Errors
    /// The body must be decoded and cannot be: the caller's mistake. What cannot be looked at passes no rule unseen.
    fn holds(&self, question: &Question<'_>) -> Result<bool, CallError> {
        let call = question.call;
        Ok(self.headers_hold(call)
            && self.key_holds(call)
            && self.size_holds(question)
            && self.parameters_hold(call)?
            && self.content_holds(call)?)
    }

    fn headers_hold(&self, call: &Call) -> bool {
        self.headers.iter().all(|(name, expected)| {
            let mut values = call.context.headers.get_all(name).into_iter();
            values.any(|value| value.as_bytes() == expected.as_bytes())
        })
    }

    fn key_holds(&self, call: &Call) -> bool {
        let facts = &call.context.principal.metadata;
        self.key
            .iter()
            .all(|(name, expected)| match facts.get(name) {
                Some(Value::Array(several)) => several.iter().any(|fact| reads(fact, expected)),
                Some(fact) => reads(fact, expected),
                None => false,
            })
    }

    fn size_holds(&self, question: &Question<'_>) -> bool {
        if self.over.is_none() && self.under.is_none() {
            return true;
        }
        let tokens = question.tokens();
        self.over.is_none_or(|over| tokens > over) && self.under.is_none_or(|under| tokens < under)
    }

    fn parameters_hold(&self, call: &Call) -> Result<bool, CallError> {
        for (name, expected) in &self.parameters {
            if !parameters::has(call, name, expected)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn content_holds(&self, call: &Call) -> Result<bool, CallError> {
        match &self.content {
            None => Ok(true),
            Some(pattern) => content::any(call, |text| pattern.is_match(text)),
        }
    }
}

/// Whether a fact is what the configuration, which knows texts only, writes so.
fn reads(fact: &Value, expected: &str) -> bool {
    match fact {
        Value::String(text) => text == expected,
        Value::Bool(flag) => expected == if *flag { "true" } else { "false" },
        Value::Number(number) => number.to_string() == expected,
        _ => false,
    }
}

/// The number of the first rule that holds.
///
/// # Errors
/// A rule looks at what cannot be decoded.
pub(super) fn first<'a>(
    conditions: impl Iterator<Item = &'a Condition>,
    call: &Call,
) -> Result<Option<usize>, CallError> {
    let question = Question {
        call,
        tokens: OnceCell::new(),
    };
    for (number, condition) in conditions.enumerate() {
        if condition.holds(&question)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// A call, with what several rules may ask about it.
struct Question<'a> {
    call: &'a Call,
    tokens: OnceCell<u64>,
}

impl Question<'_> {
    fn tokens(&self) -> u64 {
        *self.tokens.get_or_init(|| tokens(self.call))
    }
}

/// The estimated size of the prompt. Nothing is decoded for it.
pub(super) fn tokens(call: &Call) -> u64 {
    match call.payload.bytes() {
        Some(bytes) => prompt_tokens(bytes),
        None => content::tokens(call),
    }
}
