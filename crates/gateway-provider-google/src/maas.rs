//! Models as a service on Vertex AI, which speak OpenAI's chat completions.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::{
    self, Defaults, Forward, Observer, Quirks, StreamDecoder, UsageChunk,
};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, content_type,
    post_json,
};
use gateway_schema::stream::Decode;
use gateway_schema::{CallError, Dialect, Losses, ModelId, Operation};
use http::response::Parts;
use serde_json::{Map, Value};

use crate::site::{self, Site, not_here};

/// What they can be asked.
const OPERATIONS: &[Operation] = &[Operation::Chat];

/// Speaks to a model as a service.
#[derive(Debug)]
pub(crate) struct MaasWire {
    info: ProviderInfo,
    site: Site,
    defaults: Defaults,
    quirks: Quirks,
}

impl MaasWire {
    pub(crate) fn new(
        name: &str,
        model: &ModelId,
        site: Site,
        defaults: &Map<String, Value>,
    ) -> Self {
        Self {
            info: ProviderInfo::new(name, model.clone(), Dialect::OPENAI, OPERATIONS),
            site,
            defaults: Defaults::new(defaults),
            quirks: Quirks::COMPATIBLE,
        }
    }

    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope, to: &Target) -> Bytes {
        let how = Forward {
            model: to.model.as_str(),
            adds_model: true,
            operation: call.operation,
            stream: call.stream,
            stream_options: self.quirks.stream_options,
            defaults: &self.defaults,
        };
        splice(body, &how.edits(body, envelope))
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let mut request = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(request.to_mut());
        }
        if request.stream().is_some_and(|it| it != call.stream) {
            request.to_mut().set_stream(call.stream);
        }
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        let encoded = openai::encode_request(&request, &options, &self.quirks)?;
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }
}

impl Wire for MaasWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        if call.operation != Operation::Chat {
            return Err(not_here(call.operation.as_str(), "Vertex AI MaaS"));
        }
        let native = call.payload.native(Dialect::OPENAI);
        let (lane, body, losses) = if let Some((body, envelope)) = native {
            let body = self.forward(call, body, envelope, to);
            (Lane::Same, body, Losses::new())
        } else {
            let (body, losses) = self.translate(call, to)?;
            (Lane::Cross, body, losses)
        };
        Ok(Encoded {
            request: post_json(&self.site.openai(), body)?,
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
        if lane == Lane::Same {
            let facts = openai::observe(&body)?;
            return Ok(Whole::raw(&head, body, facts));
        }
        openai::decode_response(call.operation, &body).map(Whole::Canonical)
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        let native = call
            .payload
            .native(Dialect::OPENAI)
            .filter(|_| lane == Lane::Same);
        let Some((body, envelope)) = native else {
            return Box::new(StreamDecoder::new());
        };
        let hides = openai::hides_usage(body, envelope);
        Box::new(Observer::new(UsageChunk::hidden_when(hides)))
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        openai::decode_error(
            response.status().as_u16(),
            content_type(response.headers()),
            response.body(),
        )
    }

    fn forwards(&self, header: &str) -> bool {
        site::forwards(header)
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        self.site.pass(raw)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
