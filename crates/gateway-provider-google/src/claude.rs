//! Claude on Vertex AI: Anthropic's Messages API, the model in the URL and the version in the body.
//!
//! Spec: MLflow `vertex_ai` for models that begin with `claude`; <https://docs.claude.com/en/api/claude-on-vertex-ai>,
//! read 2026-11-21.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::anthropic::{self, Host};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Edit, Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, content_type,
    post_json,
};
use gateway_schema::stream::{Decode, Facts};
use gateway_schema::{CallError, Dialect, Losses, ModelId, Operation, Request, Response};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::defaults::{Defaults, Members, insert, members};
use crate::site::{self, Site, not_here};

/// What Claude can be asked here.
const OPERATIONS: &[Operation] = &[Operation::Chat, Operation::CountTokens];
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const VERSION: &[u8] = b"\"vertex-2023-10-16\"";
/// What only makes sense with something else in the request, or not at all.
const NOT_SPLICED: [&str; 5] = [
    "model",
    "messages",
    "system",
    "max_tokens",
    "anthropic_version",
];

/// Speaks to Claude on Vertex AI.
#[derive(Debug)]
pub(crate) struct ClaudeWire {
    info: ProviderInfo,
    site: Site,
    /// Which betas of callers are passed on; `None` for all.
    betas: Option<Vec<String>>,
    defaults: Defaults,
    members: Members,
}

impl ClaudeWire {
    /// # Errors
    /// A default that Claude cannot be given.
    pub(crate) fn new(
        name: &str,
        model: &ModelId,
        site: Site,
        betas: Option<Vec<String>>,
        parameters: &Map<String, Value>,
    ) -> Result<Self, CallError> {
        let defaults = Defaults::read(parameters)?;
        let mut fields = Map::new();
        if let Some(request) = defaults.canonical() {
            let options = RequestOptions::new(model.as_str());
            let written = anthropic::encode_chat(request, &options)?;
            fields = serde_json::from_slice(&written.body).unwrap_or_default();
            fields.retain(|key, _| !NOT_SPLICED.contains(&key.as_str()));
            if let Some(limit) = request.sampling.output_limit() {
                fields.insert("max_tokens".to_owned(), limit.into());
            }
        }
        Ok(Self {
            info: ProviderInfo::new(name, model.clone(), Dialect::ANTHROPIC, OPERATIONS),
            site,
            betas,
            defaults,
            members: members(fields),
        })
    }

    /// The caller's own bytes, with the version in place of the model and absent defaults spliced in.
    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope, to: &Target) -> Bytes {
        let is_count = call.operation == Operation::CountTokens;
        let has = |key: &str| envelope.find(body, key).is_some();
        let model = Value::from(to.model.as_str()).to_string();
        let mut added: Vec<(&str, &[u8])> = Vec::new();
        if is_count {
            if !has("model") {
                added.push(("model", model.as_bytes()));
            }
        } else {
            if !has("anthropic_version") {
                added.push(("anthropic_version", VERSION));
            }
            if call.stream && !has("stream") {
                added.push(("stream", b"true"));
            }
            for (key, value) in &self.members {
                let conflicts = match key.as_str() {
                    "temperature" => has("top_p") || has("thinking"),
                    "top_p" => has("temperature") || has("thinking"),
                    "top_k" => has("thinking"),
                    "tool_choice" => !has("tools"),
                    _ => false,
                };
                if !conflicts && !has(key) {
                    added.push((key, value));
                }
            }
        }
        let mut edits = Vec::new();
        insert(&added, envelope, 0, &mut edits);
        for (place, member) in envelope.members().iter().enumerate() {
            if body.get(member.key.clone()) != Some(b"model") {
                continue;
            }
            if is_count {
                edits.push(Edit::new(member.value.clone(), model.clone()));
            } else {
                edits.push(without(envelope, place, !added.is_empty()));
            }
        }
        splice(body, &edits)
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let Request::Chat(request) = &decoded.value else {
            return Err(unsupported(call.operation));
        };
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        let mut request = Cow::Borrowed(&**request);
        let encoded = if call.operation == Operation::CountTokens {
            // The method of all models names its model in the body.
            anthropic::encode_count(&request, &options)?
        } else {
            if !self.defaults.is_empty() {
                self.defaults.fill_chat(request.to_mut());
            }
            if request.stream != call.stream {
                request.to_mut().stream = call.stream;
            }
            anthropic::encode_chat_for(&request, &options, Host::VERTEX)?
        };
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }

    /// Betas of the caller, as far as they are allowed.
    fn pass_betas(&self, from: &HeaderMap, to: &mut HeaderMap) {
        let Some(allowed) = &self.betas else {
            for value in from.get_all(&BETA) {
                to.append(BETA, value.clone());
            }
            return;
        };
        let said = from
            .get_all(&BETA)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let kept: Vec<&str> = said
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|word| allowed.iter().any(|known| known == word))
            .collect();
        if !kept.is_empty()
            && let Ok(value) = HeaderValue::try_from(kept.join(","))
        {
            to.insert(BETA, value);
        }
    }
}

/// Takes a member out, with the comma after it, or before it where it is the last one. When something is inserted in
/// front of all members, the comma before the last one is there even where it is the only one.
fn without(envelope: &Envelope, place: usize, is_led: bool) -> Edit {
    let members = envelope.members();
    let Some(member) = members.get(place) else {
        return Edit::new(0..0, Bytes::new());
    };
    let start = member.key.start.saturating_sub(1);
    if let Some(next) = members.get(place + 1) {
        return Edit::new(start..next.key.start.saturating_sub(1), Bytes::new());
    }
    match place.checked_sub(1).and_then(|before| members.get(before)) {
        Some(before) => Edit::new(before.value.end..member.value.end, Bytes::new()),
        // The only one: something must stand after the comma of what was inserted.
        None if is_led => Edit::new(start..member.value.end, &b"\"messages\":[]"[..]),
        None => Edit::new(start..member.value.end, Bytes::new()),
    }
}

fn unsupported(operation: Operation) -> CallError {
    not_here(operation.as_str(), "Vertex AI Claude")
}

impl Wire for ClaudeWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let model = to.model.as_str();
        let uri = match call.operation {
            Operation::Chat if call.stream => {
                self.site.method("anthropic", model, "streamRawPredict")
            }
            Operation::Chat => self.site.method("anthropic", model, "rawPredict"),
            Operation::CountTokens => self.site.method("anthropic", "count-tokens", "rawPredict"),
            other => return Err(unsupported(other)),
        };
        let native = call.payload.native(Dialect::ANTHROPIC);
        let (lane, (body, losses)) = if let Some((body, envelope)) = native {
            let body = self.forward(call, body, envelope, to);
            (Lane::Same, (body, Losses::new()))
        } else {
            (Lane::Cross, self.translate(call, to)?)
        };
        let mut request = post_json(&uri, body)?;
        self.pass_betas(&call.context.headers, request.headers_mut());
        Ok(Encoded {
            request,
            lane,
            losses,
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        _now: SystemTime,
    ) -> Result<(), CallError> {
        self.site.authorize(request, credential)
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        let is_count = call.operation == Operation::CountTokens;
        if lane == Lane::Same {
            let facts = if is_count {
                anthropic::decode_count(&body)?;
                Facts::default()
            } else {
                anthropic::observe_chat(&body)?
            };
            return Ok(Whole::raw(&head, body, facts));
        }
        Ok(Whole::Canonical(if is_count {
            Response::CountTokens {
                input_tokens: anthropic::decode_count(&body)?,
            }
        } else {
            Response::Chat(Box::new(anthropic::decode_chat(&body)?))
        }))
    }

    fn decoder(&self, _call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        match lane {
            Lane::Same => Box::new(anthropic::StreamObserver::new()),
            Lane::Cross => Box::new(anthropic::StreamDecoder::new()),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        anthropic::decode_error(
            response.status().as_u16(),
            content_type(response.headers()),
            response.body(),
        )
    }

    fn forwards(&self, header: &str) -> bool {
        header.starts_with("anthropic-") || site::forwards(header)
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        self.site.pass(raw)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
