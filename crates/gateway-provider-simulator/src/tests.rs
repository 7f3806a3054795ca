//! The simulator as the gateway sees it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::openai::OpenAi;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Journal, Lane, Payload, ReplyBody, Whole};
use gateway_schema::chat::{ChatRequest, Content, Message};
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, Decoded, Dialect, ErrorKind, Origin, Request, Response, Retry};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::{ScriptedTransport, deps};
use serde_json::{Map, Value, json};

use super::*;

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    OpenAi.decode(operation, body)
}

/// The provider alone, before a transport that the suite scripts.
const WIRE: Factory = Factory {
    build: |spec, _, deps| Ok(provider(spec, deps)),
    ..SIMULATOR
};

const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":",
    "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":",
    "[{\"index\":0,\"delta\":{\"content\":\"H\u{e9}llo\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":",
    "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],",
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
);

#[tokio::test]
async fn the_provider_conforms() {
    let whole = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Héllo"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    });
    let question = json!({"model": "x", "messages": [{"role": "user", "content": "Say hello"}]});
    let mut streamed = question.clone();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let vectors = json!({
        "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    });
    Suite::new(WIRE)
        .endpoint_header("x-team", "blue")
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::OPENAI, &question, &streamed, &decode)
                .whole("application/json", whole.to_string())
                .stream("text/event-stream", STREAM)
                .answers("Héllo"),
        )
        .sample(
            Sample::embedding("Hello")
                .native(Dialect::OPENAI, &json!({"model": "x", "input": "Hello"}))
                .whole("application/json", vectors.to_string()),
        )
        .run()
        .await;
}

fn simulator(options: Value) -> Arc<dyn Provider> {
    let Value::Object(options) = options else {
        panic!("not a map")
    };
    let spec = TargetSpec::new("simulator", Some("sim-1".into()), Operation::Chat);
    let deps = deps(&ScriptedTransport::new());
    (SIMULATOR.build)(&spec, &Options::new(options), &deps).unwrap()
}

fn context() -> Context {
    Context::new("r".into(), "chat".into(), Instant::now())
}

/// A question in canonical form (cross) or in OpenAI's (same).
fn question(lane: Lane, stream: bool) -> (Call, Journal) {
    let context = context();
    let journal = context.journal.clone();
    let payload = match lane {
        Lane::Cross => {
            let mut chat = ChatRequest::new(vec![Message::user("Hello there")]);
            chat.stream = stream;
            Payload::from_request(Request::Chat(Box::new(chat)))
        }
        Lane::Same => {
            let body = json!({
                "model": "chat", "stream": stream, "messages": [{"role": "user", "content": "Hello there"}],
            });
            let bytes = Bytes::from(body.to_string());
            let envelope = Envelope::scan(&bytes).unwrap();
            Payload::from_bytes(Dialect::OPENAI, bytes, envelope, &decode)
        }
    };
    (
        Call::new(context, Operation::Chat, stream, payload),
        journal,
    )
}

/// The text of an answer, or what went wrong.
async fn ask(provider: &Arc<dyn Provider>, lane: Lane, stream: bool) -> Result<String, CallError> {
    let (call, journal) = question(lane, stream);
    let outcome = read(provider, call).await;
    assert_eq!(journal.notes().attempts.len(), 1);
    outcome
}

async fn read(provider: &Arc<dyn Provider>, call: Call) -> Result<String, CallError> {
    let reply = Arc::clone(provider).call(call).await?;
    let mut text = String::new();
    match reply.body {
        ReplyBody::Whole(Whole::Raw { body, .. }) => {
            let value: Value = serde_json::from_slice(&body).unwrap();
            text += value["choices"][0]["message"]["content"].as_str().unwrap();
        }
        ReplyBody::Whole(Whole::Canonical(Response::Chat(chat))) => {
            for part in &chat.choices[0].parts {
                if let Content::Text { text: more, .. } = &part.content {
                    text += more;
                }
            }
        }
        ReplyBody::Whole(other) => panic!("{other:?}"),
        ReplyBody::Stream(mut frames) => {
            let mut raw = Vec::new();
            while let Some(frame) = std::future::poll_fn(|cx| frames.as_mut().poll_next(cx)).await {
                let frame = frame?;
                if let Some(error) = frame.facts.error {
                    return Err(CallError::upstream(ErrorKind::Upstream, error.message));
                }
                match frame.data {
                    FrameData::Raw(bytes) => raw.extend_from_slice(&bytes),
                    FrameData::Events(events) => {
                        for event in events {
                            if let gateway_schema::chat::StreamEvent::Text { text: more, .. } =
                                event
                            {
                                text += &more;
                            }
                        }
                    }
                }
            }
            let raw = String::from_utf8(raw).unwrap();
            for event in raw
                .split("\n\n")
                .filter_map(|event| event.strip_prefix("data: {"))
            {
                // A malformed event is forwarded as it came; the caller's client sees it.
                let event: Value = serde_json::from_str(&format!("{{{event}")).unwrap_or_default();
                text += event["choices"][0]["delta"]["content"]
                    .as_str()
                    .unwrap_or_default();
            }
        }
    }
    Ok(text)
}

const WAYS: [(Lane, bool); 4] = [
    (Lane::Cross, false),
    (Lane::Cross, true),
    (Lane::Same, false),
    (Lane::Same, true),
];

#[tokio::test(start_paused = true)]
async fn both_lanes_whole_and_streamed_give_the_same_answer() {
    let provider =
        simulator(json!({"seed": 7, "time_to_first_token": "1s", "tokens_per_second": 10}));
    let mut answers = Vec::new();
    for (lane, stream) in WAYS {
        answers.push(ask(&provider, lane, stream).await.unwrap());
    }
    assert!(answers[0].len() > 80, "{answers:?}");
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn under_every_fault_there_is_a_whole_answer_or_an_error_of_the_provider() {
    let good = ask(&simulator(json!({})), Lane::Cross, false)
        .await
        .unwrap();
    for (name, kind) in FaultKind::ALL {
        for after in [0, 1, 5, 1_000] {
            let faults = json!({"faults": [{"kind": name, "after_events": after}]});
            let provider = simulator(faults);
            for (lane, stream) in WAYS {
                let asked = ask(&provider, lane, stream);
                let outcome = tokio::time::timeout(Duration::from_mins(1), asked).await;
                let what = format!("{name} after {after}, {lane:?}, stream {stream}: {outcome:?}");
                let harmless = matches!(kind, FaultKind::SlowDrip | FaultKind::DuplicateUsage)
                    // `[DONE]` was there before the connection broke; without it, the answer had ended.
                    || (stream && kind == FaultKind::WrongLength)
                    || (stream && after == 1_000);
                match outcome {
                    Err(_) => assert_eq!(kind, FaultKind::Stall, "{what}"),
                    Ok(Ok(text)) => {
                        assert!(harmless, "{what}");
                        assert_eq!(text, good, "{what}");
                    }
                    Ok(Err(error)) => assert_eq!(error.origin(), Origin::Upstream, "{what}"),
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_tells_when_to_come_back() {
    for wait in ["2", "seconds:2", "ms:2000", "azure_ms:2000", "date:2"] {
        let faults = json!({"faults": {"kind": "rate_limit", "retry_after": wait}});
        let error = ask(&simulator(faults), Lane::Same, true).await.unwrap_err();
        assert_eq!(
            error.retry(),
            Retry::After(Duration::from_secs(2)),
            "{wait}"
        );
    }
}

#[tokio::test]
async fn defaults_of_the_endpoint_apply_on_both_lanes() {
    let mut spec = TargetSpec::new("simulator", None, Operation::Chat);
    spec.defaults = Arc::new(Map::from_iter([("max_tokens".to_owned(), json!(2))]));
    let deps = deps(&ScriptedTransport::new());
    let provider = (SIMULATOR.build)(&spec, &Options::default(), &deps).unwrap();
    for (lane, stream) in WAYS {
        let text = ask(&provider, lane, stream).await.unwrap();
        assert_eq!(text.len(), 8, "{lane:?} {stream}");
    }
}

#[tokio::test]
async fn tokens_can_be_counted() {
    let chat = ChatRequest::new(vec![Message::user("twelve bytes")]);
    let payload = Payload::from_request(Request::Chat(Box::new(chat)));
    let call = Call::new(context(), Operation::CountTokens, false, payload);
    let reply = simulator(json!({})).call(call).await.unwrap();
    let ReplyBody::Whole(Whole::Canonical(Response::CountTokens { input_tokens })) = reply.body
    else {
        panic!("{:?}", reply.body)
    };
    assert!((3..10).contains(&input_tokens), "{input_tokens}");
}
