//! What all of them share: one JSON document there, one back.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::failure::{self, Said};
use gateway_dialect::openai::Defaults;
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, Target, Whole, Wire, post_json,
};
use gateway_schema::chat::ChatRequest;
use gateway_schema::completion::CompletionRequest;
use gateway_schema::embedding::EmbeddingRequest;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Mapping, Operation, Request, Response, Retry,
};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderName, HeaderValue};
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

    fn no_stream(&self, operation: Operation) -> CallError {
        let route = match operation {
            Operation::Completion => "completions",
            other => other.as_str(),
        };
        let who = self.info.display_name.unwrap_or(self.info.name.as_str());
        CallError::gateway(
            ErrorKind::Unsupported,
            format!("The {route} streaming route is not implemented for {who} models."),
        )
        .with_status(501)
        .with_retry(Retry::Elsewhere)
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
            return Err(self.no_stream(call.operation));
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
            Auth::Bearer => (AUTHORIZATION, format!("Bearer {}", key.expose())),
            Auth::Header(name) => (name, key.expose().clone()),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            CallError::gateway(
                ErrorKind::Internal,
                "The API key has characters that no HTTP header can carry.",
            )
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
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
        if let Some(response) = self.vendor.read(call.operation, &answer) {
            return Ok(Whole::Canonical(response));
        }
        let said = Said::from_value(&answer);
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
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let said = Said::read(content_type, response.body());
        let status = self
            .vendor
            .status_of_error(response.status().as_u16(), said.message.as_deref());
        failure::error(V::DIALECT, status, content_type, response.body())
    }
}

/// Streams are refused before anything is sent; what comes all the same is not understood.
#[derive(Debug)]
struct NoStream;

impl Decode for NoStream {
    fn feed(&mut self, _chunk: Bytes, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.end(&mut Vec::new())
    }

    fn end(&mut self, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider answered with a stream that nobody asked for.",
        ))
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

/// A model's name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
