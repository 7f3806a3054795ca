//! Whole replies, and streams where the other was asked for.

use bytes::Bytes;
use gateway_provider::{ReplyBody, Whole};
use gateway_schema::chat::{
    ChatResponse, Choice, Finish, FinishReason, Part, RemoteError, StreamEvent,
};
use gateway_schema::stream::Frame;
use gateway_schema::{Dialect, Response, Usage};
use http::{HeaderValue, StatusCode};

use crate::harness::{Script, WAYS, Way, last_raw, post, raw, raw_json, reply, send, stream_of};

fn answer() -> ChatResponse {
    let mut choice = Choice::default();
    choice.parts = vec![Part::text("Hello")];
    choice.finish = Some(Finish::new(FinishReason::Stop));
    let mut chat = ChatResponse::default();
    chat.choices = vec![choice];
    chat.usage = Some(Usage::new(3, 4));
    chat
}

fn canonical() -> ReplyBody {
    ReplyBody::Whole(Whole::Canonical(Response::Chat(Box::new(answer()))))
}

#[tokio::test]
async fn raw_bytes_pass_untouched_with_their_content_type() {
    for way in WAYS {
        let body = b"{ \"odd\" :  1.50, \"b\":[ ] }\n";
        let whole = Whole::Raw {
            body: Bytes::from_static(body),
            content_type: HeaderValue::from_static("application/json; charset=UTF-8"),
            facts: Box::default(),
        };
        let script = Script::answering(Ok(reply(way.dialect(), ReplyBody::Whole(whole))));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(&got.body[..], body);
        assert_eq!(
            got.header("content-type"),
            "application/json; charset=UTF-8"
        );
    }
}

#[tokio::test]
async fn a_canonical_answer_is_written_in_the_caller_s_dialect() {
    for way in WAYS {
        let script = Script::answering(Ok(reply(Dialect::GEMINI, canonical())));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.header("content-type"), "application/json");
        let body = got.json();
        let text = match way {
            Way::OpenAi => &body["choices"][0]["message"]["content"],
            Way::Anthropic => &body["content"][0]["text"],
        };
        assert_eq!(text, "Hello", "{body}");
        assert_eq!(body["model"], "gpt-4o");
    }
}

/// The provider answered a request for a stream with one document.
#[tokio::test]
async fn a_whole_answer_becomes_a_stream_where_one_was_asked_for() {
    for way in WAYS {
        let script = Script::answering(Ok(reply(Dialect::GEMINI, canonical())));
        let got = send(&script, post(way.path(), way.streaming("chat"))).await;
        assert_eq!(
            got.header("content-type"),
            "text/event-stream; charset=utf-8"
        );
        assert!(got.text().contains("Hello"), "{}", got.text());
        let end = match way {
            Way::OpenAi => "data: [DONE]\n\n",
            Way::Anthropic => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        };
        assert!(got.text().ends_with(end), "{}", got.text());
    }
}

#[tokio::test]
async fn a_stream_that_nobody_asked_for_becomes_a_whole_answer() {
    for way in WAYS {
        let frames = answer().into_events().into_iter();
        let frames = frames.map(|group| Ok(Frame::events(group))).collect();
        let script = Script::answering(Ok(stream_of(Dialect::GEMINI, frames)));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert_eq!(got.header("content-type"), "application/json");
        assert!(got.text().contains("\"Hello\""), "{}", got.text());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_while_it_is_gathered_is_an_error_response() {
    for way in WAYS {
        let mut frames: Vec<_> = answer()
            .into_events()
            .into_iter()
            .map(Frame::events)
            .collect();
        frames.truncate(3);
        let cut = frames.iter().cloned().map(Ok).collect();
        let script = Script::answering(Ok(stream_of(Dialect::GEMINI, cut)));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY);
        assert!(way.message(&got.json()).contains("before its answer"));

        let error = RemoteError {
            message: "too busy".to_owned(),
            status: Some(529),
            ..RemoteError::default()
        };
        frames.push(Frame::events(vec![StreamEvent::Error(error)]));
        frames.push(Frame::events(vec![StreamEvent::End]));
        let told = frames.into_iter().map(Ok).collect();
        let script = Script::answering(Ok(stream_of(Dialect::GEMINI, told)));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        let status = if way == Way::Anthropic { 529 } else { 503 };
        assert_eq!(got.status.as_u16(), status);
        assert!(way.message(&got.json()).contains("too busy"));
    }
}

#[tokio::test]
async fn raw_events_that_nobody_asked_for_are_not_passed_off_as_json() {
    for way in WAYS {
        let frames = vec![raw("data: {}\n\n"), last_raw("data: [DONE]\n\n")];
        let script = Script::answering(Ok(stream_of(way.dialect(), frames)));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(got.header("x-gateway-error-origin"), "gateway");
        way.message(&got.json());
    }
}

#[tokio::test]
async fn raw_bytes_of_another_dialect_never_reach_the_caller() {
    for way in WAYS {
        let script = Script::answering(Ok(raw_json(way.foreign(), "{\"secret\":1}")));
        let got = send(&script, post(way.path(), way.body("chat"))).await;
        assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
        way.message(&got.json());
        let script = Script::answering(Ok(stream_of(way.foreign(), vec![last_raw("secret")])));
        let got = send(&script, post(way.path(), way.streaming("chat"))).await;
        assert!(!got.text().contains("secret"));
        assert!(got.text().contains("error"));
    }
}
