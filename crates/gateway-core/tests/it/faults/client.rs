//! A client that believes nothing: every event must be JSON, and everything is counted.

use bytes::Bytes;
use gateway_core::Gateway;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What the client speaks: the provider's dialect, or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// OpenAI's, as the provider.
    Same,
    /// Anthropic's.
    Cross,
}

/// What a client got.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) text: String,
    /// How many good ends.
    pub(super) ends: usize,
    /// How many errors.
    pub(super) errors: usize,
    pub(super) retry_after: Option<String>,
}

pub(super) async fn ask(gateway: &Gateway, name: &str, lane: Lane, stream: bool) -> Told {
    let path = match lane {
        Lane::Same => "/v1/chat/completions",
        Lane::Cross => "/v1/messages",
    };
    let body = json!({
        "model": name, "stream": stream, "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    let request = Request::post(path)
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let response = gateway.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    let mut told = Told {
        status: head.status.as_u16(),
        retry_after: head
            .headers
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned()),
        ..Told::default()
    };
    if stream && head.status == StatusCode::OK {
        told.stream(text);
    } else {
        told.whole(&serde_json::from_str(text).unwrap());
    }
    told
}

impl Told {
    fn stream(&mut self, text: &str) {
        for event in text.split("\n\n").filter(|event| !event.is_empty()) {
            assert_eq!(self.errors, 0, "nothing comes after an error: {text}");
            let lines = event.lines();
            let data: String = lines
                .filter_map(|line| line.strip_prefix("data: "))
                .collect();
            if data == "[DONE]" {
                self.ends += 1;
                continue;
            }
            let Ok(event) = serde_json::from_str::<Value>(&data) else {
                panic!("not an event: {event}\nin: {text}")
            };
            if event.get("error").is_some_and(|error| !error.is_null()) {
                self.error(&event);
            }
            self.ends += usize::from(event["type"] == "message_stop");
            for pointer in ["/choices/0/delta/content", "/delta/text"] {
                self.text += event.pointer(pointer).and_then(Value::as_str).unwrap_or("");
            }
        }
    }

    fn whole(&mut self, body: &Value) {
        if self.status != 200 {
            self.error(body);
            return;
        }
        for pointer in ["/choices/0/message/content", "/content/0/text"] {
            self.text += body.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        }
        self.ends += 1;
    }

    fn error(&mut self, body: &Value) {
        let message = body.pointer("/error/message").and_then(Value::as_str);
        assert!(message.is_some_and(|message| !message.is_empty()), "{body}");
        self.errors += 1;
    }
}
