//! A second reading of streams, written from the documentation and as simple as can be.

use serde_json::{Map, Value, json};

/// What a stream amounts to: the message that a client puts together from it.
pub(super) fn message(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut partial: Vec<String> = Vec::new();
    for line in stream.lines() {
        let Some(data) = line.strip_prefix("data:") else {
            continue;
        };
        let event: Value = serde_json::from_str(data).unwrap();
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(content.len(), index, "blocks come in order");
                content.push(event["content_block"].clone());
                partial.push(String::new());
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                apply(block, &event["delta"], &mut partial[index]);
            }
            "message_delta" => {
                for (key, value) in event["delta"].as_object().unwrap() {
                    message[key] = value.clone();
                }
                for (key, value) in event["usage"].as_object().unwrap() {
                    message["usage"][key] = value.clone();
                }
                if let Some(value) = event.get("context_management") {
                    message["context_management"] = value.clone();
                }
            }
            _ => {}
        }
    }
    for (block, text) in message["content"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(partial)
    {
        if !text.is_empty() {
            block["input"] = serde_json::from_str(&text).unwrap();
        }
    }
    message
}

fn apply(block: &mut Value, delta: &Value, partial: &mut String) {
    let mut add = |field: &str| {
        let text = block[field].as_str().unwrap_or_default().to_owned();
        block[field] = Value::String(text + delta[field].as_str().unwrap());
    };
    match delta["type"].as_str().unwrap() {
        "text_delta" => add("text"),
        "thinking_delta" => add("thinking"),
        "signature_delta" => add("signature"),
        "input_json_delta" => partial.push_str(delta["partial_json"].as_str().unwrap()),
        "citations_delta" => {
            if !block["citations"].is_array() {
                block["citations"] = json!([]);
            }
            block["citations"]
                .as_array_mut()
                .unwrap()
                .push(delta["citation"].clone());
        }
        other => panic!("unknown delta {other}"),
    }
}

/// A message or a request without what means nothing: nulls, empty texts, empty lists of citations, `false` defaults.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let default = matches!(
                    (key.as_str(), value),
                    ("is_error" | "stream", Value::Bool(false)) | (_, Value::Null)
                ) || (key == "citations" && *value == json!([]))
                    || (key == "caller" && value["type"] == "direct");
                if !default {
                    out.insert(key.clone(), plain(value));
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(
            items
                .iter()
                .filter(|item| !(item["type"] == "text" && item["text"] == ""))
                .map(plain)
                .collect(),
        ),
        Value::Number(number) => number.as_f64().map_or(Value::Null, |number| json!(number)),
        other => other.clone(),
    }
}
