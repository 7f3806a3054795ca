//! Recorded streams of other dialects, written for a Responses client.

use bytes::BytesMut;
use gateway_schema::chat::{Content, Fold, StreamEvent};
use gateway_schema::stream::{Decode, Encode};
use serde_json::Value;

use super::super::StreamEncoder;
use super::{decode, info, parsed};
use crate::testing::corpus;
use crate::testing::streams::{feed, groups};
use crate::{anthropic, gemini, openai};

/// Every recorded stream that `operation` names, as groups of canonical events.
fn recorded(
    operation: &str,
    decoder: fn() -> Box<dyn Decode>,
) -> Vec<(String, Vec<Vec<StreamEvent>>)> {
    let is_wanted = |x: &corpus::Exchange| {
        x.is(operation)
            && x.status() == 200
            && x.reply()
                .as_str()
                .is_some_and(|body| body.contains("data:"))
    };
    corpus::recorded(&[], is_wanted)
        .into_iter()
        .filter_map(|x| {
            let (frames, error) = feed(&mut *decoder(), &x.bytes(), &[]);
            error.is_none().then(|| (x.name, groups(frames)))
        })
        .collect()
}

/// Everything that begins ends, under one id and as it stands in the reply; numbers run.
fn check_events(name: &str, events: &[(String, Value)]) {
    let (last_name, last) = events.last().unwrap();
    assert!(
        [
            "response.completed",
            "response.incomplete",
            "response.failed"
        ]
        .contains(&last_name.as_str()),
        "{name}"
    );
    let output = last["response"]["output"].as_array().unwrap();
    let mut texts = vec![String::new(); output.len()];
    let (mut begun, mut ended) = (vec![0; output.len()], vec![0; output.len()]);
    for (number, (kind, event)) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{name}");
        let Some(index) = event["output_index"].as_u64() else {
            continue;
        };
        let index = usize::try_from(index).unwrap();
        match kind.as_str() {
            "response.output_item.added" => begun[index] += 1,
            "response.output_item.done" => {
                ended[index] += 1;
                assert_eq!(event["item"], output[index], "{name}");
            }
            _ => assert_eq!(event["item_id"], output[index]["id"], "{name}"),
        }
        if kind.ends_with("delta") {
            assert_eq!(ended[index], 0, "{name}: a delta after the end");
            texts[index].push_str(event["delta"].as_str().unwrap());
        }
    }
    assert!(
        begun.iter().chain(&ended).all(|count| *count == 1),
        "{name}"
    );
    for (item, text) in output.iter().zip(texts) {
        let parts = |list: &Value, key: &str| -> String {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(|part| part[key].as_str()).collect()
        };
        let whole = match item["type"].as_str().unwrap() {
            "function_call" => item["arguments"].as_str().unwrap().to_owned(),
            "reasoning" => parts(&item["summary"], "text"),
            _ => parts(&item["content"], "text") + &parts(&item["content"], "refusal"),
        };
        assert_eq!(text, whole, "{name}");
    }
}

/// What the first answer of a stream amounts to: texts, reasoning and calls with their proofs.
fn content(groups: &[Vec<StreamEvent>]) -> (String, String, Vec<String>, Vec<String>) {
    let mut fold = Fold::new();
    groups
        .iter()
        .flatten()
        .for_each(|event| fold.push(event.clone()));
    let answer = fold.finish().unwrap();
    let parts = answer.choices.into_iter().next().map(|it| it.parts);
    parts_content(parts.unwrap_or_default().iter())
}

fn parts_content<'a>(
    parts: impl Iterator<Item = &'a gateway_schema::chat::Part>,
) -> (String, String, Vec<String>, Vec<String>) {
    let (mut text, mut thoughts, mut calls, mut proofs) = Default::default();
    for part in parts {
        match &part.content {
            Content::Text { text: piece, .. } => String::push_str(&mut text, piece),
            Content::Thinking { text: piece, .. } => String::push_str(&mut thoughts, piece),
            Content::ToolCall(call) => {
                Vec::push(&mut calls, format!("{}{}", call.name, call.arguments));
            }
            Content::RedactedThinking { data, .. } => Vec::push(&mut proofs, data.clone()),
            _ => {}
        }
        if let Some(proof) = &part.signature
            && !matches!(part.content, Content::Opaque { .. })
        {
            proofs.push(format!("{}:{}", proof.dialect, proof.value));
        }
    }
    (text, thoughts, calls, proofs)
}

fn check(operation: &str, decoder: fn() -> Box<dyn Decode>) {
    for (name, groups) in recorded(operation, decoder) {
        if groups
            .iter()
            .flatten()
            .any(|event| matches!(event, StreamEvent::Error(_)))
        {
            continue;
        }
        let mut encoder = StreamEncoder::new(&info());
        let mut out = BytesMut::new();
        for group in &groups {
            encoder.encode(group, &mut out);
        }
        encoder.end(&mut out);
        let events = parsed(std::str::from_utf8(&out).unwrap());
        check_events(&name, &events);
        let output = &events.last().unwrap().1["response"]["output"];
        if output.as_array().unwrap().is_empty() {
            continue;
        }
        // What the client sends back with its next turn is what the provider said, proofs included.
        let request = decode(&serde_json::json!({"input": output})).unwrap().value;
        let back = request.messages.iter().flat_map(|message| &message.parts);
        assert_eq!(parts_content(back), content(&groups), "{name}");
    }
}

#[test]
fn recorded_chat_streams_become_streams_of_responses_and_come_back() {
    check("chat", || Box::new(openai::StreamDecoder::new()));
}

#[test]
fn recorded_messages_streams_become_streams_of_responses_and_come_back() {
    check("messages", || Box::new(anthropic::StreamDecoder::new()));
}

#[test]
fn recorded_gemini_streams_become_streams_of_responses_and_come_back() {
    check(
        "generate_content",
        || Box::new(gemini::StreamDecoder::new()),
    );
}
