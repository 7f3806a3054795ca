//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::Defaults;
use gateway_dialect::{failure, known};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, TargetSpec, Whole, Wire,
    post_json,
};
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Request, Retry};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::response::Parts;
use serde_json::Value;

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

fn no_stream(operation: Operation) -> CallError {
    let route = match operation {
        Operation::Completion => "completions",
        other => other.as_str(),
    };
    let who = MODEL_SERVING.display_name;
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The {route} streaming route is not implemented for {who} models."),
    )
    .with_status(501)
    .with_retry(Retry::Elsewhere)
}

impl Wire for ServingWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, _to: &Target) -> Result<Encoded, CallError> {
        if call.stream {
            return Err(no_stream(call.operation));
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
        let Credential::Key(token) = credential else {
            return Ok(());
        };
        let value = format!("Bearer {}", token.expose());
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            CallError::gateway(
                ErrorKind::Internal,
                "The token has characters that no HTTP header can carry.",
            )
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        _lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let answer: Value = serde_json::from_slice(response.body()).map_err(|error| {
            CallError::upstream(
                ErrorKind::Upstream,
                "The provider's answer is not valid JSON.",
            )
            .with_detail(error.to_string())
        })?;
        response::read(call.operation, &answer).map(Whole::Canonical)
    }

    fn decoder(&self, _call: &Call, _lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        Box::new(NoStream)
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        failure::error(
            DIALECT,
            response.status().as_u16(),
            content_type,
            response.body(),
        )
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        raw.at(&self.base)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = head.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}

/// Streams are refused before anything is sent; what comes all the same is not understood.
#[derive(Debug)]
struct NoStream;

impl Decode for NoStream {
    fn feed(&mut self, _chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.end(out)
    }

    fn end(&mut self, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        Err(CallError::upstream(
            ErrorKind::Upstream,
            "The model server answered with a stream that nobody asked for.",
        ))
    }
}
