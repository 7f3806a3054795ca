//! Documents by relevance in the form that most vendors share: `/rerank` and `/v1/rerank`, also below `/openai`,
//! `/cohere` and their like below `/gateway`. `model` names an endpoint or a route of the type `llm/v1/rerank`.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::rerank::RerankCodec;
use gateway_schema::Operation;

use super::{Codec, Route, Surface};

pub(super) struct Rerank;

static CODEC: Codec = Codec {
    client: &RerankCodec,
    decode: &|operation, body| RerankCodec.decode(operation, body),
};

static ROUTES: &[Route] = &[Route::ask("/rerank", Operation::Rerank)];

impl Surface for Rerank {
    fn name(&self) -> &'static str {
        "rerank"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &[
            "",
            "/v1",
            "/openai/v1",
            "/gateway/openai/v1",
            "/cohere/v1",
            "/gateway/cohere/v1",
        ]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }
}
