//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::anthropic::{self, Host};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Edit, Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, bearer_header,
    content_type, post_json, secret_header, unversioned,
};
use gateway_schema::stream::{Decode, Facts};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Operation, Request, Response, Retry};
use http::header::AUTHORIZATION;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::OPERATIONS;
use crate::defaults::Defaults;
use crate::options::Settings;

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How OAuth tokens begin; they travel as bearer tokens, and with this beta only.
const OAUTH_PREFIX: &str = "sk-ant-oat";
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// Speaks to Anthropic.
#[derive(Debug)]
pub(crate) struct AnthropicWire {
    info: ProviderInfo,
    base: String,
    version: HeaderValue,
    defaults: Defaults,
    completes_by_chat: bool,
}

impl AnthropicWire {
    /// A wire for one model of one account.
    pub(crate) fn new(name: &str, settings: Settings) -> Self {
        Self {
            completes_by_chat: anthropic::completes_by_chat(settings.model.as_str()),
            info: ProviderInfo::new(name, settings.model, Dialect::ANTHROPIC, OPERATIONS),
            base: settings.base,
            version: settings.version,
            defaults: settings.defaults,
        }
    }

    fn path(&self, operation: Operation) -> Result<&'static str, CallError> {
        match operation {
            Operation::Chat => Ok("messages"),
            Operation::Completion if self.completes_by_chat => Ok("messages"),
            Operation::Completion => Ok("complete"),
            Operation::CountTokens => Ok("messages/count_tokens"),
            Operation::Embedding => Err(not_here("embeddings")),
            Operation::Rerank => Err(not_here("rerank")),
            other => Err(not_here(other.as_str())),
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
        if call.operation == Operation::Chat
            && call.stream
            && envelope.find(body, "stream").is_none()
        {
            envelope.insert("stream", b"true", &mut edits);
        }
        self.defaults
            .splice(call.operation, body, envelope, &mut edits);
        edits.extend(named);
        splice(body, &edits)
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        let encoded = match &decoded.value {
            Request::Chat(request) => {
                let mut request = Cow::Borrowed(&**request);
                let is_count = call.operation == Operation::CountTokens;
                if !is_count && !self.defaults.is_empty() {
                    self.defaults.fill_chat(request.to_mut());
                }
                if request.stream != call.stream {
                    request.to_mut().stream = call.stream;
                }
                if is_count {
                    anthropic::encode_count(&request, &options)?
                } else {
                    anthropic::encode_chat(&request, &options)?
                }
            }
            Request::Completion(request) => {
                let mut request = Cow::Borrowed(&**request);
                if !self.defaults.is_empty() {
                    self.defaults.fill_completion(request.to_mut());
                }
                if request.stream != call.stream {
                    request.to_mut().stream = call.stream;
                }
                if self.completes_by_chat {
                    anthropic::encode_completion_by_chat(&request, &options, Host::DIRECT)?
                } else {
                    anthropic::encode_completion(&request, &options)?
                }
            }
            _ => return Err(not_here(call.operation.as_str())),
        };
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }
}

/// MLflow's text: clients of its URLs know it.
fn not_here(what: &str) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The {what} route is not implemented for Anthropic models."),
    )
    .with_status(501)
    .with_retry(Retry::Elsewhere)
}

impl Wire for AnthropicWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let uri = format!("{}/{}", self.base, self.path(call.operation)?);
        let native = call.payload.native(Dialect::ANTHROPIC).filter(|(body, _)| {
            call.operation != Operation::Completion && !anthropic::has_foreign_proofs(body)
        });
        let (lane, (body, losses)) = if let Some((body, envelope)) = native {
            let body = self.forward(call, body, envelope, to);
            (Lane::Same, (body, Losses::new()))
        } else {
            (Lane::Cross, self.translate(call, to)?)
        };
        let mut request = post_json(&uri, body)?;
        let headers = request.headers_mut();
        let said = &call.context.headers;
        // A body that is forwarded is of the version that its caller names; a translated one of ours.
        let version = said.get(&VERSION).filter(|_| lane == Lane::Same);
        headers.insert(VERSION, version.unwrap_or(&self.version).clone());
        for beta in said.get_all(&BETA) {
            headers.append(BETA, beta.clone());
        }
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
        let key = credential.key_for("Anthropic")?.expose();
        let headers = request.headers_mut();
        if key.starts_with(OAUTH_PREFIX) {
            headers.insert(AUTHORIZATION, bearer_header(key)?);
            if !has_beta(headers, OAUTH_BETA) {
                headers.append(BETA, HeaderValue::from_static(OAUTH_BETA));
            }
        } else {
            headers.insert(API_KEY, secret_header(key)?);
        }
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if lane == Lane::Same {
            let facts = match call.operation {
                Operation::CountTokens => {
                    anthropic::decode_count(&body)?;
                    Facts::default()
                }
                _ => anthropic::observe_chat(&body)?,
            };
            return Ok(Whole::raw(&head, body, facts));
        }
        Ok(Whole::Canonical(match call.operation {
            Operation::CountTokens => Response::CountTokens {
                input_tokens: anthropic::decode_count(&body)?,
            },
            Operation::Completion if self.completes_by_chat => {
                Response::Completion(Box::new(anthropic::decode_completion_by_chat(&body)?))
            }
            Operation::Completion => {
                Response::Completion(Box::new(anthropic::decode_completion(&body)?))
            }
            _ => Response::Chat(Box::new(anthropic::decode_chat(&body)?)),
        }))
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        match (lane, call.operation) {
            (Lane::Same, _) => Box::new(anthropic::StreamObserver::new()),
            (Lane::Cross, Operation::Completion) if !self.completes_by_chat => {
                Box::new(anthropic::CompletionDecoder::new())
            }
            (Lane::Cross, _) => Box::new(anthropic::StreamDecoder::new()),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        anthropic::decode_error(response.status().as_u16(), kind, response.body())
    }

    fn forwards(&self, header: &str) -> bool {
        header.starts_with("anthropic-")
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let mut request = raw.at(unversioned(&self.base))?;
        let headers = request.headers_mut();
        if !headers.contains_key(&VERSION) {
            headers.insert(VERSION, self.version.clone());
        }
        Ok(request)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}

fn has_beta(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(&BETA)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim() == name)
}
