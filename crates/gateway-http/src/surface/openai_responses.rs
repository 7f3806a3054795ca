//! OpenAI's Responses: `/responses` below `/v1`, `/openai/v1` and `/gateway/openai/v1`. `model` names an endpoint or a
//! route; the stream asked for is that of the API, events with a running number.
//!
//! Stored responses (`/responses/{id}` and what is below it) and `/responses/compact` are not here.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/responses>, read 2026-11-21.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::openai_responses;
use gateway_schema::Operation;

use super::{Codec, Route, Surface};

pub(super) struct OpenAiResponses;

static CODEC: Codec = Codec {
    client: &openai_responses::OpenAiResponses,
    decode: &|operation, body| openai_responses::OpenAiResponses.decode(operation, body),
};

static ROUTES: &[Route] = &[Route::ask("/responses", Operation::Chat)];

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
}
