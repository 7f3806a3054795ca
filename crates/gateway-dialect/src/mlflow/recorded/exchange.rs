//! Whole exchanges: the client's request as the provider sees it, the provider's answer as the client sees it.

use bytes::{Bytes, BytesMut};
use gateway_schema::stream::{Decode, FrameData};
use gateway_schema::{CallError, Losses, Mapping, Operation, Request, Response};
use serde_json::{Value, json};

use super::{cases, decode, deviations, operation};
use crate::anthropic;
use crate::mlflow::{MlflowCodec, error};
use crate::openai::{self, Quirks};
use crate::{ClientCodec as _, EncodedRequest, ReplyInfo, RequestOptions};

/// The provider side of a dialect.
struct Wire {
    request: fn(&Request, &RequestOptions<'_>) -> Result<EncodedRequest, CallError>,
    reply: fn(Operation, &[u8]) -> Result<Response, CallError>,
    stream: fn(Operation) -> Box<dyn Decode>,
}

static ANTHROPIC: Wire = Wire {
    request: |request, options| match request {
        Request::Completion(request) => anthropic::encode_completion(request, options),
        Request::Chat(request) => anthropic::encode_chat(request, options),
        other => panic!("{other:?}"),
    },
    reply: |operation, body| match operation {
        Operation::Completion => {
            anthropic::decode_completion(body).map(|it| Response::Completion(Box::new(it)))
        }
        _ => anthropic::decode_chat(body).map(|it| Response::Chat(Box::new(it))),
    },
    stream: |_| Box::new(anthropic::StreamDecoder::new()),
};

static OPENAI: Wire = Wire {
    request: |request, options| openai::encode_request(request, options, &Quirks::OPENAI),
    reply: openai::decode_response,
    stream: |_| Box::new(openai::StreamDecoder::new().with_malformed_skipped(true)),
};

static AZURE: Wire = Wire {
    request: |request, options| openai::encode_request(request, options, &Quirks::AZURE),
    ..OPENAI
};

/// Where `got` lacks something of `want`. More than wanted is allowed; absent is null.
fn lacks(want: &Value, got: &Value, path: &str, out: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (name, want) in want.iter().filter(|(name, _)| *name != "created") {
                let found = got.get(name).unwrap_or(&Value::Null);
                lacks(want, found, &format!("{path}.{name}"), out);
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (index, (want, got)) in want.iter().zip(got).enumerate() {
                lacks(want, got, &format!("{path}[{index}]"), out);
            }
        }
        (Value::Number(want), Value::Number(got)) if want.as_f64() == got.as_f64() => {}
        (Value::String(want), Value::String(got)) if want.starts_with('{') => {
            let tree = |text: &str| serde_json::from_str::<Value>(text).ok();
            if tree(want) != tree(got) {
                out.push(format!("{path}: want {want}, got {got}"));
            }
        }
        _ if want == got => {}
        _ => out.push(format!("{path}: want {want}, got {got}")),
    }
}

fn sse(text: &str) -> Vec<Value> {
    text.split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// What the client gets for the recorded upstream answer: status and body, streams as a list of events.
fn answer(case: &Value, wire: &Wire, operation: Operation, streamed: bool) -> (u16, Value) {
    let upstream = &case["upstream_reply"];
    let name = case["name"].as_str().unwrap();
    let provider = name.split('-').next().filter(|it| *it != "route");
    let info =
        ReplyInfo::new("configured", provider.unwrap_or("openai"), "0", 1).with_include_usage(true);
    let codec = MlflowCodec::invocations();
    if let (true, Some(chunks)) = (streamed, upstream["chunks"].as_array()) {
        let mut decoder = (wire.stream)(operation);
        let mut encoder = codec.encoder(operation, &info);
        let mut out = BytesMut::new();
        let mut frames = Vec::new();
        let mut failed = None;
        for chunk in chunks {
            let bytes = Bytes::from(chunk.as_str().unwrap().to_owned());
            failed = failed.or(decoder.feed(bytes, &mut frames).err());
        }
        failed = failed.or(decoder.end(&mut frames).err());
        for frame in &frames {
            if let FrameData::Events(events) = &frame.data {
                encoder.encode(events, &mut out);
            }
        }
        if let Some(failed) = failed {
            encoder.error(&error::event(&failed), &mut out);
        }
        let events = sse(&String::from_utf8_lossy(&out));
        return (200, Value::Array(events));
    }
    let body = match &upstream["body"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let status = upstream["status"].as_u64().unwrap();
    let response = if status == 200 {
        (wire.reply)(operation, body.as_bytes())
    } else {
        let status = u16::try_from(status).unwrap();
        let content_type = upstream["headers"]["content-type"].as_str();
        let dialect = gateway_schema::Dialect::new("any");
        let failed = crate::failure::error(dialect, status, content_type, body.as_bytes());
        Err(failed)
    };
    let written = response.and_then(|it| codec.encode(&it, &info, &mut Losses::new()));
    match written {
        Ok(body) => (200, serde_json::from_slice(&body).unwrap()),
        Err(failed) => error::detail(&failed),
    }
}

fn replay(prefixes: &[&str], wire: &Wire) {
    let deviations = deviations();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, case) in cases(prefixes) {
        let seen_upstream = &case["upstream_seen"];
        let compressed = case["upstream_reply"]["body_base64"].is_string();
        // What is no answer of the API at all never reaches a decoder.
        let foreign = name == "openai-up-200-html";
        if deviations.get(&name).is_some() || !seen_upstream.is_object() || compressed || foreign {
            continue;
        }
        let Some(Ok(request)) = decode(&case) else {
            continue;
        };
        seen += 1;
        let mut faults = Vec::new();
        let want = &seen_upstream["body"];
        let model = want["model"].as_str().unwrap_or("m");
        let options = RequestOptions::new(model).with_mapping(Mapping::Mlflow);
        let sent = (wire.request)(&request, &options).unwrap();
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        lacks(want, &sent, "upstream", &mut faults);
        for (key, value) in sent.as_object().unwrap() {
            if want.get(key).is_none() && key != "model" {
                faults.push(format!("upstream.{key}: sent {value}, but not by MLflow"));
            }
        }
        let config = case["config_yaml"].as_str().unwrap();
        let path = case["request"]["path"].as_str().unwrap();
        let (operation, _) = operation(config, path).unwrap();
        let streamed = case["request"]["body"]["stream"] == true;
        let (status, body) = answer(&case, wire, operation, streamed);
        let reply = &case["gateway_reply"];
        if json!(status) != reply["status"] {
            faults.push(format!("status: want {}, got {status}", reply["status"]));
        }
        let cut = reply["connection_closed_before_end"] == true;
        match (&reply["body"], body) {
            // What MLflow broke off is compared as far as MLflow got.
            (Value::String(text), Value::Array(mut events)) => {
                let want = sse(text);
                // Of an empty stream there is nothing to compare.
                if cut || want.is_empty() {
                    events.truncate(want.len());
                }
                lacks(&Value::Array(want), &Value::Array(events), "", &mut faults);
            }
            (want, got) => lacks(want, &got, "", &mut faults),
        }
        if !faults.is_empty() {
            wrong.push(format!("{name}\n  {}", faults.join("\n  ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(seen > 0);
}

#[test]
fn anthropics_exchanges_are_the_recorded_ones() {
    replay(&["anthropic-"], &ANTHROPIC);
}

#[test]
fn openais_exchanges_are_the_recorded_ones() {
    replay(&["openai-", "route-"], &OPENAI);
}

#[test]
fn azures_exchanges_are_the_recorded_ones() {
    replay(&["azure-"], &AZURE);
}
