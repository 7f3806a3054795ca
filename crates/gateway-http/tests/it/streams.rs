//! Streams: forwarded as they come, ended as they should.

use std::sync::{Arc, Mutex};

use gateway_provider::ReplyBody;
use gateway_schema::chat::{Finish, FinishReason, RemoteError, StreamEvent};
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind};
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use crate::harness::{
    Got, Script, WAYS, Watched, Way, edge, last_raw, post, raw, reply, send, stream_of,
};

async fn stream(way: Way, dialect: Dialect, items: Vec<Result<Frame, CallError>>) -> Got {
    let script = Script::answering(Ok(stream_of(dialect, items)));
    let got = send(&script, post(way.path(), way.streaming("chat"))).await;
    assert_eq!(got.status, StatusCode::OK);
    got
}

fn text(text: &str) -> Result<Frame, CallError> {
    let text = text.to_owned();
    Ok(Frame::events(vec![StreamEvent::Text { choice: 0, text }]))
}

fn finish() -> Result<Frame, CallError> {
    let finish = Finish::new(FinishReason::Stop);
    Ok(Frame::events(vec![StreamEvent::Finish {
        choice: 0,
        finish,
    }]))
}

/// The last event of a stream, which must be an error of the dialect; its message.
fn last_error(way: Way, got: &Got) -> String {
    let text = got.text();
    assert!(!text.contains("[DONE]"), "{text}");
    assert!(!text.contains("message_stop"), "{text}");
    assert!(text.ends_with("\n\n"), "{text}");
    let mark = match way {
        Way::OpenAi => "data: {\"error\"",
        Way::Anthropic => "event: error\ndata: ",
    };
    let event = &text[text.rfind(mark).expect(text)..];
    let data = &event[event.find("data: ").unwrap() + 6..];
    let body = serde_json::from_str(data).unwrap();
    way.message(&body)
}

#[tokio::test]
async fn raw_frames_are_forwarded_one_by_one() {
    for way in WAYS {
        let items = vec![
            raw("data: {\"a\""),
            raw(":1}\n\n"),
            raw(""),
            last_raw("end\n\n"),
        ];
        let script = Script::answering(Ok(stream_of(way.dialect(), items)));
        let request = post(way.path(), way.streaming("chat")).map(Full::new);
        let response = edge(script).oneshot(request).await.unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut body = response.into_body();
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(chunks, ["data: {\"a\"", ":1}\n\n", "end\n\n"]);
    }
}

#[tokio::test]
async fn events_are_written_with_the_dialect_s_end() {
    for way in WAYS {
        let end = Ok(Frame::events(vec![StreamEvent::End]));
        let got = stream(
            way,
            Dialect::GEMINI,
            vec![text("Hel"), text("lo"), finish(), end],
        )
        .await;
        assert!(got.text().contains("Hel"), "{}", got.text());
        let end = match way {
            Way::OpenAi => "data: [DONE]\n\n",
            Way::Anthropic => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        };
        assert!(got.text().ends_with(end), "{}", got.text());
        assert!(!got.text().contains("error"), "{}", got.text());
    }
}

#[tokio::test]
async fn a_raw_stream_that_breaks_ends_with_an_error_event_of_its_own() {
    for way in WAYS {
        let broken = || Err(CallError::upstream(ErrorKind::Upstream, "It broke."));
        for (sent, kept) in [
            ("data: {}\n\n", "data: {}\n\n"),
            ("data: {}\r\n\r\n", "data: {}\r\n\r\n"),
            ("data: {}\n", "data: {}\n\n"),
            ("data: {}\r\n", "data: {}\r\n\n"),
            ("data: {\"te", "data: {\"te\n\n"),
        ] {
            let got = stream(way, way.dialect(), vec![raw(sent), broken()]).await;
            assert!(got.text().starts_with(kept), "{}", got.text());
            assert!(got.text()[kept.len()..].starts_with(['d', 'e']));
            let message = last_error(way, &got);
            assert!(message.contains("openai: It broke."), "{message}");
        }
    }
}

#[tokio::test]
async fn a_translated_stream_that_breaks_ends_with_an_error_event() {
    for way in WAYS {
        let broken = Err(CallError::upstream(ErrorKind::Timeout, "It stalled."));
        let got = stream(way, Dialect::GEMINI, vec![text("Hel"), broken]).await;
        assert!(got.text().contains("Hel"));
        assert!(last_error(way, &got).contains("It stalled."));
    }
}

#[tokio::test]
async fn a_stream_without_its_terminator_never_ends_cleanly() {
    for way in WAYS {
        let got = stream(way, way.dialect(), vec![raw("data: {}\n\n")]).await;
        assert!(last_error(way, &got).contains("before its answer was complete"));
        let got = stream(way, Dialect::GEMINI, vec![text("Hel"), finish()]).await;
        assert!(last_error(way, &got).contains("before its answer was complete"));
    }
}

#[tokio::test]
async fn an_error_among_the_events_ends_the_stream() {
    for way in WAYS {
        let error = RemoteError {
            message: "Overloaded".to_owned(),
            status: Some(529),
            ..RemoteError::default()
        };
        let events = vec![
            StreamEvent::Text {
                choice: 0,
                text: "lo".to_owned(),
            },
            StreamEvent::Error(error),
            StreamEvent::End,
        ];
        let items = vec![text("Hel"), Ok(Frame::events(events)), text("never")];
        let got = stream(way, Dialect::GEMINI, items).await;
        assert!(got.text().contains("lo"));
        assert!(!got.text().contains("never"));
        assert!(last_error(way, &got).contains("Overloaded"));
    }
}

#[tokio::test]
async fn an_error_that_the_provider_told_itself_is_not_told_twice() {
    for way in WAYS {
        let mut facts = Facts::default();
        facts.error = Some(Box::default());
        let bytes = "data: {\"error\":{}}\n\n";
        let told = Ok(Frame::raw(bytes.into(), facts));
        let got = stream(way, way.dialect(), vec![raw("data: {}\n\n"), told]).await;
        assert_eq!(got.text(), format!("data: {{}}\n\n{bytes}"));
    }
}

#[tokio::test]
async fn the_stream_is_polled_only_when_the_body_is_and_dropped_with_it() {
    for way in WAYS {
        let polls = Arc::new(Mutex::new(0));
        let dropped = Arc::new(Mutex::new(false));
        let watched = Watched {
            polls: Arc::clone(&polls),
            dropped: Arc::clone(&dropped),
        };
        let body = ReplyBody::Stream(Box::pin(watched));
        let script = Script::answering(Ok(reply(way.dialect(), body)));
        let request = post(way.path(), way.streaming("chat")).map(Full::new);
        let response = edge(script).oneshot(request).await.unwrap();
        assert_eq!(
            *polls.lock().unwrap(),
            0,
            "nothing before the body is polled"
        );
        let mut body = response.into_body();
        for count in 1..4 {
            body.frame().await.unwrap().unwrap();
            assert_eq!(*polls.lock().unwrap(), count, "nothing is read ahead");
        }
        assert!(!*dropped.lock().unwrap());
        drop(body);
        assert!(*dropped.lock().unwrap(), "leaving lets the upstream go");
    }
}

#[tokio::test]
async fn the_upstream_is_let_go_when_the_stream_is_over() {
    let items = vec![last_raw("data: [DONE]\n\n")];
    let script = Script::answering(Ok(stream_of(Dialect::ANTHROPIC, items)));
    let request = post("/v1/messages", Way::Anthropic.streaming("chat")).map(Full::new);
    let mut body = edge(script).oneshot(request).await.unwrap().into_body();
    assert!(!http_body::Body::is_end_stream(&body));
    while body.frame().await.is_some() {}
    assert!(http_body::Body::is_end_stream(&body));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn the_terminator_goes_out_at_once_and_nothing_after_it_matters() {
    for way in WAYS {
        let end = || Ok(Frame::events(vec![StreamEvent::End]));
        let broken = || Err(CallError::upstream(ErrorKind::Timeout, "Too late."));
        let items = vec![text("Hel"), finish(), end(), text("never"), end(), broken()];
        let got = stream(way, Dialect::GEMINI, items).await;
        assert!(!got.text().contains("Too late"), "{}", got.text());
        assert!(!got.text().contains("never"), "{}", got.text());
        let terminator = match way {
            Way::OpenAi => "data: [DONE]",
            Way::Anthropic => "event: message_stop",
        };
        assert_eq!(got.text().matches(terminator).count(), 1, "{}", got.text());
        let items = vec![last_raw("data: [DONE]\n\n"), broken()];
        let got = stream(way, way.dialect(), items).await;
        assert_eq!(got.text(), "data: [DONE]\n\n");
    }
}
