//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::{
    self, Defaults, Forward, Observer, Quirks, StreamDecoder, UsageChunk,
};
use gateway_dialect::tgi::{self, Template};
use gateway_dialect::{RequestOptions, bedrock, known};
use gateway_json::{Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, JSON, Lane, ProviderInfo, RawRequest, Target, TargetSpec, Whole,
    Wire, content_type, post_json,
};
use gateway_schema::stream::Decode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response, Retry,
};
use gateway_sigv4::percent_encode;
use http::header::ACCEPT;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::stream::Unwrapped;
use super::{Endpoint, OPERATIONS, SAGEMAKER};
use crate::place::Place;
use crate::wire::{SIGNED, sign_for};

const COMPONENT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-component");

/// Speaks to the container of one endpoint.
#[derive(Debug)]
pub(super) struct SageMakerWire {
    info: ProviderInfo,
    place: Place,
    /// The endpoint as it stands in the path.
    endpoint: String,
    served: String,
    component: Option<HeaderValue>,
    template: Option<Template>,
    defaults: Defaults,
}

impl SageMakerWire {
    pub(super) fn new(spec: &TargetSpec, settings: Endpoint, place: Place) -> Self {
        let mut endpoint = String::new();
        percent_encode(settings.aws.model.as_str().as_bytes(), &mut endpoint);
        let info = ProviderInfo::new(
            spec.provider.as_str(),
            settings.aws.model,
            Dialect::OPENAI,
            OPERATIONS,
        );
        Self {
            info: info.with_display_name(SAGEMAKER.display_name),
            place,
            endpoint,
            served: settings.served,
            component: settings.component,
            template: settings.template,
            defaults: Defaults::new(&spec.defaults),
        }
    }

    fn base(&self) -> Result<&str, CallError> {
        self.place.base.as_deref().ok_or_else(|| {
            let message =
                "No AWS region is known: set aws_region_name, or AWS_REGION for the gateway.";
            CallError::gateway(ErrorKind::InvalidRequest, message)
                .with_status(400)
                .with_retry(Retry::Elsewhere)
                .with_code("aws_region_missing")
        })
    }

    /// The caller's own bytes, with the model and absent defaults spliced in.
    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope) -> Bytes {
        let how = Forward {
            model: &self.served,
            adds_model: true,
            operation: call.operation,
            stream: call.stream,
            stream_options: true,
            defaults: &self.defaults,
        };
        splice(body, &how.edits(body, envelope))
    }

    /// What is asked, with absent defaults.
    fn filled<'a>(&self, decoded: &'a Decoded, stream: bool) -> Cow<'a, Request> {
        let mut request = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(request.to_mut());
        }
        if request.stream().is_some_and(|it| it != stream) {
            request.to_mut().set_stream(stream);
        }
        request
    }

    /// The stop sequences that a reply is read with.
    fn stops(&self, call: &Call, template: Template) -> Vec<String> {
        let decoded = call.canonical();
        decoded.map_or_else(
            |_| Vec::new(),
            |decoded| tgi::stops(&self.filled(decoded, call.stream), template),
        )
    }

    fn translate(&self, call: &Call) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let request = self.filled(decoded, call.stream);
        let encoded = match (self.template, &*request) {
            (Some(template), Request::Chat(chat)) => tgi::encode_chat(chat, template)?,
            (Some(_), Request::Completion(text)) => tgi::encode_completion(text)?,
            (Some(_), _) => return Err(self.info.lacks(call.operation).with_status(501)),
            (None, request) => {
                let options = RequestOptions::new(&self.served).with_mapping(call.context.mapping);
                openai::encode_request(request, &options, &Quirks::COMPATIBLE)?
            }
        };
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }
}

/// Reads what a container says in Text Generation Inference's own words.
fn read_text(call: &Call, stops: &[String], body: &[u8]) -> Result<Response, CallError> {
    if call.operation == Operation::Completion {
        let reply = tgi::decode_completion(body, stops)?;
        return Ok(Response::Completion(Box::new(reply)));
    }
    let reply = tgi::decode_chat(body, stops)?;
    Ok(Response::Chat(Box::new(reply)))
}

fn text<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Wire for SageMakerWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, _to: &Target) -> Result<Encoded, CallError> {
        if !OPERATIONS.contains(&call.operation) {
            return Err(self.info.lacks(call.operation).with_status(501));
        }
        let action = if call.stream {
            "invocations-response-stream"
        } else {
            "invocations"
        };
        let uri = format!("{}/endpoints/{}/{action}", self.base()?, self.endpoint);
        let native = call.payload.native(Dialect::OPENAI);
        let (lane, (body, losses)) = match native.filter(|_| self.template.is_none()) {
            Some((body, envelope)) => {
                let body = self.forward(call, body, envelope);
                (Lane::Same, (body, Losses::new()))
            }
            None => (Lane::Cross, self.translate(call)?),
        };
        let mut request = post_json(&uri, body)?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        if let Some(component) = &self.component {
            headers.insert(COMPONENT, component.clone());
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
        now: SystemTime,
    ) -> Result<(), CallError> {
        let region = self.place.region.as_deref().unwrap_or_default();
        sign_for("sagemaker", region, request, credential, now)
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if lane == Lane::Same {
            let facts = openai::observe(&body)?;
            return Ok(Whole::raw(&head, body, facts));
        }
        if let Some(template) = self.template {
            let stops = self.stops(call, template);
            return read_text(call, &stops, &body).map(Whole::Canonical);
        }
        openai::decode_response(call.operation, &body).map(Whole::Canonical)
    }

    fn decoder(&self, call: &Call, lane: Lane, head: &Parts) -> Box<dyn Decode> {
        let native = call
            .payload
            .native(Dialect::OPENAI)
            .filter(|_| lane == Lane::Same);
        let inner: Box<dyn Decode> = match (native, self.template) {
            (_, Some(template)) => Box::new(tgi::StreamDecoder::new(self.stops(call, template))),
            (None, None) => Box::new(StreamDecoder::new()),
            (Some((body, envelope)), None) => {
                let hides = openai::hides_usage(body, envelope);
                Box::new(Observer::new(UsageChunk::hidden_when(hides)))
            }
        };
        let kind = content_type(&head.headers).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            // A stand-in for SageMaker may leave out what is around it.
            return inner;
        }
        Box::new(Unwrapped::new(inner))
    }

    /// An error of the container travels inside one of SageMaker's, with the container's status.
    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let body: Option<Value> = serde_json::from_slice(response.body()).ok();
        let original = body.and_then(|body| {
            let status = body.get("OriginalStatusCode")?.as_u64()?;
            let words = body.get("OriginalMessage")?.as_str()?.to_owned();
            Some((u16::try_from(status).ok()?, words))
        });
        let status = response.status().as_u16();
        match original.filter(|(status, _)| (400..600).contains(status)) {
            Some((status, words)) => openai::decode_error(status, None, words.as_bytes()),
            None => bedrock::decode_error(
                status,
                text(response.headers(), "x-amzn-errortype"),
                content_type(response.headers()),
                response.body(),
            ),
        }
    }

    fn takes_uploads(&self) -> bool {
        // The body is signed.
        false
    }

    fn forwards(&self, header: &str) -> bool {
        header.starts_with("x-amzn-sagemaker-")
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let mut request = raw.at(self.base()?)?;
        for name in SIGNED {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        let as_chat = |kind| known::observer("POST", &["chat", "completions"], kind);
        match raw.path.segments().last().map(String::as_str) {
            Some("invocations") if raw.method == Method::POST => as_chat(kind),
            Some("invocations-response-stream") => {
                as_chat(Some("text/event-stream")).map(|inner| {
                    let unwrapped: Box<dyn Decode> = Box::new(Unwrapped::new(inner));
                    unwrapped
                })
            }
            _ => None,
        }
    }
}
