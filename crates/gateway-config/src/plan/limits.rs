//! `limits`: requests, tokens and concurrency, per key, user, endpoint, client address or header value.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::context::Context;
use super::effective::duration_word;
use super::subject::{OnStoreError, Subject};
use crate::diagnostic::{Diagnostic, Kind, alternatives};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

/// What a limit may count by.
pub(crate) const SUBJECTS: [&str; 4] = ["key", "user", "endpoint", "ip"];

const AMOUNTS: [&str; 5] = [
    "requests",
    "tokens",
    "input_tokens",
    "output_tokens",
    "concurrent",
];

const MOST: i64 = i64::MAX;

pub(crate) static SECTION: Section = Section::new(
    "a limit",
    &[
        Key::required(
            "per",
            Shape::Subject(&SUBJECTS),
            "What has a counter of its own: `key`, `user`, `endpoint`, `ip` or `header:<name>`.",
        ),
        Key::optional("requests", Shape::Integer(1, MOST), "Requests per window."),
        Key::optional(
            "tokens",
            Shape::Integer(1, MOST),
            "Input and output tokens per window.",
        ),
        Key::optional(
            "input_tokens",
            Shape::Integer(1, MOST),
            "Input tokens per window.",
        ),
        Key::optional(
            "output_tokens",
            Shape::Integer(1, MOST),
            "Output tokens per window.",
        ),
        Key::optional(
            "concurrent",
            Shape::Integer(1, MOST),
            "Calls at the same time.",
        ),
        Key::optional(
            "every",
            Shape::Duration,
            "The window. Required, except beside `concurrent`, where it has no meaning.",
        ),
        Key::optional(
            "on_store_error",
            Shape::Choice(&OnStoreError::WORDS),
            "What to do with a request while the shared store is away. Default: that of `stores`.",
        ),
    ],
);

/// One limit; a call must pass all of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// What has a counter of its own.
    pub per: Subject,
    /// How much of what.
    pub amount: Amount,
    /// What to do while the shared store is away; absent: what `stores` says.
    pub on_store_error: Option<OnStoreError>,
}

/// How much of what a limit lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Requests per window.
    Requests(u64, Duration),
    /// Input and output tokens per window.
    Tokens(u64, Duration),
    /// Input tokens per window.
    InputTokens(u64, Duration),
    /// Output tokens per window.
    OutputTokens(u64, Duration),
    /// Calls at the same time.
    Concurrent(u64),
}

impl Limit {
    /// A limit without a policy of its own for a store that is away.
    pub const fn new(per: Subject, amount: Amount) -> Self {
        Self {
            per,
            amount,
            on_store_error: None,
        }
    }
}

impl Amount {
    const fn parts(self) -> (&'static str, u64, Option<Duration>) {
        match self {
            Self::Requests(most, every) => ("requests", most, Some(every)),
            Self::Tokens(most, every) => ("tokens", most, Some(every)),
            Self::InputTokens(most, every) => ("input_tokens", most, Some(every)),
            Self::OutputTokens(most, every) => ("output_tokens", most, Some(every)),
            Self::Concurrent(most) => ("concurrent", most, None),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, most, every) = self.amount.parts();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("per", &self.per)?;
        map.serialize_entry(name, &most)?;
        if let Some(every) = every {
            map.serialize_entry("every", &duration_word(every))?;
        }
        if let Some(policy) = self.on_store_error {
            map.serialize_entry("on_store_error", &policy)?;
        }
        map.end()
    }
}

pub(crate) fn read(items: &[Item<'_>], context: &mut Context<'_>) -> Vec<Limit> {
    items.iter().filter_map(|item| one(item, context)).collect()
}

fn one(item: &Item<'_>, context: &mut Context<'_>) -> Option<Limit> {
    let per = Subject::parse(item.text_at("per")?)?;
    let given: Vec<&str> = AMOUNTS
        .into_iter()
        .filter(|name| item.get(name).is_some())
        .collect();
    let [name] = given.as_slice() else {
        let found = if given.is_empty() {
            "none of them".to_owned()
        } else {
            given.join(" and ")
        };
        let diagnostic = Diagnostic::error(
            Kind::Value,
            item.place(),
            "a limit counts exactly one thing",
        )
        .at(&item.path)
        .found(found)
        .allowed(alternatives(AMOUNTS))
        .help("write one limit for each; all of them must pass");
        context.problems.push(diagnostic);
        return None;
    };
    let most = item.count_at(name)?;
    let on_store_error = item.text_at("on_store_error").and_then(OnStoreError::parse);
    let every = item.get("every");
    if *name == "concurrent" {
        if let Some(every) = every {
            let message = "`every` has no meaning beside `concurrent`";
            let diagnostic = Diagnostic::error(Kind::Value, every.place(), message).at(&every.path);
            context.problems.push(diagnostic);
        }
        return Some(Limit {
            per,
            amount: Amount::Concurrent(most),
            on_store_error,
        });
    }
    if every.is_none() {
        let message = format!("`every` is missing: in which time may there be {most} {name}?");
        let diagnostic = Diagnostic::error(Kind::Missing, item.place(), message.replace('_', " "))
            .at(item.below("every"));
        context.problems.push(diagnostic);
        return None;
    }
    let every = item.duration_at("every")?;
    let amount = match *name {
        "requests" => Amount::Requests(most, every),
        "tokens" => Amount::Tokens(most, every),
        "input_tokens" => Amount::InputTokens(most, every),
        _ => Amount::OutputTokens(most, every),
    };
    Some(Limit {
        per,
        amount,
        on_store_error,
    })
}
