//! Calls to bytes and back, without I/O.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_schema::stream::Decode;
use gateway_schema::{CallError, Dialect, Losses, ModelId, Operation};
use http::response::Parts;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::credential::Credential;
use crate::journal::Lane;
use crate::provider::ProviderInfo;
use crate::raw::RawRequest;
use crate::reply::Whole;

/// The model a provider was built for, with what the endpoint adds to every request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// The provider's name of the model.
    pub model: ModelId,
    /// Request parameters for requests that lack them, under their OpenAI names (`temperature`, `max_tokens`, ...).
    pub defaults: Arc<Map<String, Value>>,
    /// Headers to add to every request.
    pub headers: http::HeaderMap,
    /// Names of the caller's headers that requests which are passed on carry, besides those that every provider and this
    /// vendor may be sent. In lower case.
    pub forward: Vec<String>,
}

impl Target {
    /// A target without defaults.
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self {
            model: model.into(),
            defaults: Arc::default(),
            headers: http::HeaderMap::new(),
            forward: Vec::new(),
        }
    }
}

/// A request ready to be authorised and sent.
#[derive(Debug)]
pub struct Encoded {
    /// The request, its URI absolute, without credentials.
    pub request: http::Request<Bytes>,
    /// Whether the caller's bytes were kept or translated; decides how the answer is read.
    pub lane: Lane,
    /// What the request could not carry.
    pub losses: Losses,
}

/// Turns calls into bytes and bytes into replies. Pure: same input, same output.
pub trait Wire: Send + Sync + 'static {
    /// What the provider is and can do.
    fn info(&self) -> &ProviderInfo;

    /// Writes the request: splices the model and absent defaults into the caller's bytes when the dialect is the
    /// provider's own ([`Lane::Same`]), translates otherwise ([`Lane::Cross`]).
    ///
    /// # Errors
    /// The caller's mistake, or something the provider cannot do; nothing was sent.
    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError>;

    /// Adds the credential. Signing takes the time as an argument, so that it can be tested against published vectors.
    ///
    /// # Errors
    /// When the credential does not fit (not a valid header value, a missing part).
    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        now: SystemTime,
    ) -> Result<(), CallError>;

    /// Reads a whole answer with a good status.
    ///
    /// # Errors
    /// Of origin upstream: an error inside a good status, or an answer that cannot be read.
    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError>;

    /// True when an answer with this head is a stream to be fed to [`decoder`](Self::decoder); false when it is one
    /// document although a stream was asked for.
    fn is_stream(&self, head: &Parts) -> bool {
        let Some(value) = head.headers.get(http::header::CONTENT_TYPE) else {
            return true;
        };
        let is = |kind: &str| {
            let head = value.as_bytes().get(..kind.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(kind.as_bytes()))
        };
        !is("application/json") && !is("text/html")
    }

    /// A decoder for one streamed answer.
    fn decoder(&self, call: &Call, lane: Lane, head: &Parts) -> Box<dyn Decode>;

    /// Reads an answer with a bad status. Never fails: what cannot be read is described.
    /// [`HttpProvider`](crate::HttpProvider) adds the provider's name, status and retry-after.
    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError;

    /// Whether requests for paths of this dialect can be passed on, besides those of the provider's own API.
    fn has_paths_of(&self, dialect: Dialect) -> bool {
        let _ = dialect;
        false
    }

    /// Whether bodies that are passed on may be sent as they come. Not where they must be signed.
    fn takes_uploads(&self) -> bool {
        true
    }

    /// Whether a header of the caller's, its name in lower case, may go to this vendor with a request that is passed on,
    /// besides those that any API may be sent. A vendor names its own headers only: neither credentials nor what chooses
    /// who pays.
    fn forwards(&self, header: &str) -> bool {
        let _ = header;
        false
    }

    /// Writes a request that is passed on as it is: where it goes, and the headers without which the API answers nobody.
    /// The credential is added by [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// A provider that has no API to pass requests on to, which is the default; or a path that does not fit.
    fn pass(&self, raw: &RawRequest, to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let _ = (raw, to);
        Err(self.info().lacks(Operation::Proxy).with_status(501))
    }

    /// Reads facts from an answer that is passed back as it is; `None` where its format is not known. The answer does
    /// not depend on it: only the facts of its frames are used.
    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let _ = (raw, head);
        None
    }
}
