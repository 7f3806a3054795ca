//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::anthropic::{self, Host};
use gateway_dialect::bedrock::invoke::{self, Counts, Embedder, InvokeDecoder, Vendor};
use gateway_dialect::{EncodedRequest, RequestOptions, bedrock, known};
use gateway_provider::{
    Call, Credential, Encoded, JSON, Lane, ProviderInfo, RawRequest, Target, Whole, Wire,
    bearer_header, content_type, post_json,
};
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Operation, Request, Response, Retry, Usage,
};
use gateway_sigv4::{KeyPair, Scope, percent_encode, sign};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue};

use crate::OPERATIONS;
use crate::defaults::Defaults;
use crate::options::{Identity, Settings};
use crate::place::Place;

const EVENTS: &str = "application/vnd.amazon.eventstream";
/// Headers that belong to a signature.
pub(crate) const SIGNED: [&str; 3] = ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Speaks to Bedrock.
#[derive(Debug)]
pub(crate) struct BedrockWire {
    info: ProviderInfo,
    place: Place,
    is_bearer: bool,
    /// The model as it stands in the path.
    model: String,
    vendor: Option<Vendor>,
    embedder: Embedder,
    defaults: Defaults,
}

/// A body, and where it goes.
struct Plan {
    action: &'static str,
    body: Bytes,
    lane: Lane,
    losses: Losses,
}

impl Plan {
    fn cross(action: &'static str, encoded: EncodedRequest, mut losses: Losses) -> Self {
        losses.extend(encoded.losses);
        Self {
            action,
            body: encoded.body,
            lane: Lane::Cross,
            losses,
        }
    }
}

impl BedrockWire {
    /// A wire for one model of one account.
    pub(crate) fn new(name: &str, settings: Settings, place: Place) -> Self {
        let id = settings.model.as_str();
        let mut model = String::with_capacity(id.len() + 8);
        percent_encode(id.as_bytes(), &mut model);
        Self {
            place,
            is_bearer: matches!(settings.identity, Identity::Bearer(_)),
            model,
            vendor: Vendor::of(id),
            embedder: Embedder::of(id),
            info: ProviderInfo::new(name, settings.model, Dialect::BEDROCK, OPERATIONS),
            defaults: settings.defaults,
        }
    }

    fn base(&self) -> Result<&str, CallError> {
        match (&self.place.base, &self.place.region) {
            (Some(base), Some(_)) => Ok(base),
            _ if self.is_bearer => Err(no_region(
                "aws_region_name is required for Bedrock API key authentication. The API key can only be used in the \
                 AWS Region it was generated in.",
            )),
            _ => Err(no_region(
                "No AWS region is known: set aws_config.aws_region, or AWS_REGION for the gateway.",
            )),
        }
    }

    fn plan(&self, call: &Call, to: &Target) -> Result<Plan, CallError> {
        let converse = if call.stream {
            "converse-stream"
        } else {
            "converse"
        };
        if call.operation == Operation::Chat
            && let Some((body, _)) = call.payload.native(Dialect::BEDROCK)
            && !bedrock::has_foreign_proofs(body)
        {
            return Ok(Plan {
                action: converse,
                body: self.defaults.merge(body),
                lane: Lane::Same,
                losses: Losses::new(),
            });
        }
        let decoded = call.canonical()?;
        let losses = decoded.losses.clone();
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        match &decoded.value {
            Request::Chat(request) if call.operation == Operation::CountTokens => {
                let encoded = bedrock::encode_count(request, &options)?;
                Ok(Plan::cross("count-tokens", encoded, losses))
            }
            Request::Chat(request) => {
                let request = self.filled(request);
                let encoded = bedrock::encode_chat(&request, &options)?;
                Ok(Plan::cross(converse, encoded, losses))
            }
            Request::Completion(request) => {
                let mut request = Cow::Borrowed(&**request);
                if request.stream != call.stream {
                    request.to_mut().stream = call.stream;
                }
                self.defaults.fill_completion(request.to_mut());
                self.complete(&request, &options, losses)
            }
            Request::Embedding(request) => {
                let encoded = invoke::encode_embedding(request, self.embedder)?;
                Ok(Plan::cross("invoke", encoded, losses))
            }
            Request::Rerank(request) => Ok(Plan::cross(
                "invoke",
                invoke::encode_rerank(request)?,
                losses,
            )),
            _ => Err(not_here(call.operation.as_str())),
        }
    }

    fn filled<'a>(&self, request: &'a ChatRequest) -> Cow<'a, ChatRequest> {
        let mut request = Cow::Borrowed(request);
        if !self.defaults.is_empty() {
            self.defaults.fill_chat(request.to_mut());
        }
        request
    }

    fn complete(
        &self,
        request: &CompletionRequest,
        options: &RequestOptions<'_>,
        losses: Losses,
    ) -> Result<Plan, CallError> {
        let encoded = match self.vendor {
            Some(Vendor::Claude) => {
                anthropic::encode_completion_for(request, options, Host::BEDROCK)?
            }
            Some(vendor) => invoke::encode_completion(request, vendor, options)?,
            None => {
                let chat = request.to_chat().ok_or_else(|| {
                    CallError::client(
                        ErrorKind::Unsupported,
                        "prompt: Bedrock takes one prompt of text per request.",
                    )
                    .with_retry(Retry::Elsewhere)
                })?;
                let mut encoded = bedrock::encode_chat(&chat, options)?;
                for name in request.beyond_chat() {
                    encoded
                        .losses
                        .dropped(name, "Converse has no such parameter");
                }
                let action = if request.stream {
                    "converse-stream"
                } else {
                    "converse"
                };
                return Ok(Plan::cross(action, encoded, losses));
            }
        };
        let action = if request.stream {
            "invoke-with-response-stream"
        } else {
            "invoke"
        };
        Ok(Plan::cross(action, encoded, losses))
    }
}

/// MLflow's text: clients of its URLs know it.
fn not_here(what: &str) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The {what} route is not implemented for Amazon Bedrock models."),
    )
    .with_status(501)
    .with_retry(Retry::Elsewhere)
}

fn no_region(text: &'static str) -> CallError {
    CallError::gateway(ErrorKind::InvalidRequest, text)
        .with_status(400)
        .with_retry(Retry::Elsewhere)
        .with_code("aws_region_missing")
}

fn counts(headers: &HeaderMap) -> Counts {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Counts {
        input: number("x-amzn-bedrock-input-token-count"),
        output: number("x-amzn-bedrock-output-token-count"),
    }
}

impl Wire for BedrockWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        if !OPERATIONS.contains(&call.operation) {
            return Err(not_here(call.operation.as_str()));
        }
        let plan = self.plan(call, to)?;
        let uri = format!("{}/model/{}/{}", self.base()?, self.model, plan.action);
        let mut request = post_json(&uri, plan.body)?;
        let headers = request.headers_mut();
        match plan.action {
            "invoke" => headers.insert(ACCEPT, JSON),
            "invoke-with-response-stream" => {
                headers.insert(ACCEPT, HeaderValue::from_static(EVENTS));
                headers.insert("x-amzn-bedrock-accept", JSON)
            }
            _ => None,
        };
        Ok(Encoded {
            request,
            lane: plan.lane,
            losses: plan.losses,
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        now: SystemTime,
    ) -> Result<(), CallError> {
        match credential {
            Credential::Key(token) => {
                let value = bearer_header(token.expose())?;
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
            other => {
                let region = self.place.region.as_deref().unwrap_or_default();
                sign_for("bedrock", region, request, other, now)
            }
        }
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if lane == Lane::Same {
            let facts = bedrock::observe_chat(&body)?;
            return Ok(Whole::raw(&head, body, facts));
        }
        let counts = counts(&head.headers);
        Ok(Whole::Canonical(match call.operation {
            Operation::CountTokens => Response::CountTokens {
                input_tokens: bedrock::decode_count(&body)?,
            },
            Operation::Completion => Response::Completion(Box::new(match self.vendor {
                Some(Vendor::Claude) => {
                    let mut reply = anthropic::decode_completion(&body)?;
                    if counts.input.is_some() || counts.output.is_some() {
                        let usage = reply.usage.get_or_insert_default();
                        usage.input_tokens = counts.input;
                        usage.output_tokens = counts.output;
                    }
                    reply
                }
                Some(vendor) => invoke::decode_completion(vendor, &body, counts)?,
                None => bedrock::decode_chat(&body)?.into(),
            })),
            Operation::Embedding => {
                Response::Embedding(Box::new(invoke::decode_embedding(&body, counts)?))
            }
            Operation::Rerank => {
                let decoded = call.canonical()?;
                let Request::Rerank(request) = &decoded.value else {
                    return Err(not_here("rerank"));
                };
                Response::Rerank(Box::new(invoke::decode_rerank(request, &body)?))
            }
            _ => Response::Chat(Box::new(bedrock::decode_chat(&body)?)),
        }))
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        match (lane, call.operation, self.vendor) {
            (Lane::Same, _, _) => Box::new(bedrock::StreamObserver::new()),
            (Lane::Cross, Operation::Completion, Some(vendor)) => {
                Box::new(InvokeDecoder::new(vendor))
            }
            (Lane::Cross, _, _) => Box::new(bedrock::StreamDecoder::new()),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let named = response.headers().get(ERROR_TYPE);
        bedrock::decode_error(
            response.status().as_u16(),
            named.and_then(|value| value.to_str().ok()),
            content_type(response.headers()),
            response.body(),
        )
    }

    fn takes_uploads(&self) -> bool {
        // The body is signed.
        false
    }

    fn forwards(&self, header: &str) -> bool {
        header.starts_with("x-amzn-bedrock-")
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let mut request = raw.at(self.base()?)?;
        let headers = request.headers_mut();
        // What a caller's own signature needed.
        for name in SIGNED {
            headers.remove(name);
        }
        Ok(request)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = head.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let counts = counts(&head.headers);
        if counts.input.is_some() || counts.output.is_some() {
            // `InvokeModel` counts in the head, whatever the body looks like.
            return Some(Box::new(Counted(counts)));
        }
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}

/// Signs with a key pair.
pub(crate) fn sign_for(
    service: &str,
    region: &str,
    request: &mut http::Request<Bytes>,
    credential: &Credential,
    now: SystemTime,
) -> Result<(), CallError> {
    let Credential::Aws {
        access_key_id,
        secret_access_key,
        session_token,
    } = credential
    else {
        let message = "AWS needs a key pair or a role.";
        return Err(CallError::gateway(ErrorKind::Internal, message));
    };
    let keys = KeyPair {
        id: access_key_id,
        secret: secret_access_key,
        token: session_token.as_ref(),
    };
    sign(request, keys, Scope { region, service }, now)
}

/// Usage that the head of an answer states.
struct Counted(Counts);

impl Decode for Counted {
    fn feed(&mut self, _chunk: Bytes, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut usage = Usage::default();
        usage.input_tokens = self.0.input;
        usage.output_tokens = self.0.output;
        let mut facts = Facts::default();
        facts.usage = Some(Box::new(usage));
        out.push(Frame::raw(Bytes::new(), facts));
        Ok(())
    }
}
