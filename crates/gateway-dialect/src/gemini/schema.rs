//! Schemas: the API's older `Schema`, a subset of `OpenAPI`'s, as JSON Schema, which newer fields take as it is.
//!
//! Reference: <https://ai.google.dev/api/caching#Schema>, read 2026-11-21.

use serde_json::{Map, Value};

use super::names::camel;

/// Fields whose value is a number that may come as text, as 64-bit numbers do in JSON of protocol buffers.
const COUNTS: [&str; 6] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

/// Turns a `Schema` into JSON Schema: types in lower case, `nullable` as a type, numbers as numbers.
pub(super) fn from_openapi(schema: Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema;
    };
    let mut out = Map::with_capacity(fields.len());
    let mut nullable = false;
    for (key, value) in fields {
        let key = camel(key.into()).into_owned();
        match (key.as_str(), value) {
            ("type", Value::String(name)) => {
                if name != "TYPE_UNSPECIFIED" {
                    out.insert(key, name.to_ascii_lowercase().into());
                }
            }
            ("nullable", Value::Bool(value)) => nullable = value,
            ("properties" | "defs" | "$defs", Value::Object(named)) => {
                let named: Map<String, Value> = named
                    .into_iter()
                    .map(|(name, schema)| (name, from_openapi(schema)))
                    .collect();
                out.insert(key, named.into());
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                let list: Vec<Value> = list.into_iter().map(from_openapi).collect();
                out.insert(key, list.into());
            }
            ("items" | "additionalProperties", value) => {
                out.insert(key, from_openapi(value));
            }
            (name, Value::String(text)) if COUNTS.contains(&name) => {
                let value = text.parse::<u64>().map_or(Value::String(text), Value::from);
                out.insert(key, value);
            }
            (_, value) => {
                out.insert(key, value);
            }
        }
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

fn allow_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(kind @ Value::String(_)) => {
            let plain = kind.take();
            *kind = Value::Array(vec![plain, "null".into()]);
        }
        _ => {
            if let Some(Value::Array(options)) = schema.get_mut("anyOf") {
                options.push(serde_json::json!({"type": "null"}));
            }
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_of_googles_becomes_json_schema() {
        let schema = json!({"type": "OBJECT", "properties": {
            "min_items": {"type": "STRING", "nullable": true, "enum": ["a"]},
            "list": {"type": "ARRAY", "min_items": "2", "items": {"any_of": [{"type": "INTEGER", "format": "int32"}], "nullable": true}}},
            "required": ["list"], "propertyOrdering": ["list"]});
        assert_eq!(
            from_openapi(schema),
            json!({"type": "object", "properties": {
                "min_items": {"type": ["string", "null"], "enum": ["a", null]},
                "list": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "integer", "format": "int32"}, {"type": "null"}]}}},
                "required": ["list"], "propertyOrdering": ["list"]})
        );
    }

    #[test]
    fn json_schema_is_left_as_it_is() {
        let schema = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}},
            "additionalProperties": false});
        assert_eq!(from_openapi(schema.clone()), schema);
    }
}
