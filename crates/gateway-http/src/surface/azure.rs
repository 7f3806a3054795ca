//! Azure OpenAI's URLs: `/openai/deployments/{name}/...`, where the path names the endpoint. `api-version` is not read.

use gateway_schema::Operation;

use super::{Action, Asked, Codec, Json, Named, Route, Surface, openai};

pub(super) struct Azure;

const fn ask(path: &'static str, operation: Operation) -> Route {
    Route::post(path, Action::Ask(Named::Path, Asked::For(operation)))
}

static ROUTES: &[Route] = &[
    ask("/{name}/chat/completions", Operation::Chat),
    ask("/{name}/completions", Operation::Completion),
    ask("/{name}/embeddings", Operation::Embedding),
];

impl Surface for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&openai::CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/openai/deployments"]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn wants_usage(&self, body: Json<'_>) -> bool {
        openai::wants_usage(body)
    }
}
