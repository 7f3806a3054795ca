//! The line that each request leaves in the log.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gateway_schema::{CallError, Dialect, ErrorKind};
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::harness::{Script, Way, edge, last_raw, post, raw, raw_json, send, stream_of};

type Line = BTreeMap<String, String>;

/// Keeps the access lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

struct Fields(Line);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "gateway::access" && *metadata.level() == Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Line::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    /// The one line there is.
    fn line(&self) -> Line {
        let mut lines = self.0.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.pop().unwrap()
    }
}

fn has(line: &Line, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(
            line.get(*name).map(String::as_str),
            Some(*value),
            "{line:?}"
        );
    }
}

#[tokio::test]
async fn a_good_request_leaves_one_line() {
    let log = Log::default();
    let script = Script::default();
    let request = post("/v1/messages?key=sk-1", Way::Anthropic.body("chat"));
    let got = send(&script, request).with_subscriber(log.clone()).await;
    let line = log.line();
    has(
        &line,
        &[
            ("request_id", got.header("x-request-id")),
            ("method", "POST"),
            ("path", "/v1/messages"),
            ("surface", "anthropic"),
            ("endpoint", "chat"),
            ("status", "200"),
            ("outcome", "ok"),
        ],
    );
    assert!(!format!("{line:?}").contains("sk-1"));
    assert!(!line.contains_key("error_kind"));
}

#[tokio::test]
async fn a_failure_leaves_its_kind_and_detail_and_nothing_of_the_caller_s() {
    let log = Log::default();
    let error = CallError::upstream(ErrorKind::Unavailable, "Refused.").with_detail("10.0.0.1");
    let mut request = post("/v1/messages", Way::Anthropic.body("chat"));
    request
        .headers_mut()
        .insert("authorization", "Bearer sk-caller".parse().unwrap());
    let script = Script::answering(Err(error));
    send(&script, request).with_subscriber(log.clone()).await;
    let line = log.line();
    has(
        &line,
        &[
            ("status", "502"),
            ("outcome", "failed"),
            ("error_kind", "unavailable"),
            ("error_origin", "upstream"),
            ("detail", "10.0.0.1"),
        ],
    );
    assert!(!format!("{line:?}").contains("sk-caller"));
}

#[tokio::test]
async fn requests_that_ask_nothing_leave_a_line_too() {
    for (path, status) in [
        ("/nothing", "404"),
        ("/v1/messages/", "307"),
        ("/health", "200"),
    ] {
        let log = Log::default();
        let request = Request::get(path).body(Bytes::new()).unwrap();
        send(&Script::default(), request)
            .with_subscriber(log.clone())
            .await;
        has(&log.line(), &[("status", status), ("path", path)]);
    }
}

/// Reads so many frames of a stream, leaves, and returns the line.
async fn leave_after(
    frames: usize,
    items: Vec<Result<gateway_schema::stream::Frame, CallError>>,
) -> Line {
    let log = Log::default();
    let script = Script::answering(Ok(stream_of(Dialect::ANTHROPIC, items)));
    let request = post("/v1/messages", Way::Anthropic.streaming("chat")).map(Full::new);
    async {
        let mut body = edge(script).oneshot(request).await.unwrap().into_body();
        for _ in 0..frames {
            body.frame().await;
        }
        assert!(frames > 2 || log.0.lock().unwrap().is_empty());
    }
    .with_subscriber(log.clone())
    .await;
    log.line()
}

#[tokio::test]
async fn the_line_of_a_stream_comes_with_its_end() {
    let items = || vec![raw("data: {}\n\n"), last_raw("data: [DONE]\n\n")];
    has(
        &leave_after(3, items()).await,
        &[("outcome", "ok"), ("streamed", "true")],
    );
    // The terminator was sent: whoever leaves now has all.
    has(&leave_after(2, items()).await, &[("outcome", "ok")]);
    has(
        &leave_after(1, items()).await,
        &[("outcome", "client_cancelled"), ("status", "200")],
    );
    let broken = vec![
        raw("data: {}\n\n"),
        Err(CallError::upstream(ErrorKind::Timeout, "It stalled.")),
    ];
    has(
        &leave_after(3, broken).await,
        &[("outcome", "failed"), ("error_kind", "timeout")],
    );
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_reply_is_in_the_log() {
    let log = Log::default();
    async {
        let script = Script::answering(Ok(raw_json(Dialect::ANTHROPIC, "{}")));
        let request = post("/v1/messages", Way::Anthropic.body("chat")).map(Full::new);
        let future = tower::Service::call(&mut edge(script), request);
        drop(future);
    }
    .with_subscriber(log.clone())
    .await;
    has(
        &log.line(),
        &[("outcome", "client_cancelled"), ("status", "499")],
    );
}
