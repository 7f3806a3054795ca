//! Streams out.

use bytes::BytesMut;
use gateway_schema::chat::{FinishReason, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Usage};
use serde_json::{Value, json};

use super::super::StreamEncoder;
use super::{encoded, info, parsed};
use crate::testing::streams::{arguments, call, finish, text};
use crate::{ToolForm, ToolKind};

fn start() -> StreamEvent {
    StreamEvent::Start {
        id: Some("up".to_owned()),
        model: Some("m".to_owned()),
        created: Some(5),
        extra: Extra::new(),
    }
}

fn thinking(text: &str) -> StreamEvent {
    let text = text.to_owned();
    StreamEvent::Thinking { choice: 0, text }
}

fn sign(dialect: Dialect, value: &str) -> StreamEvent {
    let value = value.to_owned();
    StreamEvent::Signature {
        choice: 0,
        signature: Signature { dialect, value },
    }
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events
        .iter()
        .map(|(name, _)| name.strip_prefix("response.").unwrap_or(name))
        .collect()
}

#[test]
fn a_tool_that_takes_free_text_is_called_in_its_own_form() {
    let info = info().with_tool_forms([ToolForm::new("f", ToolKind::Custom)].into());
    let mut encoder = StreamEncoder::new(&info);
    let mut out = BytesMut::new();
    for group in [
        vec![start(), call(0, "c1", "{\"input\":\"*** Be")],
        vec![arguments(0, "gin\\n\"}")],
        vec![finish(FinishReason::ToolCalls), StreamEvent::End],
    ] {
        encoder.encode(&group, &mut out);
    }
    encoder.end(&mut out);
    let events = parsed(std::str::from_utf8(&out).unwrap());
    let of = |name: &str| -> Vec<&Value> {
        let of_kind = events.iter().filter(|(known, _)| known == name);
        of_kind.map(|(_, event)| event).collect()
    };
    assert!(of("response.function_call_arguments.delta").is_empty());
    let deltas = of("response.custom_tool_call_input.delta");
    assert_eq!(deltas[0]["delta"], "*** Begin\n");
    let item = &of("response.output_item.done")[0]["item"];
    assert_eq!(
        (
            &item["type"],
            &item["name"],
            &item["call_id"],
            &item["input"]
        ),
        (
            &json!("custom_tool_call"),
            &json!("f"),
            &json!("c1"),
            &json!("*** Begin\n")
        )
    );
}

#[test]
fn a_proof_ends_behind_the_call_it_proves_and_begins_in_the_order_of_the_reply() {
    let events = encoded(&[
        vec![start()],
        vec![call(0, "c1", "{}"), sign(Dialect::GEMINI, "G")],
        vec![call(1, "c2", "{}")],
        vec![finish(FinishReason::ToolCalls), StreamEvent::End],
    ]);
    let indexes = |kind: &str| -> Vec<u64> {
        let of_kind = events.iter().filter(|(name, _)| name == kind);
        of_kind
            .map(|(_, event)| event["output_index"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(indexes("response.output_item.added"), [0, 1, 2]);
    assert_eq!(indexes("response.output_item.done"), [0, 1, 2]);
    let output = &events.last().unwrap().1["response"]["output"];
    assert_eq!(output[0]["call_id"], "c1");
    assert_eq!(output[1]["encrypted_content"], "gateway:gemini+before:G");
    assert_eq!(output[2]["call_id"], "c2");
}

#[test]
fn reasoning_text_and_calls_come_in_the_order_of_the_service() {
    let events = encoded(&[
        vec![start()],
        vec![thinking("h")],
        vec![thinking("m")],
        vec![
            sign(Dialect::ANTHROPIC, "S"),
            StreamEvent::PartEnd { choice: 0 },
        ],
        vec![text("Hel")],
        vec![text("lo")],
        vec![StreamEvent::PartEnd { choice: 0 }],
        vec![call(0, "c1", "")],
        vec![arguments(0, "{\"a\":")],
        vec![arguments(0, "1}")],
        vec![StreamEvent::PartEnd { choice: 0 }],
        vec![finish(FinishReason::ToolCalls)],
        vec![StreamEvent::Usage(Usage::new(3, 4)), StreamEvent::End],
    ]);
    assert_eq!(
        names(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    for (number, (_, event)) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let last = &events.last().unwrap().1["response"];
    assert_eq!(
        last["output"][0]["encrypted_content"],
        "gateway:anthropic:S"
    );
    assert_eq!(last["output"][0]["summary"][0]["text"], "hm");
    assert_eq!(last["output"][1]["content"][0]["text"], "Hello");
    assert_eq!(last["output"][2]["arguments"], "{\"a\":1}");
    assert_eq!(last["usage"]["total_tokens"], 7);
    assert_eq!((&last["id"], &last["model"]), (&json!("up"), &json!("m")));
    // Every item that was begun ends as it stands in the reply, under its id.
    for (name, event) in &events {
        if name == "response.output_item.done" {
            let index = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
            assert_eq!(event["item"], last["output"][index]);
        }
        if let Some(id) = event.get("item_id") {
            let index = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
            assert_eq!(*id, last["output"][index]["id"]);
        }
    }
}

#[test]
fn pieces_of_several_calls_may_come_mixed() {
    let events = encoded(&[
        vec![start(), call(0, "c1", ""), call(1, "c2", "")],
        vec![arguments(0, "{}"), arguments(1, "[1")],
        vec![arguments(1, "]"), sign(Dialect::GEMINI, "G")],
        vec![finish(FinishReason::ToolCalls), StreamEvent::End],
    ]);
    let last = &events.last().unwrap().1["response"];
    assert_eq!(last["output"][0]["arguments"], "{}");
    assert_eq!(last["output"][1]["arguments"], "[1]");
    assert_eq!(
        last["output"][2]["encrypted_content"],
        "gateway:gemini+before:G"
    );
    let done = |name: &str| events.iter().filter(|(it, _)| it == name).count();
    assert_eq!(done("response.output_item.done"), 3);
    assert_eq!(done("response.output_item.added"), 3);
}

#[test]
fn a_cut_stream_ends_incomplete_and_a_refusal_completes() {
    let events = encoded(&[vec![
        start(),
        text("Hel"),
        finish(FinishReason::Length),
        StreamEvent::End,
    ]]);
    let (name, last) = events.last().unwrap();
    assert_eq!(name, "response.incomplete");
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");

    let refusal = StreamEvent::Refusal {
        choice: 0,
        text: "no".to_owned(),
    };
    let events = encoded(&[vec![start(), refusal, finish(FinishReason::Refusal)]]);
    assert!(names(&events).contains(&"refusal.done"));
    assert_eq!(events.last().unwrap().0, "response.completed");
}

#[test]
fn a_broken_stream_ends_with_an_error_and_a_failed_reply() {
    let mut encoder = StreamEncoder::new(&info());
    let mut out = BytesMut::new();
    encoder.encode(&[start(), text("Hel")], &mut out);
    let body = json!({"error": {"message": "gone", "type": "api_error", "param": null, "code": "upstream"}});
    encoder.error(&body, &mut out);
    let events = parsed(std::str::from_utf8(&out).unwrap());
    let (_, error) = &events[events.len() - 5];
    assert_eq!(error["message"], "gone");
    assert_eq!(error["error"]["code"], "upstream");
    let (name, last) = events.last().unwrap();
    assert_eq!(name, "response.failed");
    assert_eq!(
        last["response"]["error"],
        json!({"code": "upstream", "message": "gone"})
    );
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "Hel");
}

#[test]
fn an_empty_stream_still_begins_and_ends() {
    let events = encoded(&[]);
    assert_eq!(names(&events), ["created", "in_progress", "completed"]);
}
