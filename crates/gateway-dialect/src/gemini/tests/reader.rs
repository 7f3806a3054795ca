//! An independent reading of requests and streams, brought into one spelling so that they can be compared.

use serde_json::{Map, Value, json};

/// The names of fields whose values are the caller's own and stay as they are.
const OPAQUE: [&str; 4] = [
    "args",
    "response",
    "parametersJsonSchema",
    "responseJsonSchema",
];

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (head, tail) = word.split_at(word.len().min(1));
        out.push_str(&head.to_uppercase());
        out.push_str(tail);
    }
    out
}

/// A request in the spelling of the encoder.
pub(super) fn request(value: &Value) -> Value {
    let mut out = plain(value);
    let fields = out.as_object_mut().unwrap();
    fields.remove("model");
    if let Some(Value::Object(system)) = fields.get_mut("systemInstruction") {
        system.remove("role");
    }
    if let Some(Value::Array(contents)) = fields.get_mut("contents") {
        for content in contents {
            content
                .as_object_mut()
                .unwrap()
                .entry("role")
                .or_insert(json!("user"));
        }
    }
    let tools = match fields.remove("tools") {
        Some(Value::Array(tools)) => tools,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    {
        let mut functions = Vec::new();
        let mut own = Vec::new();
        for tool in tools {
            for (key, value) in tool.as_object().unwrap() {
                if key == "functionDeclarations" {
                    functions.extend(value.as_array().unwrap().clone());
                } else {
                    own.push(json!({ key: value }));
                }
            }
        }
        let mut all = Vec::new();
        if !functions.is_empty() {
            all.push(json!({ "functionDeclarations": functions }));
        }
        all.extend(own);
        fields.insert("tools".to_owned(), all.into());
    }
    for key in ["tools", "generationConfig"] {
        if fields
            .get(key)
            .is_some_and(|value| value == &json!([]) || value == &json!({}))
        {
            fields.remove(key);
        }
    }
    out
}

/// Camel case, no nulls, schemas as JSON Schema, one part as a list.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let key = camel(key);
                if value.is_null() || (key == "thought" && value == false) {
                    continue;
                }
                let value = match key.as_str() {
                    "parameters" => {
                        out.insert("parametersJsonSchema".to_owned(), lower(value));
                        continue;
                    }
                    "responseSchema" => {
                        out.insert("responseJsonSchema".to_owned(), lower(value));
                        continue;
                    }
                    "parts" if value.is_object() => json!([plain(value)]),
                    "finishReason" if value == 1 => json!("STOP"),
                    name if OPAQUE.contains(&name) => value.clone(),
                    _ => plain(value),
                };
                out.insert(key, value);
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn lower(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "nullable")
            .map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("type", Value::String(kind)) => {
                        let kind = kind.to_lowercase();
                        if fields.get("nullable") == Some(&json!(true)) {
                            json!([kind, "null"])
                        } else {
                            json!(kind)
                        }
                    }
                    (_, value) => lower(value),
                };
                // The one keyword in two words that recordings have in snake case.
                (key.replace("property_ordering", "propertyOrdering"), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}

/// The pieces of a stream.
pub(super) fn pieces(stream: &str) -> Vec<Value> {
    let stream = stream.trim();
    if stream.starts_with('[') {
        return serde_json::from_str(stream).unwrap();
    }
    stream
        .replace("\r\n", "\n")
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// A stream as one reply: parts joined, fields gathered, the last figures.
pub(super) fn joined(pieces: &[Value]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut out = Map::new();
    let mut candidate = Map::new();
    for piece in pieces {
        let piece = plain(piece);
        for (key, value) in piece.as_object().unwrap() {
            if key != "candidates" {
                out.insert(key.clone(), value.clone());
            }
        }
        for found in piece["candidates"].as_array().into_iter().flatten() {
            for (key, value) in found.as_object().unwrap() {
                if key != "content" {
                    candidate.insert(key.clone(), value.clone());
                }
            }
            for part in found["content"]["parts"].as_array().into_iter().flatten() {
                join(&mut parts, part);
            }
        }
    }
    candidate.entry("index").or_insert(json!(0.0));
    candidate.insert("parts".to_owned(), parts.into());
    out.insert("candidate".to_owned(), candidate.into());
    Value::Object(out)
}

fn join(parts: &mut Vec<Value>, part: &Value) {
    if part == &json!({"text": ""}) {
        return;
    }
    if let (Some(last), Some(text)) = (parts.last_mut(), part["text"].as_str())
        && last["text"].is_string()
        && last.get("thought") == part.get("thought")
        && last.get("thoughtSignature").is_none()
        && part.get("thoughtSignature").is_none()
    {
        let joined = format!("{}{text}", last["text"].as_str().unwrap());
        last["text"] = joined.into();
        return;
    }
    parts.push(part.clone());
}
