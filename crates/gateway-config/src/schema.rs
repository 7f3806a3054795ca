//! The JSON Schema of the configuration, for editors: made from the tables that the reader uses.

use std::collections::BTreeMap;

use gateway_schema::{OptionKind, OptionSpec};
use serde_json::{Map, Value, json};

use crate::file::shape::{Others, Section, Shape};
use crate::plan::model::PARAMETERS;
use crate::plan::{self, SECTION};
use crate::source::{ProviderEntry, Providers};

/// Text that stands for a value found elsewhere.
const REFERENCE: &str = r"^\$|\{\{ *secrets\.";

/// The JSON Schema (draft 2020-12) of a configuration whose endpoints may name these providers.
///
/// Every key that is accepted is in it, with a description. Keys that are not are refused by it, so that editors
/// show them, where `load` only warns.
pub fn json_schema(providers: &dyn Providers) -> Value {
    let entries = providers.entries();
    let mut schema = Writer {
        model: model(&entries),
    }
    .section(&SECTION);
    if let Value::Object(map) = &mut schema {
        map.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        map.insert("title".to_owned(), json!("Gateway configuration"));
    }
    schema
}

struct Writer {
    /// The schema of `model`, which depends on the providers.
    model: Value,
}

impl Writer {
    fn section(&self, section: &Section) -> Value {
        if std::ptr::eq(section, &raw const plan::model::SECTION) {
            return self.model.clone();
        }
        let mut properties = Map::new();
        for key in section.all() {
            let mut value = self.shape(&key.shape);
            if let Value::Object(map) = &mut value {
                map.insert("description".to_owned(), json!(key.doc));
            }
            properties.insert(key.name.to_owned(), value);
        }
        let required: Vec<&str> = section
            .all()
            .filter(|key| key.required)
            .map(|key| key.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "patternProperties": {"^x-": {}},
        });
        if let Value::Object(map) = &mut schema {
            if !required.is_empty() {
                map.insert("required".to_owned(), json!(required));
            }
            if section.others == Others::Unknown {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        schema
    }

    fn shape(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Section(section) => self.section(section),
            Shape::Switch(section) => {
                json!({"anyOf": [{"type": "boolean"}, self.section(section)]})
            }
            Shape::Either(sections) => {
                let mut seen: Vec<*const Section> = Vec::new();
                let mut all = Vec::new();
                for (_, section) in *sections {
                    let address: *const Section = *section;
                    if !seen.contains(&address) {
                        seen.push(address);
                        all.push(self.section(section));
                    }
                }
                json!({"anyOf": all})
            }
            Shape::List(inner) => json!({"type": "array", "items": self.shape(inner)}),
            Shape::OneOrMany(inner) => {
                let one = self.shape(inner);
                json!({"anyOf": [one, {"type": "array", "items": one}]})
            }
            Shape::Table(inner) => {
                json!({"type": "object", "additionalProperties": self.shape(inner)})
            }
            other => plain(other),
        }
    }
}

fn plain(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Secret => json!({"type": ["string", "number"]}),
        Shape::Integer(least, most) => bounded(
            "integer",
            *least != i64::MIN,
            json!(least),
            *most != i64::MAX,
            json!(most),
        ),
        Shape::Number(least, most) => {
            bounded("number", true, json!(least), *most < f64::MAX, json!(most))
        }
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Duration => json!({
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9.]+ *(ms|s|m|h|d)?$"},
            ],
        }),
        Shape::Size => json!({
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9.]+ *([KMGkmg]i?)?[Bb]?$"},
            ],
        }),
        Shape::Choice(words) => json!({"enum": words}),
        Shape::Subject(words) => json!({
            "anyOf": [{"enum": words}, {"type": "string", "pattern": "^header:.+"}],
        }),
        Shape::Scalar => json!({"type": ["string", "number", "boolean"]}),
        Shape::Timestamp => json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
        _ => json!({"type": "object"}),
    }
}

fn bounded(kind: &str, has_least: bool, least: Value, has_most: bool, most: Value) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!(kind));
    if has_least {
        schema.insert("minimum".to_owned(), least);
    }
    if has_most {
        schema.insert("maximum".to_owned(), most);
    }
    Value::Object(schema)
}

/// The schema of `model`: every provider's settings, each with the providers that take it.
fn model(entries: &[ProviderEntry<'_>]) -> Value {
    let mut config = Map::new();
    for parameter in PARAMETERS {
        let mut value = parameter.shape.as_ref().map_or_else(
            || json!({}),
            |shape| Writer { model: Value::Null }.shape(shape),
        );
        if let Value::Object(map) = &mut value {
            let text = format!("Default of the request parameter `{}`.", parameter.name);
            map.insert("description".to_owned(), json!(text));
        }
        config.insert(parameter.name.to_owned(), value);
    }
    let mut settings: BTreeMap<&str, Vec<(&str, &OptionSpec)>> = BTreeMap::new();
    for entry in entries {
        for spec in entry.options {
            settings
                .entry(spec.name)
                .or_default()
                .push((entry.name, spec));
        }
    }
    for (name, specs) in settings {
        config.insert(name.to_owned(), setting(&specs));
    }
    let names: Vec<&str> = entries
        .iter()
        .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
        .collect();
    let required: Vec<Value> = entries.iter().filter_map(requirement).collect();
    let mut properties = Map::new();
    for key in plan::model::SECTION.all() {
        let mut value = match key.name {
            // Other spellings of the same names (case, `-` and `_`) are accepted as well.
            "provider" => json!({"anyOf": [{"enum": names}, {"type": "string"}]}),
            "config" => json!({"type": "object", "properties": config}),
            _ => plain(&key.shape),
        };
        if let Value::Object(map) = &mut value {
            map.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), value);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": ["provider"],
        "allOf": required,
    })
}

/// One setting, described for every provider that takes it.
fn setting(specs: &[(&str, &OptionSpec)]) -> Value {
    let kinds: Vec<Value> =
        specs
            .iter()
            .map(|(_, spec)| option(spec.kind))
            .fold(Vec::new(), |mut kinds, kind| {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
                kinds
            });
    let mut texts: Vec<(&str, Vec<&str>)> = Vec::new();
    for (provider, spec) in specs {
        match texts.iter_mut().find(|(doc, _)| *doc == spec.doc) {
            Some((_, providers)) => providers.push(provider),
            None => texts.push((spec.doc, vec![provider])),
        }
    }
    let description: Vec<String> = texts
        .iter()
        .map(|(doc, providers)| format!("{}: {doc}", providers.join(", ")))
        .collect();
    json!({"anyOf": kinds, "description": description.join("\n")})
}

fn option(kind: OptionKind) -> Value {
    let reference = json!({"type": "string", "pattern": REFERENCE});
    match kind {
        OptionKind::Secret => json!({
            "anyOf": [
                {"type": ["string", "number"]},
                {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
            ],
        }),
        OptionKind::Integer => json!({"anyOf": [{"type": "integer"}, reference]}),
        OptionKind::Number => json!({"anyOf": [{"type": "number"}, reference]}),
        OptionKind::Bool => json!({"anyOf": [{"type": "boolean"}, reference]}),
        OptionKind::List => json!({
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}}],
        }),
        OptionKind::Map => json!({"type": "object"}),
        OptionKind::Maps => json!({
            "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
        }),
        OptionKind::Text => json!({"type": ["string", "number"]}),
    }
}

/// What a provider cannot do without.
fn requirement(entry: &ProviderEntry<'_>) -> Option<Value> {
    let required: Vec<&str> = entry
        .options
        .iter()
        .filter(|spec| spec.required)
        .map(|spec| spec.name)
        .collect();
    if required.is_empty() {
        return None;
    }
    let names: Vec<&str> = std::iter::once(entry.name)
        .chain(entry.aliases.iter().copied())
        .collect();
    Some(json!({
        "if": {"properties": {"provider": {"enum": names}}, "required": ["provider"]},
        "then": {"properties": {"config": {"required": required}}, "required": ["config"]},
    }))
}
