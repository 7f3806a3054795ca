//! MLflow's own URLs: `/gateway/{name}/invocations` with its aliases, the tracking server's unified URL, and the
//! management URLs. Requests, replies, streams and errors are those of `gateway_dialect::mlflow`.
//!
//! `/v1/...`, which MLflow serves too, belongs to the OpenAI surface.

mod manage;

use std::time::Duration;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::mlflow::{
    MlflowCodec, UnifiedCodec, not_json, strict_json, unified_operation, wants_stream,
};
use gateway_json::ScanError;
use gateway_schema::{CallError, Mapping, Operation};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Action, Asked, Codec, Done, Json, Named, Route, Surface};

const DURATION: HeaderName = HeaderName::from_static("x-mlflow-gateway-duration-ms");
const OVERHEAD: HeaderName = HeaderName::from_static("x-mlflow-gateway-overhead-duration-ms");

/// The gateway that a YAML file configures: one URL per endpoint, and the management URLs.
pub(super) struct Invocations;

/// The gateway of the tracking server: one URL per endpoint for chat and embeddings.
pub(super) struct Unified;

static INVOCATIONS: MlflowCodec = MlflowCodec::invocations();
static UNIFIED: UnifiedCodec = UnifiedCodec;

static INVOCATIONS_CODEC: Codec = Codec {
    client: &INVOCATIONS,
    decode: &|operation, body| INVOCATIONS.decode(operation, body),
};
static UNIFIED_CODEC: Codec = Codec {
    client: &UNIFIED,
    decode: &|operation, body| UNIFIED.decode(operation, body),
};

const fn ask(path: &'static str, asked: Asked) -> Route {
    Route::post(path, Action::Ask(Named::Path, asked))
}

static INVOCATION_ROUTES: &[Route] = &[
    ask("/gateway/{name}/invocations", Asked::Own),
    ask("/endpoints/{name}/invocations", Asked::Own),
    ask("/llm/v1/chat/{name}", Asked::For(Operation::Chat)),
    ask(
        "/llm/v1/completions/{name}",
        Asked::For(Operation::Completion),
    ),
    ask(
        "/llm/v1/embeddings/{name}",
        Asked::For(Operation::Embedding),
    ),
    Route::tell("/", manage::to_docs).open(),
    Route::tell("/docs", manage::docs).open(),
    Route::tell("/redoc", manage::docs).open(),
    Route::tell("/openapi.json", manage::openapi),
    Route::tell("/favicon.ico", manage::favicon).open(),
    Route::tell("/api/2.0/endpoints", manage::to_endpoints),
    Route::tell("/api/2.0/endpoints/", manage::endpoints),
    Route::tell("/api/2.0/endpoints/{name}", manage::endpoint),
    Route::tell("/api/2.0/endpoints/limits/{name}", manage::get_limits),
    Route::post(
        "/api/2.0/endpoints/limits/",
        Action::Tell(manage::set_limits),
    ),
    Route::tell("/api/2.0/gateway/routes", manage::to_legacy_routes),
    Route::tell("/api/2.0/gateway/routes/", manage::legacy_routes),
    Route::tell("/api/2.0/gateway/routes/{name}", manage::legacy_route),
    Route::tell("/api/2.0/gateway/limits/{name}", manage::get_limits),
    Route::post("/api/2.0/gateway/limits/", Action::Tell(manage::set_limits)),
    Route::tell("/api/3.0/gateway/endpoint/{name}", manage::endpoint),
    Route::tell("/api/3.0/gateway/route/{name}", manage::route),
];

static UNIFIED_ROUTES: &[Route] = &[Route {
    method: Method::POST,
    path: "/gateway/{name}/mlflow/invocations",
    when: None,
    open: false,
    action: Action::Ask(Named::Path, Asked::ByBody(by_body)),
}];

fn by_body(body: Json<'_>) -> Result<Operation, CallError> {
    unified_operation(body.text)
}

/// Streams carry usage unless the caller declines.
fn usage_wanted(body: Json<'_>) -> bool {
    let options = body.get("stream_options");
    let options = options.and_then(|text| serde_json::from_slice::<serde_json::Value>(text).ok());
    options.is_none_or(|options| options.get("include_usage") != Some(&false.into()))
}

impl Surface for Invocations {
    fn name(&self) -> &'static str {
        "mlflow"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&INVOCATIONS_CODEC)
    }

    fn routes(&self) -> &'static [Route] {
        INVOCATION_ROUTES
    }

    fn mapping(&self) -> Mapping {
        Mapping::Mlflow
    }

    fn wants_stream(&self, body: Json<'_>) -> Result<bool, CallError> {
        Ok(wants_stream(body.get("stream")))
    }

    fn wants_usage(&self, body: Json<'_>) -> bool {
        usage_wanted(body)
    }

    fn not_json(
        &self,
        operation: Operation,
        body: &[u8],
        _: &ScanError,
    ) -> Result<Bytes, CallError> {
        INVOCATIONS.decode(operation, body)?;
        strict_json(body)
    }

    fn reads_first(&self) -> bool {
        true
    }

    fn wrong_media(&self, _: Operation, body: &[u8], _: &str) -> CallError {
        not_json(body)
    }
}

impl Surface for Unified {
    fn name(&self) -> &'static str {
        "mlflow"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&UNIFIED_CODEC)
    }

    fn routes(&self) -> &'static [Route] {
        UNIFIED_ROUTES
    }

    fn mapping(&self) -> Mapping {
        Mapping::Mlflow
    }

    fn wants_stream(&self, body: Json<'_>) -> Result<bool, CallError> {
        Ok(wants_stream(body.get("stream")))
    }

    fn wants_usage(&self, body: Json<'_>) -> bool {
        usage_wanted(body)
    }

    fn not_json(&self, _: Operation, body: &[u8], _: &ScanError) -> Result<Bytes, CallError> {
        let operation = unified_operation(body)?;
        UNIFIED.decode(operation, body)?;
        strict_json(body)
    }

    fn reads_first(&self) -> bool {
        true
    }

    fn finish(&self, done: &Done<'_>, headers: &mut HeaderMap) {
        headers.insert(DURATION, millis(done.elapsed));
        let Some(journal) = done.journal.filter(|_| !done.stream) else {
            return;
        };
        let provider: Duration = journal.notes().attempts.iter().map(|it| it.duration).sum();
        if !provider.is_zero() {
            headers.insert(OVERHEAD, millis(done.elapsed.saturating_sub(provider)));
        }
    }
}

fn millis(duration: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
