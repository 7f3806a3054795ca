//! `rules`: destinations chosen by what the request is.

use std::collections::BTreeMap;

use gateway_schema::{EndpointName, Operation};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::context::Context;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::Place;
use crate::file::check::{Echo, describe, is_header_name};
use crate::file::item::{Item, json, table};
use crate::file::path::Path;
use crate::file::shape::{Key, Section, Shape};
use crate::plan::names::Names;

static TOKENS: Section = Section::new(
    "a range of tokens",
    &[
        Key::optional("over", Shape::Integer(0, i64::MAX), "More than so many."),
        Key::optional("under", Shape::Integer(1, i64::MAX), "Fewer than so many."),
    ],
);

static CONTENT: Section = Section::new(
    "a content condition",
    &[Key::required(
        "matches",
        Shape::Text,
        "A regular expression that is found somewhere in the text of the prompt.",
    )],
);

static WHEN: Section = Section::new(
    "a condition",
    &[
        Key::optional(
            "header",
            Shape::Table(&Shape::Scalar),
            "Request headers and the values they must have.",
        ),
        Key::optional(
            "key",
            Shape::Table(&Shape::Scalar),
            "Facts about the caller (`metadata` of its key, claims of its token) and the values they must have.",
        ),
        Key::optional(
            "prompt_tokens",
            Shape::Section(&TOKENS),
            "The estimated size of the prompt: a quarter of its bytes, and 1000 for each picture or the like.",
        ),
        Key::optional(
            "content",
            Shape::Section(&CONTENT),
            "The text of the prompt: messages, instructions, tool calls and their results. Decodes the body.",
        ),
        Key::optional(
            "parameters",
            Shape::Settings,
            "Request parameters, by OpenAI's names whatever the caller speaks, and the values they must have. Of an \
             object only the fields that stand here.",
        ),
    ],
);

pub(crate) static SECTION: Section = Section::new(
    "a rule",
    &[
        Key::required("when", Shape::Section(&WHEN), "All of these must hold."),
        Key::required("to", Shape::Text, "The endpoint that answers then."),
    ],
);

/// A destination chosen by what the request is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// What must hold.
    pub when: Condition,
    /// The endpoint that answers then. It exists and does what the route does.
    pub to: EndpointName,
}

/// What must hold for a rule: everything that is not empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Condition {
    /// Request headers, by name in lower case, and their values.
    #[serde(rename = "header", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Facts about the caller and their values.
    #[serde(rename = "key", skip_serializing_if = "BTreeMap::is_empty")]
    pub key: BTreeMap<String, String>,
    /// The estimated size of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<TokenRange>,
    /// A regular expression that is found in the prompt. It has been compiled once, so that it is valid.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "matches")]
    pub content: Option<String>,
    /// Request parameters and their values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
}

/// A range of tokens; a bound that is absent does not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TokenRange {
    /// More than so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<u64>,
    /// Fewer than so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<u64>,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn matches<S: serde::Serializer>(
    pattern: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pattern.iter().map(|pattern| ("matches", pattern)))
}

pub(crate) fn read(
    item: &Item<'_>,
    operation: Operation,
    names: &Names,
    context: &mut Context<'_>,
) -> Option<Rule> {
    let when = item.get("when").map(|when| condition(&when, context));
    let to = item.get("to")?;
    let name = names.callable(&to, context.problems)?;
    let wrong = match names.endpoint(name.as_str()) {
        None => Some("a rule leads to an endpoint, not to a route".to_owned()),
        Some(named) if named.operation.is_some_and(|other| other != operation) => Some(format!(
            "the endpoint '{name}' does not do what the route does"
        )),
        Some(_) => None,
    };
    if let Some(message) = wrong {
        context
            .problems
            .push(Diagnostic::error(Kind::Value, to.place(), message).at(&to.path));
    }
    Some(Rule {
        when: when?,
        to: name,
    })
}

fn condition(item: &Item<'_>, context: &mut Context<'_>) -> Condition {
    let condition = Condition {
        headers: headers(item.get("header").as_ref(), context),
        key: table(item.get("key").as_ref()),
        prompt_tokens: item
            .get("prompt_tokens")
            .map(|tokens| range(&tokens, context)),
        content: item
            .get("content")
            .and_then(|content| pattern(&content, context)),
        parameters: item
            .get("parameters")
            .and_then(|parameters| match json(&parameters) {
                Value::Object(map) => Some(map),
                _ => None,
            })
            .unwrap_or_default(),
    };
    if condition == Condition::default() && item.pairs().is_empty() {
        let diagnostic = Diagnostic::error(
            Kind::Value,
            item.place(),
            "a rule without a condition would always match",
        )
        .at(&item.path);
        context.problems.push(diagnostic);
    }
    condition
}

/// Headers that hold credentials. They are taken out of a request before anything looks at it.
const TAKEN: [&str; 7] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "x-mlflow-authorization",
];

/// Refuses to decide by a header that is never there.
pub(super) fn refuse_taken(name: &str, place: Place, path: &Path, context: &mut Context<'_>) {
    if TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        let message = format!(
            "the header '{name}' holds a credential, which is taken out of a request before it is routed"
        );
        let diagnostic = Diagnostic::error(Kind::Value, place, message)
            .at(path)
            .help("a route may look at the caller's key instead: `sticky: {by: key}`, `when: {key: {...}}`");
        context.problems.push(diagnostic);
    }
}

fn headers(item: Option<&Item<'_>>, context: &mut Context<'_>) -> BTreeMap<String, String> {
    for pair in item.map(Item::pairs).unwrap_or_default() {
        if !is_header_name(pair.key) {
            let diagnostic = Diagnostic::error(
                Kind::Value,
                pair.key_place,
                "this is not the name of an HTTP header",
            )
            .at(&pair.item.path);
            context.problems.push(diagnostic);
        }
        refuse_taken(pair.key, pair.key_place, &pair.item.path, context);
    }
    table(item)
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

fn range(item: &Item<'_>, context: &mut Context<'_>) -> TokenRange {
    let range = TokenRange {
        over: item.count_at("over"),
        under: item.count_at("under"),
    };
    let empty = match (range.over, range.under) {
        (None, None) => true,
        (Some(over), Some(under)) => over.saturating_add(1) >= under,
        _ => false,
    };
    if empty {
        let diagnostic = Diagnostic::error(
            Kind::Value,
            item.place(),
            "no number of tokens is meant by this range",
        )
        .at(&item.path)
        .allowed("`over`, `under`, or both with room between them");
        context.problems.push(diagnostic);
    }
    range
}

fn pattern(item: &Item<'_>, context: &mut Context<'_>) -> Option<String> {
    let at = item.get("matches")?;
    let text = at.text()?;
    match regex::Regex::new(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default();
            let message = format!(
                "this is not a regular expression: {}",
                reason.trim_start_matches("error: ")
            );
            let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
                .at(&at.path)
                .found(describe(at.node, Echo::Yes));
            context.problems.push(diagnostic);
            None
        }
    }
}
