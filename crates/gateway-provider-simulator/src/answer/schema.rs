//! Values that follow a JSON Schema, as far as a demo needs: types, enumerations, properties, items, bounds,
//! references, alternatives, well-known formats.

use serde_json::{Map, Value, json};

use super::words;

/// Schemas may refer to themselves.
const DEEPEST: usize = 12;
/// A schema may demand any number of items.
const MOST_ITEMS: u64 = 8;

/// A value that follows `schema`.
pub(crate) fn value(schema: &Value, random: &mut fastrand::Rng) -> Value {
    Maker {
        root: schema,
        random,
    }
    .make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    random: &'a mut fastrand::Rng,
}

impl Maker<'_> {
    fn make(&mut self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        for key in ["const", "default"] {
            if let Some(value) = schema.get(key) {
                return value.clone();
            }
        }
        for key in ["enum", "examples"] {
            if let Some(Value::Array(values)) = schema.get(key)
                && let Some(value) = self.random.choice(values)
            {
                return value.clone();
            }
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = target.trim_start_matches('#');
            let target = self.root.pointer(pointer).cloned();
            return target.map_or(Value::Null, |target| self.make(&target, depth + 1));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema.get(key).and_then(|list| list.get(0)) {
                return self.make(first, depth + 1);
            }
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("string"),
            _ if schema.get("properties").is_some() => "object",
            _ if schema.get("items").is_some() => "array",
            _ => "string",
        };
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" => json!(self.integer(schema)),
            "number" => self.number(schema),
            "boolean" => json!(self.random.bool()),
            "null" => Value::Null,
            _ => json!(self.text(schema)),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, property) in properties {
                object.insert(name.clone(), self.make(property, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(1).min(MOST_ITEMS);
        let most = bound("maxItems").unwrap_or(least.max(2)).min(MOST_ITEMS);
        let count = self.random.u64(least..=most.max(least));
        let any = json!({});
        let item = schema.get("items").unwrap_or(&any);
        (0..count).map(|_| self.make(item, depth + 1)).collect()
    }

    fn integer(&mut self, schema: &Value) -> i64 {
        let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
        let least = bound("minimum")
            .or_else(|| bound("exclusiveMinimum").map(|bound| bound.saturating_add(1)));
        let most = bound("maximum")
            .or_else(|| bound("exclusiveMaximum").map(|bound| bound.saturating_sub(1)));
        let (least, most) = match (least, most) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, least.saturating_add(100)),
            (None, Some(most)) => (most.saturating_sub(100), most),
            (None, None) => (0, 100),
        };
        self.random.i64(least..=most.max(least))
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let least = bound("minimum").unwrap_or(0.0);
        let most = bound("maximum").unwrap_or(least + 100.0);
        let value = least + self.random.f64() * (most - least).max(0.0);
        // Two decimals read better, but must not leave the bounds.
        let rounded = (value * 100.0).round() / 100.0;
        json!(rounded.clamp(least, most.max(least)))
    }

    fn text(&mut self, schema: &Value) -> String {
        match schema.get("format").and_then(Value::as_str) {
            Some("date") => return "2026-01-15".to_owned(),
            Some("date-time") => return "2026-01-15T10:30:00Z".to_owned(),
            Some("time") => return "10:30:00Z".to_owned(),
            Some("email") => return "someone@example.com".to_owned(),
            Some("uri" | "url") => return "https://example.com/".to_owned(),
            Some("uuid") => return "00000000-0000-4000-8000-000000000000".to_owned(),
            _ => {}
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minLength").unwrap_or(0).min(10_000);
        let most = bound("maxLength").unwrap_or(u64::MAX);
        let count = |text: &str| u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let mut text = words::word(self.random).to_owned();
        while count(&text) < least {
            text.push(' ');
            text.push_str(words::word(self.random));
        }
        if count(&text) > most {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            text = text.chars().take(most).collect();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(schema: &Value) -> Value {
        value(schema, &mut fastrand::Rng::with_seed(7))
    }

    #[test]
    fn values_follow_their_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 30},
                "unit": {"enum": ["celsius"]},
                "days": {"type": "integer", "minimum": 3, "maximum": 3},
                "when": {"type": "string", "format": "date"},
                "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
                "share": {"type": "number", "minimum": 0.5, "maximum": 0.5},
                "place": {"$ref": "#/$defs/place"},
                "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            },
            "$defs": {"place": {"properties": {"x": {"const": 1}}}},
        });
        let made = make(&schema);
        assert!(made["city"].as_str().unwrap().len() >= 30);
        assert_eq!(
            (&made["unit"], &made["days"]),
            (&json!("celsius"), &json!(3))
        );
        assert_eq!(made["when"], "2026-01-15");
        assert_eq!(made["tags"].as_array().unwrap().len(), 2);
        assert_eq!(made["share"], 0.5);
        assert_eq!(made["place"], json!({"x": 1}));
        assert_eq!(made["maybe"], Value::Null);
    }

    #[test]
    fn schemas_that_refer_to_themselves_end() {
        let schema = json!({"properties": {"next": {"$ref": "#"}}});
        assert!(make(&schema).to_string().len() < 500);
        assert_eq!(make(&json!({"$ref": "#/nowhere"})), Value::Null);
        let strange = [json!(7), json!({"type": 7}), json!({"enum": []})];
        for schema in strange {
            make(&schema);
        }
    }
}
