//! The form of the answer.

use std::borrow::Cow;

use gateway_schema::chat::ResponseFormat;
use serde::Serialize;
use serde_json::{Map, Value};

use super::encode::Encoding;

/// How MLflow asks for JSON without a schema.
const JSON_ONLY: &str = "Respond with only a single valid JSON object. Do not include any explanatory text, markdown, \
                         or code fences before or after the JSON object.";

/// `output_config.format`.
#[derive(Debug, Serialize)]
pub(super) struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Cow<'a, Value>,
}

/// How the form is asked for.
#[derive(Debug, Default)]
pub(super) struct Form<'a> {
    pub(super) format: Option<FormatOut<'a>>,
    /// A sentence for the system prompt, where the API has no field.
    pub(super) instruction: Option<Cow<'static, str>>,
}

/// Chooses how to ask.
pub(super) fn plan<'a>(encoding: &mut Encoding<'a>) -> Form<'a> {
    let (schema, description) = match &encoding.request.response_format {
        None | Some(ResponseFormat::Text) => return Form::default(),
        Some(ResponseFormat::JsonObject) => {
            encoding.losses.approximated(
                "response_format",
                "Claude is asked for JSON in the system prompt",
            );
            return Form {
                format: None,
                instruction: Some(Cow::Borrowed(JSON_ONLY)),
            };
        }
        Some(ResponseFormat::JsonSchema {
            schema,
            description,
            ..
        }) => (schema, description),
        Some(_) => {
            encoding
                .losses
                .dropped("response_format", "Anthropic has no such form");
            return Form::default();
        }
    };
    if description.is_some() {
        encoding.losses.dropped(
            "response_format.json_schema.description",
            "Anthropic takes only the schema",
        );
    }
    let knows = encoding.is_mlflow() || encoding.traits.takes_schemas();
    let mut reopened = false;
    match closed(schema, &mut reopened) {
        Some(schema) if knows => {
            if reopened {
                encoding.losses.approximated(
                    "response_format.json_schema.schema",
                    "Anthropic allows no additional properties",
                );
            }
            Form {
                format: Some(FormatOut {
                    kind: "json_schema",
                    schema,
                }),
                instruction: None,
            }
        }
        _ => {
            encoding.losses.approximated(
                "response_format",
                "this schema or model is not supported by Anthropic; Claude is asked in the system prompt",
            );
            Form {
                format: None,
                instruction: Some(Cow::Owned(format!(
                    "{JSON_ONLY} The object must follow this JSON Schema: {schema}"
                ))),
            }
        }
    }
}

/// The schema with `additionalProperties: false` on every object, which the API demands. `reopened` says that one
/// had allowed others. `None` when an object has no
/// properties: such a schema cannot be followed.
fn closed<'a>(schema: &'a Value, reopened: &mut bool) -> Option<Cow<'a, Value>> {
    if is_closed(schema) {
        return Some(Cow::Borrowed(schema));
    }
    let mut schema = schema.clone();
    close(&mut schema, reopened)?;
    Some(Cow::Owned(schema))
}

fn is_object(fields: &Map<String, Value>) -> bool {
    match fields.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => fields.contains_key("properties"),
    }
}

fn is_closed(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            (!is_object(fields) || fields.get("additionalProperties") == Some(&Value::Bool(false)))
                && fields.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        _ => true,
    }
}

fn close(value: &mut Value, reopened: &mut bool) -> Option<()> {
    match value {
        Value::Object(fields) => {
            let names = fields.get("properties").is_some_and(Value::is_object);
            if is_object(fields) {
                if !names {
                    return None;
                }
                let before = fields.insert("additionalProperties".to_owned(), Value::Bool(false));
                *reopened |= before.is_some_and(|before| before != false);
            }
            for (key, value) in fields.iter_mut() {
                // The names of properties are not keywords.
                if let (true, Value::Object(properties)) = (key == "properties", &mut *value) {
                    for property in properties.values_mut() {
                        close(property, reopened)?;
                    }
                } else if !matches!(key.as_str(), "enum" | "const" | "default" | "examples") {
                    close(value, reopened)?;
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                close(item, reopened)?;
            }
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_object_is_closed_at_any_depth() {
        let schema = json!({"type": "object", "properties": {
            "type": {"type": "object", "properties": {}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}}});
        let closed = closed(&schema, &mut false).unwrap();
        let text = closed.to_string();
        assert_eq!(text.matches("\"additionalProperties\":false").count(), 3);
    }

    #[test]
    fn an_object_without_properties_cannot_be_followed() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "object"}}});
        assert!(closed(&schema, &mut false).is_none());
    }

    #[test]
    fn a_closed_schema_is_not_copied() {
        let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
        assert!(matches!(
            closed(&schema, &mut false),
            Some(Cow::Borrowed(_))
        ));
    }
}
