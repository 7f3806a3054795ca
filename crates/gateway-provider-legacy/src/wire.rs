//! What all of them share: one JSON document there, one back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::failure::{self, ErrorDetails};
use gateway_dialect::openai::Defaults;
use gateway_provider::{
    Call, Credential, Encoded, Lane, NoStream, ProviderInfo, Target, Whole, Wire, bearer_header,
    content_type, post_json, read_json, secret_header,
};
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::embedding::EmbeddingRequest;
use gateway_schema::stream::Decode;
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Mapping, Operation, Request, Response, Retry,
};
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::response::Parts;
use serde_json::Value;

/// Where a vendor wants its key.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    /// `Authorization: Bearer`.
    Bearer,
    /// The bare key in this header.
    Header(HeaderName),
}

/// A request of a vendor's: the path below its base, and the body.
pub(crate) type Written = (String, Value);

/// What a vendor must know to write one request.
pub(crate) struct Ask<'a> {
    /// The model's name.
    pub(crate) model: &'a str,
    /// Whether MLflow's conversions apply.
    pub(crate) mlflow: bool,
    /// What the request cannot carry.
    pub(crate) losses: &'a mut Losses,
}

/// What one vendor does its own way.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Its wire format.
    const DIALECT: Dialect;
    /// Where the key goes.
    const AUTH: Auth;

    /// Writes a chat turn.
    fn chat(&self, _: &ChatRequest, _: &mut Ask<'_>) -> Result<Option<Written>, CallError> {
        Ok(None)
    }

    /// Writes a completion.
    fn completion(
        &self,
        _: &CompletionRequest,
        _: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        Ok(None)
    }

    /// Writes a request for vectors.
    fn embedding(
        &self,
        _: &EmbeddingRequest,
        _: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        Ok(None)
    }

    /// Reads an answer; `None` when it is none.
    fn read(&self, operation: Operation, answer: &Value) -> Option<Response>;

    /// The status an error counts as, where the vendor's own misleads.
    fn status_of_error(&self, status: u16, _: Option<&str>) -> u16 {
        status
    }
}

/// Speaks to one vendor.
#[derive(Debug)]
pub(crate) struct LegacyWire<V> {
    info: ProviderInfo,
    vendor: V,
    base: String,
    defaults: Defaults,
}

impl<V: Vendor> LegacyWire<V> {
    /// A wire to what stands at `base`.
    pub(crate) const fn new(
        info: ProviderInfo,
        vendor: V,
        base: String,
        defaults: Defaults,
    ) -> Self {
        Self {
            info,
            vendor,
            base,
            defaults,
        }
    }
}

impl<V: Vendor> Wire for LegacyWire<V> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        if !self.info.operations.contains(&call.operation) {
            return Err(self.info.lacks(call.operation).with_status(501));
        }
        if call.stream {
            return Err(self.info.lacks_stream(call.operation));
        }
        let decoded = call.canonical()?;
        let mut request = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(request.to_mut());
        }
        let mut losses = decoded.losses.clone();
        let mut ask = Ask {
            model: to.model.as_str(),
            mlflow: call.context.mapping == Mapping::Mlflow,
            losses: &mut losses,
        };
        let written = match &*request {
            Request::Chat(request) => self.vendor.chat(request, &mut ask)?,
            Request::Completion(request) => self.vendor.completion(request, &mut ask)?,
            Request::Embedding(request) => self.vendor.embedding(request, &mut ask)?,
            _ => None,
        };
        let Some((path, body)) = written else {
            return Err(self.info.lacks(call.operation).with_status(501));
        };
        let uri = format!("{}/{path}", self.base);
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
        let Credential::Key(key) = credential else {
            return Ok(());
        };
        let (name, value) = match V::AUTH {
            Auth::Bearer => (AUTHORIZATION, bearer_header(key.expose())?),
            Auth::Header(name) => (name, secret_header(key.expose())?),
        };
        request.headers_mut().insert(name, value);
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        _lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let answer = read_json(response.body())?;
        if let Some(response) = self.vendor.read(call.operation, &answer) {
            return Ok(Whole::Canonical(response));
        }
        let said = ErrorDetails::from_value(&answer);
        if said.message.is_some() {
            return Err(failure::error_within(V::DIALECT, &said.into()));
        }
        Err(CallError::upstream(
            ErrorKind::Upstream,
            format!(
                "The provider's answer is no answer to a {} call.",
                call.operation
            ),
        ))
    }

    fn decoder(&self, _call: &Call, _lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        Box::new(NoStream)
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        let said = ErrorDetails::read(kind, response.body());
        let status = self
            .vendor
            .status_of_error(response.status().as_u16(), said.message.as_deref());
        failure::error(V::DIALECT, status, kind, response.body())
    }
}

/// A refusal of MLflow's own: status 422 and its text.
pub(crate) fn refused(text: impl Into<String>) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, text.into()).with_status(422)
}

/// What this vendor cannot do and another may.
pub(crate) fn unsupported(text: impl Into<String>) -> CallError {
    CallError::client(ErrorKind::Unsupported, text.into()).with_retry(Retry::Elsewhere)
}
