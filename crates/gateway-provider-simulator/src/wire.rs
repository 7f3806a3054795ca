//! Calls in OpenAI's form, without a vendor's quirks.

use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::{
    Observer, Quirks, StreamDecoder, UsageChunk, decode_error, decode_response, encode_request,
    observe,
};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Edit, Envelope, Member, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, content_type,
    post_json,
};
use gateway_schema::stream::Decode;
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Mapping, ModelId, Operation, Response,
};
use http::response::Parts;
use serde_json::{Map, Value};

use crate::OPERATIONS;

/// The pure half of the simulator.
#[derive(Debug)]
pub struct SimulatorWire {
    info: ProviderInfo,
}

impl SimulatorWire {
    /// A wire to `model`.
    pub fn new(model: ModelId) -> Self {
        Self {
            info: ProviderInfo::new("simulator", model, Dialect::OPENAI, OPERATIONS),
        }
    }
}

const fn uri(operation: Operation) -> &'static str {
    match operation {
        Operation::Completion => "http://simulator.invalid/v1/completions",
        Operation::Embedding => "http://simulator.invalid/v1/embeddings",
        Operation::CountTokens => "http://simulator.invalid/v1/input_tokens",
        _ => "http://simulator.invalid/v1/chat/completions",
    }
}

/// Whether the caller of the same dialect wants to see usage at the end of its stream.
fn wants_usage(call: &Call) -> bool {
    let Some((bytes, envelope)) = call.payload.native(Dialect::OPENAI) else {
        return true;
    };
    envelope
        .get(bytes, "stream_options")
        .and_then(|options| serde_json::from_slice::<Value>(options).ok())
        .is_some_and(|options| options.get("include_usage") == Some(&Value::Bool(true)))
}

/// The caller's `stream_options` with usage asked for, whatever the caller stated.
fn stream_options(body: &Bytes, envelope: &Envelope) -> String {
    let stated = envelope.get(body, "stream_options");
    let stated = stated.and_then(|text| serde_json::from_slice::<Map<String, Value>>(text).ok());
    let mut options = stated.unwrap_or_default();
    options.insert("include_usage".to_owned(), Value::Bool(true));
    Value::Object(options).to_string()
}

/// Names the target's model, adds absent defaults, and asks for usage at the end of a stream.
fn adapt(body: &Bytes, envelope: &Envelope, call: &Call, to: &Target) -> Bytes {
    let model = Value::from(to.model.as_str()).to_string();
    let mut added = Vec::new();
    if envelope.find(body, "model").is_none() {
        added.push(format!("\"model\":{model}"));
    }
    let has = |name: &str| envelope.find(body, name).is_some();
    for (name, value) in to.defaults.iter() {
        // Two spellings of one limit.
        let other = match name.as_str() {
            "max_tokens" => "max_completion_tokens",
            "max_completion_tokens" => "max_tokens",
            other => other,
        };
        if !has(name) && !has(other) {
            added.push(format!("{}:{value}", Value::from(name.as_str())));
        }
    }
    let mut edits = Vec::new();
    if call.stream {
        let options = stream_options(body, envelope);
        let same = |member: &&Member| body.get(member.key.clone()) == Some(b"stream_options");
        for member in envelope.members().iter().filter(same) {
            edits.push(Edit::new(member.value.clone(), options.clone()));
        }
        if edits.is_empty() {
            added.push(format!("\"stream_options\":{options}"));
        }
    }
    if !added.is_empty() {
        let mut text = added.join(",");
        if !envelope.members().is_empty() {
            text.push(',');
        }
        edits.insert(0, Edit::new(envelope.open()..envelope.open(), text));
    }
    let named = envelope
        .members()
        .iter()
        .filter(|member| body.get(member.key.clone()) == Some(b"model"));
    edits.extend(named.map(|member| Edit::new(member.value.clone(), model.clone())));
    edits.sort_by_key(|edit| edit.at.start);
    splice(body, &edits)
}

impl Wire for SimulatorWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let native = call.payload.native(Dialect::OPENAI);
        let (body, lane, losses) = if let Some((bytes, envelope)) = native {
            (adapt(bytes, envelope, call, to), Lane::Same, Losses::new())
        } else {
            let decoded = call.canonical()?;
            let mut losses = decoded.losses.clone();
            let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
            let encoded = encode_request(&decoded.value, &options, &Quirks::OPENAI)?;
            losses.extend(encoded.losses);
            let envelope = Envelope::scan(&encoded.body).map_err(|error| {
                CallError::gateway(
                    ErrorKind::Internal,
                    "The translated request is not a JSON object.",
                )
                .with_detail(format!("{error:?}"))
            })?;
            (
                adapt(&encoded.body, &envelope, call, to),
                Lane::Cross,
                losses,
            )
        };
        Ok(Encoded {
            request: post_json(uri(call.operation), body)?,
            lane,
            losses,
        })
    }

    fn authorize(
        &self,
        _: &mut http::Request<Bytes>,
        _: &Credential,
        _: SystemTime,
    ) -> Result<(), CallError> {
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if call.operation == Operation::CountTokens {
            return count(&body);
        }
        match lane {
            Lane::Same => observe(&body).map(|facts| Whole::raw(&head, body, facts)),
            Lane::Cross => decode_response(call.operation, &body).map(Whole::Canonical),
        }
    }

    fn decoder(&self, call: &Call, lane: Lane, _: &Parts) -> Box<dyn Decode> {
        match lane {
            Lane::Cross => {
                let skips = call.context.mapping == Mapping::Mlflow;
                Box::new(StreamDecoder::new().with_malformed_skipped(skips))
            }
            Lane::Same if wants_usage(call) => Box::new(Observer::new(UsageChunk::Forward)),
            Lane::Same => Box::new(Observer::new(UsageChunk::Hide)),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        decode_error(response.status().as_u16(), kind, response.body())
    }

    fn takes_uploads(&self) -> bool {
        // It has no server to send them to.
        false
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        raw.at("http://simulator.invalid")
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}

fn count(body: &[u8]) -> Result<Whole, CallError> {
    let reply: Option<Value> = serde_json::from_slice(body).ok();
    reply
        .and_then(|reply| reply.get("input_tokens")?.as_u64())
        .map(|input_tokens| Whole::Canonical(Response::CountTokens { input_tokens }))
        .ok_or_else(|| {
            CallError::upstream(
                ErrorKind::Upstream,
                "The provider's answer holds no number of tokens.",
            )
        })
}
