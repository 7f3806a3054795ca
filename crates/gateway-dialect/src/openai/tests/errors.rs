//! What clients send wrong, and errors inside good answers.

use bytes::Bytes;
use gateway_schema::{CallError, ErrorKind, Operation, Origin};

use super::{facts, feed};
use crate::ClientCodec;
use crate::openai::{
    Observer, OpenAi, StreamDecoder, UsageChunk, decode_chat_response, decode_embedding_response,
    observe,
};

fn faults(operation: Operation, body: &str) -> Vec<String> {
    let error = OpenAi.decode(operation, body.as_bytes()).unwrap_err();
    assert_eq!(
        (error.kind(), error.origin()),
        (ErrorKind::InvalidRequest, Origin::Client)
    );
    error
        .field_errors()
        .iter()
        .map(|fault| format!("{}: {}", fault.dotted(), fault.message))
        .collect()
}

#[test]
fn every_wrong_field_of_a_chat_request_is_named_at_once() {
    let found = faults(
        Operation::Chat,
        r#"{
            "messages": [
                {"content": "x"},
                {"role": "user", "content": [{"type": "text"}, 5, {"type": "image_url", "image_url": {"url": 7, "detail": "huge"}}]},
                {"role": "tool", "content": "x"},
                {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"arguments": "{}"}}]}
            ],
            "temperature": "hot", "max_tokens": 1.5, "n": -1, "stop": [1], "stream": "yes",
            "tools": [{"type": "function"}, {"type": "function", "function": {"name": 3}}],
            "tool_choice": 9
        }"#,
    );
    let expected = [
        "messages[0].role: required, but missing; expected `system`, `developer`, `user`, `assistant` or `tool`",
        "messages[1].content[0].text: required, but missing; expected the content of the part",
        "messages[1].content[1]: expected an object with a `type`, got 5",
        "messages[1].content[2].image_url.url: expected a string, got 7",
        "messages[1].content[2].image_url.detail: expected one of `auto`, `low`, `high`, got the string \"huge\"",
        "messages[1].content[2].image_url.url: required, but missing; expected an address or a data URL",
        "messages[2].tool_call_id: required, but missing; expected the id of the tool call it answers",
        "messages[3].tool_calls[0].function.name: required, but missing; expected the name of the function",
        "temperature: expected a number, got the string \"hot\"",
        "max_tokens: expected a whole number, 0 or more, got 1.5",
        "n: expected a whole number from 0 to 4294967295, got -1",
        "stop[0]: expected a string, got 1",
        "stream: expected true or false, got the string \"yes\"",
        "tools[0].function: required, but missing; expected an object with a `name`",
        "tools[1].function.name: expected a string, got 3",
        "tool_choice: expected `auto`, `none`, `required` or an object, got 9",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_must_be_there_is_asked_for() {
    assert_eq!(
        faults(Operation::Chat, "{}"),
        ["messages: required, but missing; expected a list of messages"]
    );
    assert_eq!(
        faults(Operation::Chat, r#"{"messages":[]}"#),
        ["messages: expected at least one message, got an empty list"]
    );
    assert_eq!(
        faults(Operation::Completion, r#"{"prompt":{}}"#),
        ["prompt: expected a string, a list of strings or token ids, got an object"]
    );
    assert_eq!(
        faults(Operation::Embedding, r#"{"encoding_format":"hex"}"#),
        [
            "encoding_format: expected `float` or `base64`, got the string \"hex\"",
            "input: required, but missing; expected a string, a list of strings or token ids"
        ]
    );
}

#[test]
fn broken_json_is_placed_and_the_last_of_two_keys_counts() {
    let error = OpenAi
        .decode(Operation::Chat, b"{\"messages\": [}")
        .unwrap_err();
    assert!(
        error.message().contains("line 1 column 15"),
        "{}",
        error.message()
    );
    assert_eq!(error.code(), Some("invalid_json"));
    let request = crate::openai::decode_chat_request(
        br#"{"temperature":1,"messages":[{"role":"user","content":"a","content":"b"}],"temperature":2}"#,
    )
    .unwrap();
    assert_eq!(request.sampling.temperature, Some(2.0));
    assert_eq!(request.messages[0].text(), "b");
}

#[test]
fn an_error_with_a_good_status_is_an_error() {
    type Reader = fn(&[u8]) -> Option<CallError>;
    let readers: [Reader; 3] = [
        |body| decode_chat_response(body).err(),
        |body| decode_embedding_response(body).err(),
        |body| observe(body).err(),
    ];
    for read in readers {
        let error = read(br#"{"error":{"message":"too many","code":429}}"#).unwrap();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::RateLimited, "too many")
        );
        assert_eq!(read(b"<html>").unwrap().kind(), ErrorKind::Upstream);
    }
    assert!(
        decode_chat_response(b"{}")
            .unwrap_err()
            .message()
            .contains("no list of choices")
    );
}

const CONTENT: &str = "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const FINISH: &str =
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

#[test]
fn a_stream_without_its_end_is_an_error_and_one_with_a_finish_is_none() {
    let body = |text: String| [Bytes::from(text)];
    for text in [
        String::new(),
        CONTENT.to_owned(),
        "data: nonsense\n\n".to_owned(),
    ] {
        assert!(
            feed(StreamDecoder::new(), body(text.clone())).1.is_some(),
            "{text}"
        );
        assert!(
            feed(Observer::new(UsageChunk::Hide), body(text.clone()))
                .1
                .is_some(),
            "{text}"
        );
    }
    // The finish alone is enough, even where the last blank line is missing.
    let text = format!("{CONTENT}{}", FINISH.trim_end());
    let (frames, error) = feed(StreamDecoder::new(), body(text.clone()));
    assert!(error.is_none() && facts(&frames).ended);
    for usage in [UsageChunk::Forward, UsageChunk::Hide] {
        let (frames, error) = feed(Observer::new(usage), body(text.clone()));
        assert!(error.is_none() && facts(&frames).ended);
        assert_eq!(super::bytes(&frames), format!("{text}\n\ndata: [DONE]\n\n"));
    }
}

#[test]
fn an_error_event_is_told_and_nothing_after_it() {
    let text = format!(
        "{CONTENT}event: error\ndata: {{\"error\":{{\"message\":\"m\",\"status_code\":400}}}}\n\ndata: [DONE]\n\n"
    );
    for frames in [
        feed(StreamDecoder::new(), [Bytes::from(text.clone())]),
        feed(
            Observer::new(UsageChunk::Forward),
            [Bytes::from(text.clone())],
        ),
    ] {
        let told = facts(&frames.0);
        let error = told.error.unwrap();
        assert_eq!((error.message.as_str(), error.status), ("m", Some(400)));
        assert!(!told.ended && frames.1.is_none());
    }
}

#[test]
fn an_error_without_an_envelope_reaches_openais_clients_in_one() {
    const BARE: &str = r#"{"object": "error", "message": "m", "type": "t", "code": "3000"}"#;
    const TOLD: &str = "data: {\"error\":{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"code\":\"3000\"}}\n\n";
    let text = format!("{CONTENT}{CONTENT}data: {BARE}\n\ndata: [DONE]\n\n");
    let expected: serde_json::Value = serde_json::from_str(&TOLD["data: ".len()..]).unwrap();
    let (frames, _) = feed(StreamDecoder::new(), [Bytes::from(text.clone())]);
    assert_eq!(facts(&frames).error.unwrap().message, "m");
    for usage in [UsageChunk::Forward, UsageChunk::Hide] {
        for size in 1..text.len() {
            let body = Bytes::from(text.clone());
            let (frames, error) = feed(Observer::new(usage), super::cut(&body, size));
            assert!(error.is_none() && facts(&frames).error.is_some());
            let sent = String::from_utf8(super::bytes(&frames).to_vec()).unwrap();
            let last = sent.trim_end().rsplit("\n\n").next().unwrap();
            let told = last.strip_prefix("data: ").unwrap();
            let told: serde_json::Value = serde_json::from_str(told).unwrap();
            assert_eq!(told, expected, "cut at {size}");
            // Held back, nothing of the provider's own event leaves.
            assert!(usage == UsageChunk::Forward || !sent.contains(BARE));
        }
    }
}

#[test]
fn a_plain_json_error_that_calls_itself_a_stream_keeps_its_message() {
    let body = Bytes::from_static(
        b"{\"error\":{\"message\":\"no such model\",\"code\":\"model_not_found\"}}",
    );
    for error in [
        feed(StreamDecoder::new(), super::cut(&body, 5)).1,
        feed(Observer::new(UsageChunk::Hide), super::cut(&body, 5)).1,
    ] {
        let error = error.unwrap();
        assert_eq!(
            (error.message(), error.kind()),
            ("no such model", ErrorKind::NotFound)
        );
    }
}

#[test]
fn of_an_event_that_is_cut_out_no_line_end_is_left_wherever_the_bytes_are_cut() {
    let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let text = format!(
        "{}\r\n\r\n{usage}\r\n\r\ndata: [DONE]\r\n\r\n",
        CONTENT.trim_end()
    );
    let expected = text.replace(&format!("{usage}\r\n\r\n"), "");
    let whole = Bytes::from(text);
    for at in 0..=whole.len() {
        let pieces = vec![whole.slice(..at), whole.slice(at..)];
        let (frames, error) = feed(Observer::new(UsageChunk::Hide), pieces);
        assert!(error.is_none());
        assert_eq!(super::bytes(&frames), expected, "{at}");
    }
}
