//! The ways in. A surface is one wire format at some URLs: a unit struct with a table of routes, and the few functions
//! in which it differs from the others. To add one: a file here, and a line in [`ALL`].

mod anthropic;
mod azure;
mod bedrock;
mod cohere;
mod gemini;
mod mlflow;
mod openai;
mod openai_responses;
mod operations;
mod passthrough;
mod rerank;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use gateway_dialect::{ClientCodec, ToolForm};
use gateway_json::{Envelope, ScanError};
use gateway_provider::{DecodePayload, Journal, StreamForm};
use gateway_schema::{CallError, Dialect, ErrorKind, FieldError, Mapping, Operation};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::body::LateText;
use crate::config::EdgeConfig;
use crate::cut::cut;
use crate::directory::{EndpointInfo, View};
use crate::near::nearest;
use crate::router::percent_decoded;

/// Every surface. Where two have the same path and method, [`Route::when`] decides.
pub(crate) static ALL: &[&dyn Surface] = &[
    &openai::OpenAi,
    &openai_responses::OpenAiResponses,
    &azure::Azure,
    &anthropic::Anthropic,
    &bedrock::Converse,
    &bedrock::ConverseStream,
    &gemini::Gemini,
    &cohere::Cohere,
    &cohere::CohereModels,
    &mlflow::Invocations,
    &mlflow::Unified,
    &passthrough::Passthrough,
    &operations::Operations,
    // Last, for it begins with nothing: what is not known at all is answered in the words of those above.
    &rerank::Rerank,
];

/// A wire format at some URLs.
pub(crate) trait Surface: Send + Sync + 'static {
    /// Its name in the configuration, in records and in the log.
    fn name(&self) -> &'static str;

    /// What it speaks; `None` when it asks no endpoints.
    fn codec(&self) -> Option<&'static Codec> {
        None
    }

    /// How its errors are worded: as its codec's dialect, and MLflow's without one.
    fn dialect(&self) -> Dialect {
        self.codec()
            .map_or(Dialect::MLFLOW, |codec| codec.client.dialect())
    }

    /// What is put before the paths of the routes. Unknown paths below them are answered in this surface's words.
    fn bases(&self) -> &'static [&'static str] {
        &[""]
    }

    /// Its URLs.
    fn routes(&self) -> &'static [Route];

    /// Whose conversions apply.
    fn mapping(&self) -> Mapping {
        Mapping::Faithful
    }

    /// The `content-type` of its streams.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// Whether the caller wants a stream.
    fn wants_stream(&self, body: Json<'_>) -> Result<bool, CallError> {
        body.flag("stream")
    }

    /// The credential of a caller that puts it into the query.
    fn credential_in_query(&self, query: &str) -> Option<String> {
        let _ = query;
        None
    }

    /// Whether the caller asked for usage at the end of a stream.
    fn wants_usage(&self, body: Json<'_>) -> bool {
        let _ = body;
        false
    }

    /// The tools that the client calls in a form of its own.
    fn tool_forms(&self, body: Json<'_>) -> Vec<ToolForm> {
        let _ = body;
        Vec::new()
    }

    /// What this surface demands of a body besides, once the endpoint is known.
    fn check(&self, body: Json<'_>, endpoint: &EndpointInfo) -> Result<(), CallError> {
        let _ = (body, endpoint);
        Ok(())
    }

    /// What to make of a body that is not a JSON object: the same in strict JSON, or an error.
    fn not_json(
        &self,
        operation: Operation,
        body: &[u8],
        fault: &ScanError,
    ) -> Result<Bytes, CallError> {
        let _ = (operation, body);
        Err(not_json(fault))
    }

    /// Whether every field is read before the call is handed on, so that a wrong one is told before any limit counts.
    fn reads_first(&self) -> bool {
        false
    }

    /// What to say of a body whose `content-type` is not JSON.
    fn wrong_media(&self, operation: Operation, body: &[u8], media: &str) -> CallError {
        let _ = (operation, body);
        wrong_media(media)
    }

    /// Adds headers to every reply and every error.
    fn finish(&self, done: &Done<'_>, headers: &mut HeaderMap) {
        let _ = (done, headers);
    }
}

/// The client side of a dialect, and its decoder in the form that a payload keeps.
pub(crate) struct Codec {
    pub(crate) client: &'static dyn ClientCodec,
    pub(crate) decode: DecodePayload,
}

/// What [`Surface::finish`] may want to know.
pub(crate) struct Done<'a> {
    /// The id of the request.
    pub(crate) request_id: &'a HeaderValue,
    /// Since the request arrived.
    pub(crate) elapsed: std::time::Duration,
    /// What happened; `None` when no endpoint was asked.
    pub(crate) journal: Option<&'a Journal>,
    /// The answer is a stream.
    pub(crate) stream: bool,
}

/// A URL, and what happens there.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Below the surface's bases, in the syntax of `matchit`. A parameter is called `name`.
    pub(crate) path: &'static str,
    /// Preferred to another surface's route of the same path and method for requests with this header; the other is
    /// preferred without it.
    pub(crate) when: Option<&'static str>,
    /// Answered without a credential, whoever asks: it tells a stranger nothing.
    pub(crate) open: bool,
    pub(crate) action: Action,
}

/// What happens at a URL.
pub(crate) enum Action {
    /// An endpoint is asked.
    Ask(Named, Asked),
    /// The request is passed on to a provider as it is.
    Pass(Passing),
    /// The gateway answers itself.
    Tell(fn(&Question<'_>) -> Result<Answer, CallError>),
}

/// What is passed on, and how the endpoint is found.
#[derive(Clone, Copy)]
pub(crate) enum Passing {
    /// To a path of the provider's own API: what follows the endpoint's name in the path.
    Api,
    /// To this path of the surface's dialect; the body names the endpoint.
    Body(&'static str),
    /// To something that the provider keeps: `before/{name}after`. The query or a header names the endpoint.
    Kept(&'static str, &'static str),
}

/// Where the name of the endpoint stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// In the field `model`.
    Body,
    /// In the path.
    Path,
}

/// What an endpoint is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    /// Always the same.
    For(Operation),
    /// Whatever the endpoint answers.
    Own,
    /// What the body looks like.
    ByBody(fn(Json<'_>) -> Result<Operation, CallError>),
    /// What the last segment of the path says after the endpoint's name, and the query: `{name}:verb`.
    ByVerb(fn(&str, Option<&str>) -> Result<Verb, CallError>),
}

/// A question whose particulars stand in the URL.
#[derive(Clone)]
pub(crate) struct Verb {
    /// The endpoint or route.
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) stream: bool,
    /// How a stream is put together, and what is said of it.
    pub(crate) form: StreamForm,
    pub(crate) stream_type: &'static str,
    /// What is spoken in just this form.
    pub(crate) codec: &'static Codec,
}

impl Route {
    /// Asks the endpoint that the body names.
    pub(crate) const fn ask(path: &'static str, operation: Operation) -> Self {
        Self::post(path, Action::Ask(Named::Body, Asked::For(operation)))
    }

    /// A POST.
    pub(crate) const fn post(path: &'static str, action: Action) -> Self {
        Self {
            method: Method::POST,
            path,
            when: None,
            open: false,
            action,
        }
    }

    /// A GET that the gateway answers itself.
    pub(crate) const fn tell(
        path: &'static str,
        answer: fn(&Question<'_>) -> Result<Answer, CallError>,
    ) -> Self {
        Self {
            method: Method::GET,
            path,
            when: None,
            open: false,
            action: Action::Tell(answer),
        }
    }

    /// Answered without a credential.
    pub(crate) const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Preferred to another surface's route for requests with this header.
    pub(crate) const fn when(mut self, header: &'static str) -> Self {
        self.when = Some(header);
        self
    }
}

/// What a question to the gateway itself comes with.
pub(crate) struct Question<'a> {
    /// What the caller may see.
    pub(crate) directory: View<'a>,
    pub(crate) config: &'a EdgeConfig,
    /// The parameter of the path.
    pub(crate) name: Option<&'a str>,
    pub(crate) query: Option<&'a str>,
    /// The body; empty for a GET.
    pub(crate) body: &'a Bytes,
}

impl Question<'_> {
    /// A parameter of the query, percent-decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter(self.query?, name)
    }

    /// Everything that can be asked, by name.
    pub(crate) fn models(&self) -> Vec<Arc<EndpointInfo>> {
        let mut all = self.directory.endpoints();
        all.extend(self.directory.routes());
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The endpoint or route that the path names.
    pub(crate) fn model(&self) -> Result<Arc<EndpointInfo>, CallError> {
        let name = self.name.unwrap_or_default();
        self.directory
            .find(name)
            .map(|entry| entry.info)
            .ok_or_else(|| unknown_name(name, self.directory))
    }
}

/// A parameter of a query, percent-decoded.
pub(crate) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| percent_decoded(value))
}

/// A name that nothing has, with the one that was probably meant.
pub(crate) fn unknown_name(name: &str, directory: View<'_>) -> CallError {
    let mut message = format!("There is no endpoint or route named '{}'.", short(name));
    let (endpoints, routes) = (directory.endpoints(), directory.routes());
    let names = endpoints.iter().chain(&routes).map(|it| it.name.as_str());
    if let Some(near) = nearest(name, names) {
        message.push_str(" Did you mean '");
        message.push_str(near);
        message.push_str("'?");
    }
    CallError::client(ErrorKind::NotFound, message).with_code("model_not_found")
}

/// A caller's word as it may stand in a message: its first 100 letters.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    cut(name, 100)
}

/// What the gateway says itself.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: AnswerBody,
}

/// The body of an [`Answer`].
pub(crate) enum AnswerBody {
    /// It is there.
    Now(Bytes),
    /// It is made on a thread that does not serve.
    Later(LateText),
}

impl Answer {
    /// JSON with status 200.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type: "application/json",
            body: AnswerBody::Now(Bytes::from(value.to_string())),
        }
    }

    /// Another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

/// A JSON object with the positions of its members.
#[derive(Clone, Copy)]
pub(crate) struct Json<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) envelope: &'a Envelope,
}

/// Members that the gateway reads or writes, whatever the dialect.
const READ: [&str; 24] = [
    "dimensions",
    "documents",
    "input",
    "instructions",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "n",
    "previous_response_id",
    "prompt",
    "query",
    "reasoning_effort",
    "response_format",
    "service_tier",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "tools",
    "top_p",
    "user",
];

impl<'a> Json<'a> {
    /// Refuses a member that some readers take for another one: those that compare names without their case.
    pub(crate) fn check_spelling(self) -> Result<(), CallError> {
        let Some((found, name)) = self.envelope.misspelt(self.text, &READ) else {
            return Ok(());
        };
        let message = format!(
            "it differs from '{name}' in the case of its letters alone, and some providers take it for '{name}'"
        );
        let fault = FieldError::new(vec![found.into()], "ambiguous_member", message);
        Err(CallError::fields(vec![fault]))
    }

    /// The JSON text of a member; `null` counts as absent.
    pub(crate) fn get(self, key: &str) -> Option<&'a [u8]> {
        self.envelope
            .get(self.text, key)
            .filter(|value| *value != b"null")
    }

    /// A member that must be a string.
    pub(crate) fn string(self, key: &str) -> Result<Cow<'a, str>, CallError> {
        if self.get(key).is_none() {
            let fault = FieldError::new(vec![key.into()], "missing", "this field is required");
            return Err(CallError::fields(vec![fault]));
        }
        self.envelope.string(self.text, key).ok_or_else(|| {
            let fault = FieldError::new(vec![key.into()], "string_type", "a string is expected");
            CallError::fields(vec![fault])
        })
    }

    /// A member that is true, false or absent.
    pub(crate) fn flag(self, key: &str) -> Result<bool, CallError> {
        match self.get(key) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => {
                let fault =
                    FieldError::new(vec![key.into()], "bool_type", "true or false is expected");
                Err(CallError::fields(vec![fault]))
            }
        }
    }
}

/// A body that is not a JSON object, with the position.
pub(crate) fn not_json(fault: &ScanError) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The request body is not valid JSON: {fault}."),
    )
    .with_code("invalid_json")
}

/// A body that says it is something else than JSON.
pub(crate) fn wrong_media(media: &str) -> CallError {
    CallError::client(
        ErrorKind::UnsupportedMediaType,
        format!("The content-type '{media}' is not supported; 'application/json' is expected."),
    )
    .with_code("unsupported_content_type")
}

/// Who answers what no surface feels responsible for.
pub(crate) fn last_resort() -> &'static dyn Surface {
    &operations::Operations
}
