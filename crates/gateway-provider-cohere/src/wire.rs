//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::cohere::{self, v1};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Edit, Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, bearer_header,
    content_type, post_json,
};
use gateway_schema::completion::CompletionResponse;
use gateway_schema::stream::Decode;
use gateway_schema::{CallError, Dialect, Losses, Mapping, Operation, Request, Response};
use http::header::AUTHORIZATION;
use http::response::Parts;
use serde_json::{Map, Value};

use crate::OPERATIONS;
use crate::defaults::Defaults;
use crate::options::Settings;

/// Which version of the API a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Speaks to Cohere.
#[derive(Debug)]
pub(crate) struct CohereWire {
    info: ProviderInfo,
    base: String,
    mlflow_base: String,
    defaults: Defaults,
}

impl CohereWire {
    /// A wire for one model of one account.
    pub(crate) fn new(name: &str, settings: Settings, defaults: &Map<String, Value>) -> Self {
        Self {
            defaults: Defaults::new(defaults, settings.model.as_str()),
            info: ProviderInfo::new(name, settings.model, Dialect::COHERE, OPERATIONS)
                .with_display_name("Cohere"),
            base: settings.base,
            mlflow_base: settings.mlflow_base,
        }
    }

    /// The caller's own bytes, with the model and absent defaults spliced in.
    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope, to: &Target) -> Bytes {
        let model = Value::from(to.model.as_str()).to_string();
        let mut edits = Vec::new();
        let mut named = Vec::new();
        for found in envelope.members() {
            if body.get(found.key.clone()) == Some(b"model") {
                named.push(Edit::new(found.value.clone(), model.clone()));
            }
        }
        if named.is_empty() {
            envelope.insert("model", model.as_bytes(), &mut edits);
        }
        if call.stream && envelope.find(body, "stream").is_none() {
            envelope.insert("stream", b"true", &mut edits);
        }
        self.defaults
            .splice(call.operation, body, envelope, &mut edits);
        edits.extend(named);
        splice(body, &edits)
    }

    fn uri(&self, version: Version, operation: Operation) -> Result<String, CallError> {
        let path = match (version, operation) {
            (_, Operation::Chat) | (Version::Two, Operation::Completion) => "chat",
            (Version::One, Operation::Completion) => "generate",
            (_, Operation::Embedding) => "embed",
            (_, Operation::Rerank) => "rerank",
            (_, other) => return Err(self.info.lacks(other)),
        };
        Ok(match version {
            Version::One => format!("{}/v1/{path}", self.mlflow_base),
            Version::Two => format!("{}/v2/{path}", self.base),
        })
    }

    fn translate(
        &self,
        call: &Call,
        version: Version,
        to: &Target,
    ) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let mut request = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(request.to_mut());
        }
        if request.stream().is_some_and(|it| it != call.stream) {
            request.to_mut().set_stream(call.stream);
        }
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        let encoded = match (&*request, version) {
            (Request::Chat(chat), Version::One) => v1::encode_chat(chat, &options)?,
            (Request::Chat(chat), Version::Two) => cohere::encode_chat(chat, &options)?,
            (Request::Completion(completion), Version::One) => {
                v1::encode_completion(completion, &options)?
            }
            (Request::Completion(completion), Version::Two) => {
                cohere::encode_completion_by_chat(completion, &options)?
            }
            (Request::Embedding(embedding), Version::One) => {
                v1::encode_embedding(embedding, &options)?
            }
            (Request::Embedding(embedding), Version::Two) => {
                cohere::encode_embedding(embedding, &options)?
            }
            (Request::Rerank(rerank), _) => cohere::encode_rerank(rerank, &options)?,
            _ => return Err(self.info.lacks(call.operation)),
        };
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }
}

/// MLflow's URLs speak the first version, where it can say the request.
fn version(call: &Call) -> Version {
    let says = call.context.mapping == Mapping::Mlflow
        && call
            .canonical()
            .is_ok_and(|decoded| v1::can_say(&decoded.value));
    if says { Version::One } else { Version::Two }
}

impl Wire for CohereWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let version = version(call);
        let uri = self.uri(version, call.operation)?;
        let native = call
            .payload
            .native(Dialect::COHERE)
            .filter(|_| version == Version::Two && call.operation != Operation::Completion);
        let (lane, (body, losses)) = match native {
            Some((body, envelope)) => {
                let body = self.forward(call, body, envelope, to);
                (Lane::Same, (body, Losses::new()))
            }
            None => (Lane::Cross, self.translate(call, version, to)?),
        };
        let request = post_json(&uri, body)?;
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
        let key = credential.key_for("Cohere")?;
        let value = bearer_header(key.expose())?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        if lane == Lane::Same {
            let (head, body) = response.into_parts();
            let facts = cohere::observe(&body)?;
            return Ok(Whole::raw(&head, body, facts));
        }
        let body = response.body();
        let reply = match (call.operation, version(call)) {
            (Operation::Chat, Version::One) => Response::Chat(Box::new(v1::decode_chat(body)?)),
            (Operation::Chat, Version::Two) => Response::Chat(Box::new(cohere::decode_chat(body)?)),
            (Operation::Completion, Version::One) => {
                Response::Completion(Box::new(v1::decode_completion(body)?))
            }
            (Operation::Completion, Version::Two) => {
                let chat = cohere::decode_chat(body)?;
                Response::Completion(Box::new(CompletionResponse::from(chat)))
            }
            (Operation::Embedding, _) => {
                Response::Embedding(Box::new(cohere::decode_embedding(body)?))
            }
            (Operation::Rerank, _) => match &call.canonical()?.value {
                Request::Rerank(request) => {
                    Response::Rerank(Box::new(cohere::decode_rerank(body, request)?))
                }
                _ => return Err(self.info.lacks(call.operation)),
            },
            (other, _) => return Err(self.info.lacks(other)),
        };
        Ok(Whole::Canonical(reply))
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        match (lane, version(call)) {
            (Lane::Same, _) => Box::new(cohere::StreamObserver::new()),
            (Lane::Cross, Version::One) => Box::new(v1::StreamDecoder::new()),
            (Lane::Cross, Version::Two) => Box::new(cohere::StreamDecoder::new()),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        cohere::decode_error(response.status().as_u16(), kind, response.body())
    }

    fn forwards(&self, header: &str) -> bool {
        header == "x-client-name"
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        raw.at(&self.base)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
