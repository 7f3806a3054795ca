//! Bedrock's Converse: `/model/{name}/converse`, `/model/{name}/converse-stream` and `/model/{name}/count-tokens`, also
//! below `/gateway/bedrock`. The path names the endpoint and says whether a stream is wanted.
//!
//! AWS's clients sign their requests with whatever key pair they are given. Where callers need a key, the signature is
//! checked against the key pairs of the configuration; where they need none, it is not looked at.
//! Reference: the service model `bedrock-runtime/2023-09-30`.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::bedrock::BedrockCodec;
use gateway_schema::{CallError, Operation};
use http::{HeaderMap, HeaderName};

use super::{Action, Asked, Codec, Done, Json, Named, Route, Surface};

/// Answers at once.
pub(super) struct Converse;

/// Streams.
pub(super) struct ConverseStream;

const NAME: &str = "bedrock";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const BASES: &[&str] = &["/model", "/gateway/bedrock/model"];

static CODEC: Codec = Codec {
    client: &BedrockCodec,
    decode: &|operation, body| BedrockCodec.decode(operation, body),
};

const fn ask(path: &'static str, operation: Operation) -> Route {
    Route::post(path, Action::Ask(Named::Path, Asked::For(operation)))
}

static WHOLE: &[Route] = &[
    ask("/{name}/converse", Operation::Chat),
    ask("/{name}/count-tokens", Operation::CountTokens),
];
static STREAMED: &[Route] = &[ask("/{name}/converse-stream", Operation::Chat)];

impl Surface for Converse {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        BASES
    }

    fn routes(&self) -> &'static [Route] {
        WHOLE
    }

    fn wants_stream(&self, _body: Json<'_>) -> Result<bool, CallError> {
        Ok(false)
    }

    fn finish(&self, done: &Done<'_>, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, done.request_id.clone());
    }
}

impl Surface for ConverseStream {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        BASES
    }

    fn routes(&self) -> &'static [Route] {
        STREAMED
    }

    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn wants_stream(&self, _body: Json<'_>) -> Result<bool, CallError> {
        Ok(true)
    }

    fn finish(&self, done: &Done<'_>, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, done.request_id.clone());
    }
}
