//! The table and the wire, on a scripted transport.

mod addresses;
mod lanes;
mod mapping;
mod ranking;
mod recorded;
mod rows;
mod settings;
mod workspaces;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::openai::OpenAi;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Payload, Reply, TargetSpec};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, Operation, Options, Request, RequestId,
};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Map, Value, json};

use crate::preset::{Auth, Base};
use crate::presets::{Row, all};

const MODEL: &str = "vendor-model-1";
const KEY: &str = "sk-conformance";

fn row(name: &str) -> &'static Row {
    all()
        .find(|row| row.preset.name == name || row.preset.aliases.contains(&name))
        .unwrap()
}

/// The settings that a row needs to be built.
fn settings(row: &Row) -> Map<String, Value> {
    let mut options = Map::new();
    match row.preset.auth {
        Auth::Workspace => {
            options.insert("token".to_owned(), KEY.into());
            options.insert("host".to_owned(), "https://workspace.invalid".into());
        }
        _ => {
            options.insert(row.preset.key_option().to_owned(), KEY.into());
        }
    }
    match row.preset.base {
        Base::Account { option, .. } => {
            options.insert(option.to_owned(), "acc-1".into());
        }
        Base::Anywhere => {
            options.insert("api_base".to_owned(), "https://any.invalid/v1".into());
        }
        Base::At(_) | Base::Workspace => {}
    }
    options
}

fn options(value: &Value) -> Options {
    Options::new(value.as_object().unwrap().clone())
}

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    OpenAi.decode(operation, body)
}

fn native(text: &str) -> Payload {
    // As the edge reads it: a member that stands twice is one.
    let (bytes, envelope) = Envelope::read(Bytes::from(text.to_owned())).unwrap();
    Payload::from_bytes(Dialect::OPENAI, bytes, envelope, &decode)
}

fn chat(text: &str) -> ChatRequest {
    ChatRequest::new(vec![Message::user(text)])
}

fn canonical(request: ChatRequest) -> Payload {
    Payload::from_request(Request::Chat(Box::new(request)))
}

fn call(operation: Operation, stream: bool, payload: Payload) -> Call {
    let context = Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    );
    Call::new(context, operation, stream, payload)
}

/// What was sent for one call, if anything, and what came of it.
struct Asked {
    request: Option<http::Request<Bytes>>,
    outcome: Result<Reply, CallError>,
}

impl Asked {
    fn request(&self) -> &http::Request<Bytes> {
        self.request.as_ref().unwrap()
    }

    fn body(&self) -> Value {
        serde_json::from_slice(self.request().body()).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.request().body()).unwrap()
    }
}

async fn ask_with(
    row: &Row,
    settings: Map<String, Value>,
    defaults: &Value,
    call: Call,
    reply: ScriptedReply,
) -> Asked {
    let transport = ScriptedTransport::new().always(reply);
    let mut spec = TargetSpec::new(row.preset.name, Some(MODEL.into()), call.operation);
    spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
    let build = row.factory().build;
    let provider = build(&spec, &Options::new(settings), &deps(&transport)).unwrap();
    let outcome = provider.call(call).await;
    Asked {
        request: transport.last_request(),
        outcome,
    }
}

async fn ask(name: &str, call: Call) -> Asked {
    let row = row(name);
    let answer = match call.operation {
        Operation::Embedding => vectors(),
        _ => whole("Hi"),
    };
    let reply = ScriptedReply::new(200, "application/json", answer);
    ask_with(row, settings(row), &json!({}), call, reply).await
}

fn whole(text: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    })
    .to_string()
}

fn completion(text: &str) -> String {
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{"index": 0, "text": text, "finish_reason": "stop", "logprobs": null}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    })
    .to_string()
}

fn vectors() -> String {
    json!({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1, 0.1]}],
        "model": MODEL, "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    .to_string()
}

fn stream_of(deltas: &[Value]) -> String {
    let mut out = String::new();
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": MODEL, "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    for delta in deltas {
        out.push_str(&chunk(json!([delta]), Value::Null));
    }
    out.push_str(&chunk(
        json!([]),
        json!({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}),
    ));
    out.push_str("data: [DONE]\n\n");
    out
}

fn stream(text: &str) -> String {
    stream_of(&[
        json!({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}),
        json!({"index": 0, "delta": {"content": text}, "finish_reason": null}),
        json!({"index": 0, "delta": {}, "finish_reason": "stop"}),
    ])
}

fn completion_stream(text: &str) -> String {
    stream_of(&[
        json!({"index": 0, "text": text, "finish_reason": null}),
        json!({"index": 0, "text": "", "finish_reason": "stop"}),
    ])
}
