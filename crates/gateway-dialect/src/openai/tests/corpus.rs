//! Every recorded exchange, both directions.

use std::collections::BTreeSet;

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Content, StreamEvent};
use gateway_schema::embedding::Vector;
use gateway_schema::{Losses, Usage};
use serde_json::Value;

use super::{EVERYTHING, bytes, corpus, cut, encode, facts, feed, groups, info, reader};
use crate::openai::{
    Observer, StreamDecoder, StreamEncoder, UsageChunk, decode_chat_request, decode_chat_response,
    decode_completion_response, decode_embedding_response, decode_error, encode_chat_request,
    encode_chat_response, encode_completion_response, encode_embedding_response, observe,
};
use crate::{RequestOptions, openai};

/// What canonical events say of the first answer.
fn read_events(groups: &[Vec<StreamEvent>]) -> reader::Read {
    let mut read = reader::Read::default();
    for event in groups.iter().flatten() {
        match event {
            StreamEvent::Text { choice: 0, text } => read.text += text,
            StreamEvent::Thinking { choice: 0, text } => read.thinking += text,
            StreamEvent::Refusal { choice: 0, text } => read.refusal += text,
            StreamEvent::ToolCall {
                choice: 0,
                name,
                arguments,
                ..
            } => read.calls.push((name.clone(), arguments.clone())),
            StreamEvent::ToolArguments {
                choice: 0,
                call,
                fragment,
            } => read.calls[*call as usize].1 += fragment,
            StreamEvent::Finish { choice: 0, finish } => {
                read.finish = Some(openai::chat::finish::encode(finish).0.to_owned());
            }
            StreamEvent::Usage(usage) => {
                if let Some(input) = usage.input_tokens {
                    read.usage = Some((input, usage.output_tokens.unwrap_or(0)));
                }
            }
            StreamEvent::Error(_) => read.error = true,
            _ => {}
        }
    }
    read
}

fn read_choice(choice: Option<&Choice>, response: &ChatResponse) -> reader::Read {
    let mut read = reader::Read::default();
    if let Some(choice) = choice {
        for part in &choice.parts {
            match &part.content {
                Content::Text { text, .. } => read.text += text,
                Content::Thinking { text, .. } => read.thinking += text,
                Content::Refusal(text) => read.refusal += text,
                Content::ToolCall(call) => {
                    read.calls.push((call.name.clone(), call.arguments.clone()));
                }
                _ => {}
            }
        }
        read.finish = choice
            .finish
            .as_ref()
            .map(|finish| openai::chat::finish::encode(finish).0.to_owned());
    }
    if let Some(usage) = &response.usage
        && let Some(input) = usage.input_tokens
    {
        read.usage = Some((input, usage.output_tokens.unwrap_or(0)));
    }
    read
}

fn streams() -> Vec<(String, Bytes)> {
    let mut found: Vec<(String, Bytes)> = ["chat", "completions"]
        .into_iter()
        .flat_map(|operation| corpus(operation, true))
        // Not this dialect: pieces under the name `value`.
        .filter(|x| !x.name.contains("writer/completions"))
        .filter_map(|x| {
            Some((
                x.name.clone(),
                x.is_stream().then(|| Bytes::from(x.bytes()))?,
            ))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn recorded_streams_are_read_as_an_independent_reader_does() {
    for (name, body) in streams() {
        let text = std::str::from_utf8(&body).unwrap();
        let (frames, error) = feed(StreamDecoder::new(), [body.clone()]);
        assert!(error.is_none(), "{name}: {error:?}");
        let groups = groups(&frames);
        let expected = reader::stream(text);
        assert_eq!(read_events(&groups), expected, "{name}");
        assert_eq!(facts(&frames).ended, !expected.error, "{name}");
    }
}

#[test]
fn recorded_streams_give_the_same_events_however_they_are_cut() {
    for (name, body) in streams() {
        let whole = feed(StreamDecoder::new(), [body.clone()]).0;
        for size in [1, 2, 3, 7, 40, 1000] {
            let pieces = feed(StreamDecoder::new(), cut(&body, size)).0;
            assert_eq!(groups(&pieces), groups(&whole), "{name} by {size}");
        }
        // Every boundary of short streams, evenly spread ones of long streams.
        for at in (0..body.len()).step_by(1 + body.len() * body.len() / 1_000_000) {
            let halves = [body.slice(..at), body.slice(at..)];
            let pieces = feed(StreamDecoder::new(), halves).0;
            assert_eq!(groups(&pieces), groups(&whole), "{name} at {at}");
        }
    }
}

#[test]
fn recorded_streams_are_written_again_with_the_same_meaning() {
    for (name, body) in streams() {
        let (frames, _) = feed(StreamDecoder::new(), [body.clone()]);
        let mut expected = read_events(&groups(&frames));
        if expected.error {
            continue;
        }
        let is_chat = name.contains("/chat_");
        let out = if is_chat {
            encode(StreamEncoder::chat(&info()), &groups(&frames))
        } else {
            encode(StreamEncoder::completion(&info()), &groups(&frames))
        };
        let text = std::str::from_utf8(&out).unwrap();
        assert!(text.ends_with("data: [DONE]\n\n"), "{name}");
        expected.error = false;
        assert_eq!(reader::stream(text), expected, "{name}\n{text}");
        let again = feed(StreamDecoder::new(), [out]).0;
        assert_eq!(read_events(&groups(&again)), expected, "{name}");
    }
}

/// A stream without the events that only report usage, found by splitting.
fn without_usage(text: &str) -> String {
    let end = if text.contains("\r\n\r\n") {
        "\r\n\r\n"
    } else {
        "\n\n"
    };
    text.split_inclusive(end)
        .filter(|block| {
            let data = block.trim().strip_prefix("data:").unwrap_or("null");
            let Ok(event) = serde_json::from_str::<Value>(data) else {
                return true;
            };
            let is_hollow = event["choices"].as_array().is_some_and(Vec::is_empty);
            !(is_hollow && event["usage"].is_object())
        })
        .collect()
}

#[test]
fn observed_streams_pass_unchanged_and_tell_what_the_decoder_tells() {
    for (name, body) in streams() {
        let text = std::str::from_utf8(&body).unwrap();
        let told = facts(&feed(StreamDecoder::new(), [body.clone()]).0);
        let done = if text.contains("[DONE]") || told.error.is_some() {
            ""
        } else {
            "data: [DONE]\n\n"
        };
        for size in [1, 7, 100, 5000, body.len().max(1)] {
            let (frames, error) = feed(Observer::new(UsageChunk::Forward), cut(&body, size));
            assert!(error.is_none(), "{name} by {size}: {error:?}");
            assert_eq!(bytes(&frames), format!("{text}{done}"), "{name} by {size}");
            let seen = facts(&frames);
            assert_eq!(
                (
                    &seen.usage,
                    seen.finish,
                    seen.ended,
                    &seen.id,
                    &seen.model,
                    seen.error.is_some()
                ),
                (
                    &told.usage,
                    told.finish,
                    told.ended,
                    &told.id,
                    &told.model,
                    told.error.is_some()
                ),
                "{name} by {size}"
            );
            assert_eq!(seen.meaningful, told.meaningful, "{name}");
            let (hidden, error) = feed(Observer::new(UsageChunk::Hide), cut(&body, size));
            assert!(error.is_none(), "{name} by {size}: {error:?}");
            let out = bytes(&hidden);
            assert_eq!(
                String::from_utf8_lossy(&out),
                format!("{}{done}", without_usage(text)),
                "{name} by {size}"
            );
            assert_eq!(facts(&hidden).usage, told.usage, "{name} by {size}");
        }
    }
}

#[test]
fn recorded_replies_are_read_and_written_again_with_the_same_meaning() {
    for x in corpus("chat", true) {
        let reply = x.reply();
        if !reply.is_object() || reply["choices"][0]["message"]["function_call"]["name"] == "" {
            continue;
        }
        let text = format!("  \n{reply}");
        let expected = reader::whole(reply);
        let response =
            decode_chat_response(text.as_bytes()).unwrap_or_else(|e| panic!("{}: {e}", x.name));
        assert_eq!(
            read_choice(response.choices.first(), &response),
            expected,
            "{}",
            x.name
        );
        let seen = observe(text.as_bytes()).unwrap();
        assert_eq!(
            seen.usage.map(|it| *it),
            counts(response.usage.as_ref()),
            "{}",
            x.name
        );
        assert_eq!(seen.id, response.id);
        assert_eq!(
            seen.finish.is_some(),
            response
                .choices
                .iter()
                .any(|choice| choice.finish.is_some())
        );
        let mut losses = Losses::new();
        let out = encode_chat_response(&response, &info(), &mut losses);
        assert!(losses.is_empty(), "{}: {losses:?}", x.name);
        let written: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(reader::whole(&written), expected, "{}", x.name);
        let again = decode_chat_response(&out).unwrap();
        assert_eq!(again.choices, canonical(response.choices), "{}", x.name);
        assert_eq!(
            again.usage.map(|usage| usage.total()),
            response.usage.map(|usage| usage.total())
        );
    }
}

/// Choices in the words that the encoder uses: an id for every call, finish reasons that OpenAI has.
fn canonical(mut choices: Vec<Choice>) -> Vec<Choice> {
    for finish in choices
        .iter_mut()
        .filter_map(|choice| choice.finish.as_mut())
    {
        finish.raw = Some(openai::chat::finish::encode(finish).0.to_owned());
    }
    for (index, part) in choices
        .iter_mut()
        .flat_map(|choice| choice.parts.iter_mut().enumerate())
    {
        if let Content::ToolCall(call) = &mut part.content {
            call.id
                .get_or_insert_with(|| format!("call_0123456789abcdef_{index}"));
        }
    }
    choices
}

#[test]
fn recorded_completions_and_vectors_are_read_and_written_again() {
    for x in corpus("completions", true) {
        let reply = x.reply();
        if !reply["choices"].is_array() {
            continue;
        }
        let response = decode_completion_response(reply.to_string().as_bytes()).unwrap();
        let out = encode_completion_response(&response, &info(), &mut Losses::new());
        let written: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(reader::whole(&written), reader::whole(reply), "{}", x.name);
    }
    let mut vectors = 0;
    for x in corpus("embeddings", true) {
        let reply = x.reply();
        let Some(data) = reply["data"].as_array() else {
            continue;
        };
        let response = decode_embedding_response(reply.to_string().as_bytes()).unwrap();
        for (want, got) in data.iter().zip(&response.embeddings) {
            match &got.vector {
                Vector::Floats(floats) => assert_eq!(
                    serde_json::to_value(floats).unwrap(),
                    floats_of(&want["embedding"]),
                    "{}",
                    x.name
                ),
                Vector::Base64(text) => assert_eq!(want["embedding"], *text),
            }
            vectors += 1;
        }
        let out = encode_embedding_response(&response, &info(), &mut Losses::new());
        assert_eq!(
            decode_embedding_response(&out).unwrap().embeddings,
            response.embeddings
        );
        let seen = observe(reply.to_string().as_bytes()).unwrap();
        assert_eq!(
            seen.usage.map(|it| *it),
            counts(response.usage.as_ref()),
            "{}",
            x.name
        );
    }
    assert!(vectors > 10 || corpus("chat", true).is_empty());
}

/// Usage without what vendors add under names of their own.
fn counts(usage: Option<&Usage>) -> Option<Usage> {
    let mut usage = usage?.clone();
    usage.extra.clear();
    Some(usage)
}

fn floats_of(list: &Value) -> Value {
    list.as_array()
        .unwrap()
        .iter()
        .map(|number| Value::from(number.as_f64().unwrap()))
        .collect()
}

/// A request without what means nothing: nulls, `stream: false`, numbers of tool calls.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, value)| !(value.is_null() || (*key == "stream" && **value == false)))
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => Value::from(number.as_f64()),
        other => other.clone(),
    }
}

#[test]
fn recorded_requests_are_read_and_written_again_without_loss() {
    let mut read = BTreeSet::new();
    for x in corpus("chat", true)
        .into_iter()
        .chain(corpus("chat", false))
    {
        let body = x.request();
        if !body.is_object() {
            continue;
        }
        let request = match decode_chat_request(body.to_string().as_bytes()) {
            Ok(request) => request,
            Err(error) => {
                // Only what the provider refused as well.
                assert_ne!(x.value["response"]["status"], 200, "{}: {error}", x.name);
                continue;
            }
        };
        let model = request.model.clone().unwrap_or_default();
        let options = RequestOptions::new(&model);
        let written = encode_chat_request(&request, &options, &EVERYTHING);
        assert!(
            written.losses.is_empty(),
            "{}: {:?}",
            x.name,
            written.losses
        );
        let mut want = plain(body);
        let mut got = plain(&serde_json::from_slice(&written.body).unwrap());
        normalise(&mut want, &mut got);
        assert_eq!(differing(&got, &want), differing(&want, &got), "{}", x.name);
        let again = decode_chat_request(&written.body).unwrap();
        let twice = encode_chat_request(&again, &options, &EVERYTHING);
        assert_eq!(twice.body, written.body, "{}", x.name);
        read.insert(x.name);
    }
    assert!(read.len() > 150 || read.is_empty(), "{}", read.len());
}

/// The fields of one that the other has otherwise.
fn differing(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Object(fields), Value::Object(_)) => fields
            .iter()
            .filter(|(key, value)| other.get(key) != Some(value))
            .map(|(key, value)| (key.clone(), differing(value, &other[key])))
            .collect(),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => items
            .iter()
            .zip(others)
            .filter(|(one, other)| one != other)
            .map(|(one, other)| differing(one, other))
            .collect(),
        _ => one.clone(),
    }
}

/// Evens out what is written in one of several spellings.
fn normalise(want: &mut Value, got: &mut Value) {
    // Usage is asked for on every stream.
    for side in [&mut *want, &mut *got] {
        let fields = side.as_object_mut().unwrap();
        fields.remove("stream_options");
        fields.remove("model");
        // Models that reason take the newer spelling only.
        if let Some(limit) = fields.remove("max_tokens") {
            fields.insert("max_completion_tokens".to_owned(), limit);
        }
        for message in fields["messages"].as_array_mut().unwrap() {
            let message = message.as_object_mut().unwrap();
            // One name of three for reasoning.
            let thoughts = ["reasoning_content", "reasoning", "reasoning_details"];
            for key in thoughts {
                message.remove(key);
            }
            if let Some(Value::Array(parts)) = message.get_mut("content") {
                parts.retain(|part| part["type"] != "thinking");
                for part in parts.iter_mut() {
                    if let Some(Value::String(url)) = part.get("image_url").cloned() {
                        part["image_url"] = serde_json::json!({ "url": url });
                    }
                }
                if parts.is_empty() {
                    message.remove("content");
                }
            }
            if let Some(mark) = message.remove("cache_control")
                && let Some(Value::String(text)) = message.get("content").cloned()
            {
                let part = serde_json::json!({"type": "text", "text": text, "cache_control": mark});
                message.insert("content".to_owned(), Value::Array(vec![part]));
            }
            if message.get("tool_calls") == Some(&serde_json::json!([])) {
                message.remove("tool_calls");
            }
            for call in message
                .get_mut("tool_calls")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                call.as_object_mut().unwrap().remove("index");
                call["type"] = "function".into();
            }
        }
        for tool in fields
            .get_mut("tools")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if tool.get("function").is_some() {
                tool["type"] = "function".into();
            }
        }
        if fields.get("tool_choice") == Some(&Value::from("any")) {
            fields.insert("tool_choice".to_owned(), "required".into());
        }
        if fields.get("stop") == Some(&serde_json::json!([])) {
            fields.remove("stop");
        }
    }
}

#[test]
fn recorded_errors_keep_the_providers_message() {
    for operation in ["chat", "completions", "embeddings"] {
        for x in corpus(operation, false) {
            let status = u16::try_from(x.value["response"]["status"].as_u64().unwrap()).unwrap();
            let body = match x.reply() {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let error = decode_error(status, Some("application/json"), body.as_bytes());
            assert_eq!(
                error.upstream_failure().unwrap().status,
                Some(status),
                "{}",
                x.name
            );
            let reply = x.reply();
            let words = [
                &reply["error"]["message"],
                &reply["error"],
                &reply["detail"],
                &reply["message"],
            ]
            .into_iter()
            .find_map(Value::as_str);
            if let Some(words) = words {
                assert_eq!(error.message(), words, "{}", x.name);
            }
        }
    }
}
