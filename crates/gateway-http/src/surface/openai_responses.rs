//! OpenAI's Responses: `/responses` below `/v1`, `/openai/v1` and `/gateway/openai/v1`. `model` names an endpoint or a
//! route; the stream asked for is that of the API, events with a running number.
//!
//! `/responses/compact`, and stored responses (`/responses/{id}` and what is below it), are passed on as they are where
//! the provider speaks this API itself, and refused elsewhere. A stored response names no model: the parameter `model` of
//! the query or the header `x-gateway-endpoint` says which endpoint keeps it; a caller with one endpoint need not say.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/responses>, read 2026-11-21.

use gateway_dialect::openai_responses;
use gateway_dialect::{ClientCodec as _, ToolForm};
use gateway_schema::Operation;
use http::Method;

use super::{Action, Codec, Json, Passing, Route, Surface};

pub(super) struct OpenAiResponses;

static CODEC: Codec = Codec {
    client: &openai_responses::OpenAiResponses,
    decode: &|operation, body| openai_responses::OpenAiResponses.decode(operation, body),
};

/// A stored response, or something of it.
const fn kept(method: Method, path: &'static str, after: &'static str) -> Route {
    Route {
        method,
        path,
        when: None,
        open: false,
        action: Action::Pass(Passing::Kept("responses/", after)),
    }
}

static ROUTES: &[Route] = &[
    Route::ask("/responses", Operation::Chat),
    Route::post(
        "/responses/compact",
        Action::Pass(Passing::Body("responses/compact")),
    ),
    kept(Method::GET, "/responses/{name}", ""),
    kept(Method::DELETE, "/responses/{name}", ""),
    kept(Method::POST, "/responses/{name}/cancel", "/cancel"),
    kept(Method::GET, "/responses/{name}/input_items", "/input_items"),
];

impl Surface for OpenAiResponses {
    fn name(&self) -> &'static str {
        "openai-responses"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/v1", "/openai/v1", "/gateway/openai/v1"]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn tool_forms(&self, body: Json<'_>) -> Vec<ToolForm> {
        openai_responses::tool_forms(body.get("tools"), body.get("input"))
    }
}
