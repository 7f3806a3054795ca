//! Recorded traffic: requests are understood, replies come out of the codec as they went in.

use gateway_schema::chat::{Content, Role};
use gateway_schema::stream::Facts;
use serde_json::Value;

use super::super::{StreamObserver, observe};
use super::{corpus, decode};
use crate::testing::corpus::Exchange;
use crate::testing::streams::{feed, forwarded, total};

/// What the provider took is understood, apart from what only it can know.
#[test]
fn every_recorded_request_is_read_or_refused_with_a_reason() {
    for Exchange { name, value } in corpus() {
        let body = &value["request"]["body"];
        if !body.is_object() || value["operation"] != "responses" {
            continue;
        }
        let stored = ["previous_response_id", "prompt", "conversation"]
            .iter()
            .any(|key| !body[*key].is_null());
        match decode(body) {
            Ok(decoded) => {
                assert!(!stored, "{name}");
                assert!(!decoded.value.messages.is_empty(), "{name}");
            }
            Err(error) => {
                assert!(stored, "{name}: {error}");
                for field in error.field_errors() {
                    assert_eq!(field.code, "unsupported_parameter", "{name}");
                }
            }
        }
    }
}

/// Every call and every result of a recorded conversation is still there, with its id.
#[test]
fn calls_and_results_of_recorded_conversations_survive() {
    let ids = |body: &Value, kinds: [&str; 2]| -> Vec<String> {
        let items = body["input"].as_array().into_iter().flatten();
        items
            .filter(|item| kinds.contains(&item["type"].as_str().unwrap_or_default()))
            .map(|item| item["call_id"].as_str().unwrap().to_owned())
            .collect()
    };
    for Exchange { name, value } in corpus() {
        let body = &value["request"]["body"];
        let Ok(decoded) = decode(body) else { continue };
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        for message in &decoded.value.messages {
            for part in &message.parts {
                match &part.content {
                    Content::ToolCall(call) => {
                        assert_eq!(message.role, Role::Assistant, "{name}");
                        calls.push(call.id.clone().unwrap());
                    }
                    Content::ToolResult(result) => results.push(result.call_id.clone()),
                    _ => {}
                }
            }
        }
        assert_eq!(
            calls,
            ids(body, ["function_call", "custom_tool_call"]),
            "{name}"
        );
        let wanted = ids(body, ["function_call_output", "custom_tool_call_output"]);
        assert_eq!(results, wanted, "{name}");
    }
}

fn facts(stream: &[u8], cut: usize) -> (Facts, Vec<u8>, bool) {
    let (frames, error) = feed(&mut StreamObserver::new(), stream, &[cut]);
    let bytes = forwarded(&frames);
    (total(frames), bytes, error.is_none())
}

#[test]
fn recorded_streams_pass_untouched_and_state_the_same_facts_however_they_are_cut() {
    for Exchange { name, value } in corpus() {
        let reply = &value["response"];
        let Some(stream) = reply["body"]
            .as_str()
            .filter(|text| text.contains("event: "))
        else {
            continue;
        };
        let stream = stream.as_bytes();
        let (whole, bytes, good) = facts(stream, 0);
        assert_eq!(bytes, stream, "{name}");
        assert!(good, "{name}");
        assert!(whole.ended || whole.error.is_some(), "{name}");
        assert!(whole.usage.is_some() || whole.error.is_some(), "{name}");
        assert!(whole.model.is_some(), "{name}");
        let step = (stream.len() / 200).max(1);
        for cut in (0..stream.len()).step_by(step) {
            assert_eq!(facts(stream, cut).0, whole, "{name} cut at {cut}");
        }
    }
}

#[test]
fn recorded_replies_state_usage_and_model() {
    for Exchange { name, value } in corpus() {
        let reply = &value["response"];
        if reply["body"]["object"] != "response" || reply["status"] != 200 {
            continue;
        }
        let seen = observe(reply["body"].to_string().as_bytes()).unwrap();
        assert!(seen.model.is_some() && seen.id.is_some(), "{name}");
        if reply["body"]["usage"].is_object() {
            let usage = seen.usage.unwrap();
            let wanted = reply["body"]["usage"]["input_tokens"].as_u64();
            assert_eq!(usage.input_tokens, wanted, "{name}");
        }
        assert!(seen.finish.is_some(), "{name}");
    }
}
