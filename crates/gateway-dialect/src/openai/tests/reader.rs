//! An independent reading of OpenAI-like replies: plain trees, no state machines.

use serde_json::Value;

/// What a reader of the vendor's documentation finds in the first answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) refusal: String,
    pub(super) calls: Vec<(String, String)>,
    pub(super) finish: Option<String>,
    pub(super) usage: Option<(u64, u64)>,
    pub(super) error: bool,
}

/// The JSON events of a stream.
pub(super) fn events(text: &str) -> Vec<Value> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split("\n\n")
        .filter_map(|block| {
            let data: Vec<&str> = block
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(|data| data.strip_prefix(' ').unwrap_or(data))
                .collect();
            serde_json::from_str(&data.join("\n")).ok()
        })
        .collect()
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| item["text"].as_str())
            .collect(),
        Value::Object(_) => content.to_string(),
        _ => String::new(),
    }
}

fn thinking_of(message: &Value) -> String {
    for key in ["reasoning_content", "reasoning"] {
        if let Some(text) = message[key].as_str()
            && !text.is_empty()
        {
            return text.to_owned();
        }
    }
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let details: String = items(&message["reasoning_details"])
        .iter()
        .filter_map(|detail| detail["text"].as_str())
        .collect();
    if !details.is_empty() {
        return details;
    }
    items(&message["content"])
        .iter()
        .flat_map(|part| items(&part["thinking"]))
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect()
}

fn usage(read: &mut Read, usage: &Value) {
    if let Some(input) = usage["prompt_tokens"].as_u64() {
        read.usage = Some((input, usage["completion_tokens"].as_u64().unwrap_or(0)));
    }
}

fn finish(word: &str, has_calls: bool) -> String {
    match word {
        "eos" => "stop",
        "" if has_calls => "tool_calls",
        other => other,
    }
    .to_owned()
}

/// Reads a whole reply.
pub(super) fn whole(reply: &Value) -> Read {
    let mut read = Read::default();
    let choice = &reply["choices"][0];
    let message = &choice["message"];
    read.text = if message.is_null() {
        text_of(&choice["text"])
    } else {
        text_of(&message["content"])
    };
    read.thinking = thinking_of(message);
    read.refusal = text_of(&message["refusal"]);
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        read.calls.push((
            text_of(&call["function"]["name"]),
            text_of(&call["function"]["arguments"]),
        ));
    }
    read.finish = choice["finish_reason"]
        .as_str()
        .map(|word| finish(word, !read.calls.is_empty()));
    usage(&mut read, &reply["usage"]);
    read
}

/// Reads a stream.
pub(super) fn stream(text: &str) -> Read {
    struct Slot {
        index: Value,
        id: Value,
        name: String,
        arguments: String,
    }
    let mut read = Read::default();
    let mut calls: Vec<Slot> = Vec::new();
    for event in events(text) {
        read.error |= event["error"].is_object();
        usage(&mut read, &event["x_groq"]["usage"]);
        usage(&mut read, &event["usage"]);
        for choice in event["choices"].as_array().into_iter().flatten() {
            if choice["index"].as_u64().unwrap_or(0) != 0 {
                continue;
            }
            let delta = &choice["delta"];
            if delta.is_null() {
                read.text += &text_of(&choice["text"]);
            }
            read.text += &text_of(&delta["content"]);
            read.thinking += &thinking_of(delta);
            read.refusal += &text_of(&delta["refusal"]);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let (index, id) = (&call["index"], &call["id"]);
                let known = if index.is_null() {
                    calls
                        .iter_mut()
                        .find(|slot| !id.is_null() && slot.id == *id)
                } else {
                    calls.iter_mut().find(|slot| slot.index == *index)
                };
                let arguments = text_of(&call["function"]["arguments"]);
                match known {
                    Some(slot) => slot.arguments += &arguments,
                    None => calls.push(Slot {
                        index: index.clone(),
                        id: id.clone(),
                        name: text_of(&call["function"]["name"]),
                        arguments,
                    }),
                }
            }
            if let Some(word) = choice["finish_reason"].as_str()
                && !word.is_empty()
            {
                read.finish = Some(finish(word, !calls.is_empty()));
            }
        }
    }
    read.calls = calls
        .into_iter()
        .map(|slot| (slot.name, slot.arguments))
        .collect();
    read
}
