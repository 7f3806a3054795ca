//! `model.config`: a provider's settings, with their references resolved.

use std::collections::BTreeSet;

use gateway_schema::{Operation, OptionKind, OptionSpec, Options};
use serde_json::{Map, Number, Value};

use super::super::context::Context;
use super::super::effective::HIDDEN;
use super::super::resolve::{Reach, resolve_item};
use super::defaults;
use crate::diagnostic::{Diagnostic, Kind, shown};
use crate::file::check::{self, Echo, describe};
use crate::file::item::{Item, Pair};
use crate::file::{Value as NodeValue, scalar};
use crate::source::Found;

/// What `model.config` holds.
pub(crate) struct Given {
    pub(crate) options: Options,
    pub(crate) spare: Vec<Options>,
    pub(crate) defaults: Map<String, Value>,
    pub(crate) public: BTreeSet<String>,
    /// True when every setting that was given could be read, so that the provider can judge them.
    pub(crate) complete: bool,
}

/// Settings as they are read.
#[derive(Default)]
struct Reading {
    values: Map<String, Value>,
    /// Further credentials, by setting.
    spare: Vec<(&'static str, Vec<Value>)>,
    defaults: Map<String, Value>,
    public: BTreeSet<String>,
    complete: bool,
}

pub(crate) fn read(
    pairs: &[Pair<'_>],
    found: &Found<'_>,
    operation: Operation,
    model: &Item<'_>,
    context: &mut Context<'_>,
) -> Given {
    let mut reading = Reading {
        complete: true,
        ..Reading::default()
    };
    for pair in pairs.iter().filter(|pair| !pair.item.node.is_null()) {
        if let Some(spec) = found
            .entry
            .options
            .iter()
            .find(|spec| spec.name == pair.key)
        {
            reading.complete &= setting(pair, spec, &mut reading, context).is_some();
        } else if let Some(parameter) = defaults::parameter(pair.key) {
            if let Some(value) = defaults::read(pair, parameter, operation, context) {
                reading.defaults.insert(pair.key.to_owned(), value);
            }
        } else {
            unknown(pair, found, context);
        }
    }
    for spec in found.entry.options.iter().filter(|spec| spec.required) {
        if !reading.values.contains_key(spec.name) {
            reading.complete = false;
            let given = pairs
                .iter()
                .any(|pair| pair.key == spec.name && !pair.item.node.is_null());
            if !given {
                missing(pairs, spec, found, model, context);
            }
        }
    }
    let spare = spare(&reading);
    Given {
        options: Options::new(reading.values),
        spare,
        defaults: reading.defaults,
        public: reading.public,
        complete: reading.complete,
    }
}

fn unknown(pair: &Pair<'_>, found: &Found<'_>, context: &mut Context<'_>) {
    let known = found
        .entry
        .options
        .iter()
        .map(|spec| spec.name)
        .chain(defaults::PARAMETERS.iter().map(|parameter| parameter.name));
    if pair.key.starts_with("x-") {
        return;
    }
    if !context.problems.lists_lax() {
        context.problems.count_lax();
        return;
    }
    let message = format!(
        "`{}` is neither a setting of {} nor a request parameter",
        shown(pair.key),
        found.spelled
    );
    let diagnostic = Diagnostic::lax(Kind::UnknownKey, pair.key_place, message, check::IGNORED)
        .at_shown(&pair.item.path)
        .near(pair.key, known);
    context.problems.push(diagnostic);
}

fn missing(
    pairs: &[Pair<'_>],
    spec: &OptionSpec,
    found: &Found<'_>,
    model: &Item<'_>,
    context: &mut Context<'_>,
) {
    let message = format!(
        "`{}` is missing: {} cannot work without it",
        spec.name, found.spelled
    );
    let config = model.get("config");
    let place = config.as_ref().unwrap_or(model).place();
    let near = crate::diagnostic::nearest(spec.name, pairs.iter().map(|pair| pair.key));
    let diagnostic =
        Diagnostic::error(Kind::Missing, place, message).at(model.below("config").key(spec.name));
    let help = match near {
        Some(near) => format!("is `{}` meant?", shown(near)),
        None => spec.doc.to_owned(),
    };
    context.problems.push(diagnostic.help(help));
}

/// Reads one setting. `None` when it cannot be read, which has been reported.
fn setting(
    pair: &Pair<'_>,
    spec: &OptionSpec,
    reading: &mut Reading,
    context: &mut Context<'_>,
) -> Option<()> {
    let item = &pair.item;
    let mut hidden = spec.kind == OptionKind::Secret;
    let value = match spec.kind {
        OptionKind::Secret => {
            let mut credentials = credentials(item, spec, context)?;
            let first = credentials.remove(0);
            if !credentials.is_empty() {
                reading.spare.push((spec.name, credentials));
            }
            first
        }
        OptionKind::List => list(item, &mut hidden, context)?,
        OptionKind::Map => map(item, context)?,
        OptionKind::Maps => maps(item, context)?,
        OptionKind::Text | OptionKind::Integer | OptionKind::Number | OptionKind::Bool => {
            if item.scalar().is_none() {
                return wrong(item, spec, context);
            }
            if spec.kind == OptionKind::Text && item.scalar().is_some_and(scalar::is_bool) {
                return wrong(item, spec, context);
            }
            let resolved = resolve_item(item, Reach::Setting, context)?;
            hidden |= resolved.hidden;
            match typed(&resolved.text, spec.kind) {
                Some(value) => value,
                None => return wrong(item, spec, context),
            }
        }
    };
    if !hidden {
        reading.public.insert(spec.name.to_owned());
    }
    reading.values.insert(spec.name.to_owned(), value);
    Some(())
}

fn typed(text: &str, kind: OptionKind) -> Option<Value> {
    Some(match kind {
        OptionKind::Integer => Value::from(scalar::integer(text)?),
        OptionKind::Number => Value::Number(Number::from_f64(scalar::number(text)?)?),
        OptionKind::Bool => Value::from(scalar::flag(text)?),
        OptionKind::Text
        | OptionKind::Secret
        | OptionKind::List
        | OptionKind::Map
        | OptionKind::Maps => Value::from(text),
    })
}

/// One credential or a list of them; never empty.
fn credentials(
    item: &Item<'_>,
    spec: &OptionSpec,
    context: &mut Context<'_>,
) -> Option<Vec<Value>> {
    let items = item.one_or_many();
    if items.is_empty() {
        return wrong(item, spec, context);
    }
    let mut values = Vec::new();
    for item in &items {
        if item.scalar().is_none_or(scalar::is_bool) {
            return wrong(item, spec, context);
        }
        let resolved = resolve_item(item, Reach::Secret, context)?;
        if resolved.text.trim().is_empty() {
            let message = format!("`{}` is empty", spec.name);
            let diagnostic = Diagnostic::error(Kind::Value, item.place(), message)
                .at(&item.path)
                .allowed(allowed(spec.kind));
            context.problems.push(diagnostic);
            return None;
        }
        values.push(Value::from(resolved.text));
    }
    Some(values)
}

/// A list of text, or text with commas. Empty text is the empty list.
fn list(item: &Item<'_>, hidden: &mut bool, context: &mut Context<'_>) -> Option<Value> {
    if item.text().is_some() {
        let resolved = resolve_item(item, Reach::Setting, context)?;
        *hidden |= resolved.hidden;
        let parts = resolved.text.split(',').map(str::trim);
        return Some(
            parts
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
        );
    }
    let shape = crate::file::shape::Shape::List(&crate::file::shape::Shape::Text);
    let before = context.problems.len();
    check::check(item, &shape, context.problems);
    if context.problems.len() > before {
        return None;
    }
    let mut values = Vec::new();
    for item in item.items() {
        let resolved = resolve_item(&item, Reach::Setting, context)?;
        *hidden |= resolved.hidden;
        values.push(Value::from(resolved.text));
    }
    Some(Value::Array(values))
}

fn map(item: &Item<'_>, context: &mut Context<'_>) -> Option<Value> {
    if !matches!(item.node.value, NodeValue::Map(_)) {
        let diagnostic =
            Diagnostic::error(Kind::Type, item.place(), "the value has the wrong type")
                .at(&item.path)
                .found(describe(item.node, Echo::No))
                .allowed(allowed(OptionKind::Map));
        context.problems.push(diagnostic);
        return None;
    }
    nested(item, Reach::Setting, context)
}

fn maps(item: &Item<'_>, context: &mut Context<'_>) -> Option<Value> {
    let items = item.one_or_many();
    let maps: Vec<Option<Value>> = items.iter().map(|item| map(item, context)).collect();
    maps.into_iter().collect()
}

/// A nested value. Text below a key that names a credential is one.
fn nested(item: &Item<'_>, reach: Reach, context: &mut Context<'_>) -> Option<Value> {
    match &item.node.value {
        NodeValue::Map(_) => {
            let mut map = Map::new();
            for pair in item.pairs() {
                let reach = if names_a_credential(pair.key) {
                    Reach::Secret
                } else {
                    Reach::Setting
                };
                map.insert(pair.key.to_owned(), nested(&pair.item, reach, context)?);
            }
            Some(Value::Object(map))
        }
        NodeValue::List(_) => item
            .items()
            .iter()
            .map(|item| nested(item, reach, context))
            .collect(),
        NodeValue::Scalar(scalar) => match scalar::json(scalar) {
            Value::String(_) => Some(Value::from(resolve_item(item, reach, context)?.text)),
            Value::Number(_) if reach == Reach::Secret => Some(Value::from(scalar.text.as_str())),
            other => Some(other),
        },
    }
}

/// Whether a key below a map of settings holds a credential.
pub(crate) fn names_a_credential(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "token", "secret", "password", "credential"]
        .iter()
        .any(|word| key.contains(word))
}

fn wrong<T>(item: &Item<'_>, spec: &OptionSpec, context: &mut Context<'_>) -> Option<T> {
    let echo = match spec.kind {
        OptionKind::Secret | OptionKind::Map | OptionKind::Maps => Echo::No,
        OptionKind::Text
        | OptionKind::Integer
        | OptionKind::Number
        | OptionKind::Bool
        | OptionKind::List => Echo::Yes,
    };
    let diagnostic = Diagnostic::error(Kind::Type, item.place(), "the value has the wrong type")
        .at(&item.path)
        .found(describe(item.node, echo))
        .allowed(allowed(spec.kind));
    context.problems.push(diagnostic);
    None
}

fn allowed(kind: OptionKind) -> &'static str {
    match kind {
        OptionKind::Text => "text",
        OptionKind::Secret => {
            "the credential itself, `$NAME`, `{{ secrets.NAME }}` or the path of a file; or a list of these"
        }
        OptionKind::Integer => "a whole number",
        OptionKind::Number => "a number",
        OptionKind::Bool => "`true` or `false`",
        OptionKind::List => "a list of text, or text with commas",
        OptionKind::Map => "a map",
        OptionKind::Maps => "a list of maps",
    }
}

/// The settings again for each further credential. Where several settings are lists, they go in step.
fn spare(reading: &Reading) -> Vec<Options> {
    let rounds = reading.spare.iter().map(|(_, more)| more.len()).max();
    (0..rounds.unwrap_or(0))
        .map(|round| {
            let mut values = reading.values.clone();
            for (name, more) in &reading.spare {
                if let Some(value) = more.get(round).or(more.last()) {
                    values.insert((*name).to_owned(), value.clone());
                }
            }
            Options::new(values)
        })
        .collect()
}

/// A setting as it may be shown.
pub(crate) fn redacted(name: &str, value: Value, public: &BTreeSet<String>, spare: usize) -> Value {
    if public.contains(name) {
        return without_credentials(value);
    }
    if spare > 0 {
        return vec![HIDDEN; spare.saturating_add(1)].into();
    }
    Value::from(HIDDEN)
}

fn without_credentials(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let value = if names_a_credential(&key) {
                    Value::from(HIDDEN)
                } else {
                    without_credentials(value)
                };
                (key, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_credentials).collect(),
        Value::String(text) => Value::from(without_user(&text)),
        other => other,
    }
}

/// A URL without the user and password that may stand in it.
pub(crate) fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..authority).and_then(|host| host.rfind('@')) {
        Some(at) => format!("{scheme}://{HIDDEN}{}", rest.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}
