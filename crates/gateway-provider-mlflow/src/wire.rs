//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::Defaults;
use gateway_dialect::{failure, known};
use gateway_provider::{
    Call, Credential, Encoded, Lane, NoStream, ProviderInfo, RawRequest, Target, TargetSpec, Whole,
    Wire, bearer_header, content_type, post_json, read_json,
};
use gateway_schema::stream::Decode;
use gateway_schema::{CallError, Dialect, Operation, Request};
use http::header::AUTHORIZATION;
use http::response::Parts;

use crate::options::Settings;
use crate::{MODEL_SERVING, OPERATIONS, request, response};

const DIALECT: Dialect = Dialect::new("mlflow-serving");

/// Speaks to one model server.
#[derive(Debug)]
pub(crate) struct ServingWire {
    info: ProviderInfo,
    base: String,
    defaults: Defaults,
}

impl ServingWire {
    /// A wire to one model server.
    pub(crate) fn new(spec: &TargetSpec, settings: Settings) -> Self {
        let name = spec.provider.as_str();
        Self {
            info: ProviderInfo::new(name, settings.model, DIALECT, OPERATIONS)
                .with_display_name(MODEL_SERVING.display_name),
            base: settings.base,
            defaults: Defaults::new(&spec.defaults),
        }
    }
}

impl Wire for ServingWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, _to: &Target) -> Result<Encoded, CallError> {
        if call.stream {
            return Err(self.info.lacks_stream(call.operation));
        }
        let decoded = call.canonical()?;
        let mut losses = decoded.losses.clone();
        let mut asked = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(asked.to_mut());
        }
        let body = match &*asked {
            Request::Chat(chat) if call.operation == Operation::Chat => {
                request::chat(chat, &mut losses)?
            }
            Request::Completion(completion) => request::completion(completion)?,
            Request::Embedding(embedding) => request::embedding(embedding, &mut losses)?,
            _ => return Err(self.info.lacks(call.operation).with_status(501)),
        };
        let uri = format!("{}/invocations", self.base);
        let request = post_json(&uri, Bytes::from(body.to_string()))?;
        Ok(Encoded {
            request,
            lane: Lane::Cross,
            losses,
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        _now: SystemTime,
    ) -> Result<(), CallError> {
        if let Credential::Key(token) = credential {
            let value = bearer_header(token.expose())?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        _lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let answer = read_json(response.body())?;
        response::read(call.operation, &answer).map(Whole::Canonical)
    }

    fn decoder(&self, _call: &Call, _lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        Box::new(NoStream)
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        failure::error(DIALECT, response.status().as_u16(), kind, response.body())
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        raw.at(&self.base)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
