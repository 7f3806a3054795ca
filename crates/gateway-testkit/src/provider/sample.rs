//! A question with its answers.

use bytes::Bytes;
use gateway_provider::DecodePayload;
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{CallError, Decoded, Dialect, ErrorKind, Operation, Request};
use serde_json::Value;

/// The caller's name of the model: an endpoint's name, which no provider knows.
pub(super) const ALIAS: &str = "conformance-alias-of-the-caller";

/// The same question in the provider's own dialect.
#[derive(Clone)]
pub(super) struct Native {
    pub(super) dialect: Dialect,
    pub(super) body: Bytes,
    pub(super) stream_body: Bytes,
    pub(super) decode: DecodePayload,
}

/// A body with its kind.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// A question, and what the provider answers to it.
#[derive(Clone)]
pub struct Sample {
    pub(super) name: String,
    pub(super) operation: Operation,
    pub(super) request: Request,
    pub(super) native: Option<Native>,
    pub(super) whole: Option<Answer>,
    pub(super) stream: Option<Answer>,
    pub(super) text: Option<String>,
    pub(super) padded: bool,
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sample")
            .field("name", &self.name)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// The body, with the caller's own name of the model where it names one.
fn under_alias(body: &Value) -> Bytes {
    let mut body = body.clone();
    if let Some(model) = body.get_mut("model") {
        *model = ALIAS.into();
    }
    body.to_string().into()
}

fn undecoded(_: Operation, _: &[u8]) -> Result<Decoded, CallError> {
    Err(CallError::gateway(
        ErrorKind::Internal,
        "the sample has no decoder for its native body (Sample::native_with)",
    ))
}

impl Sample {
    /// A question in canonical form.
    pub fn new(name: &str, operation: Operation, request: Request) -> Self {
        Self {
            name: name.to_owned(),
            operation,
            request,
            native: None,
            whole: None,
            stream: None,
            text: None,
            padded: false,
        }
    }

    /// A chat turn with one message.
    pub fn chat(message: &str) -> Self {
        let mut request = ChatRequest::new(vec![Message::user(message)]);
        // Some providers demand a limit.
        request.sampling.max_tokens = Some(64);
        Self::new("chat", Operation::Chat, Request::Chat(Box::new(request)))
    }

    /// A text completion.
    pub fn completion(prompt: &str) -> Self {
        let request = CompletionRequest::new(Prompt::Text(prompt.to_owned()));
        let request = Request::Completion(Box::new(request));
        Self::new("completion", Operation::Completion, request)
    }

    /// The embedding of one text.
    pub fn embedding(text: &str) -> Self {
        let request = EmbeddingRequest::new(EmbeddingInput::Text(text.to_owned()));
        let request = Request::Embedding(Box::new(request));
        Self::new("embedding", Operation::Embedding, request)
    }

    /// The name in reports.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The same question in the provider's own dialect, for the same-dialect lane. `body` is an object;
    /// a `model` in it is replaced by a name that must not reach the provider.
    pub fn native(self, dialect: Dialect, body: &Value) -> Self {
        self.native_with(dialect, body, body, &undecoded)
    }

    /// As [`native`](Self::native), with another body where a stream is asked for, and with the dialect's decoder for
    /// providers that look at the canonical form on this lane too.
    pub fn native_with(
        mut self,
        dialect: Dialect,
        body: &Value,
        stream_body: &Value,
        decode: DecodePayload,
    ) -> Self {
        self.native = Some(Native {
            dialect,
            body: under_alias(body),
            stream_body: under_alias(stream_body),
            decode,
        });
        self
    }

    /// What the provider answers at once.
    pub fn whole(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.whole = Some(Answer {
            content_type: content_type.to_owned(),
            body: body.into(),
        });
        self
    }

    /// What the provider streams, to its end.
    pub fn stream(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.stream = Some(Answer {
            content_type: content_type.to_owned(),
            body: body.into(),
        });
        self
    }

    /// The text of the answers, to be found in the canonical form.
    pub fn answers(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// A whole answer may be cut and still be valid (it is not JSON, or it ends in padding).
    pub const fn valid_when_cut(mut self) -> Self {
        self.padded = true;
        self
    }
}
