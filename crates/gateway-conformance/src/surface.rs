//! Ways in: the codecs of the client dialects, each with the smallest question.

use gateway_dialect::ClientCodec;
use gateway_dialect::anthropic::AnthropicCodec;
use gateway_dialect::bedrock::BedrockCodec;
use gateway_dialect::cohere::CohereCodec;
use gateway_dialect::gemini::GeminiCodec;
use gateway_dialect::mlflow::MlflowCodec;
use gateway_dialect::openai::OpenAi;
use gateway_dialect::openai_responses::OpenAiResponses;
use gateway_provider::DecodePayload;
use serde_json::{Value, json};

use crate::features::merge;
use crate::judge::{self, Reading};

/// A client dialect.
#[derive(Clone, Copy)]
pub struct Surface {
    /// Its name, as records have it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Reads requests and writes replies.
    pub codec: &'static dyn ClientCodec,
    pub(crate) decode: DecodePayload,
    /// What a whole reply says, read without the gateway's types.
    pub read: fn(&Value) -> Reading,
    /// What a streamed reply says, read without the gateway's types.
    pub read_stream: fn(&[u8]) -> Reading,
    /// The smallest question.
    pub question: fn(bool) -> Value,
}

impl std::fmt::Debug for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Surface").field(&self.name).finish()
    }
}

static MLFLOW: MlflowCodec = MlflowCodec::invocations();

fn messages(stream: bool) -> Value {
    json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], "stream": stream})
}

/// Every client dialect.
pub static SURFACES: &[Surface] = &[
    Surface {
        name: "openai",
        title: "OpenAI Chat Completions",
        codec: &OpenAi,
        decode: &|operation, body| OpenAi.decode(operation, body),
        read: judge::openai,
        read_stream: judge::openai_stream,
        question: |stream| {
            if stream {
                let mut body = messages(true);
                merge(
                    &mut body,
                    &json!({"stream_options": {"include_usage": true}}),
                );
                return body;
            }
            messages(false)
        },
    },
    Surface {
        name: "openai-responses",
        title: "OpenAI Responses",
        codec: &OpenAiResponses,
        decode: &|operation, body| OpenAiResponses.decode(operation, body),
        read: judge::responses,
        read_stream: judge::responses_stream,
        question: |stream| json!({"model": "m", "input": "Hi", "stream": stream}),
    },
    Surface {
        name: "anthropic",
        title: "Anthropic Messages",
        codec: &AnthropicCodec,
        decode: &|operation, body| AnthropicCodec.decode(operation, body),
        read: judge::anthropic,
        read_stream: judge::anthropic_stream,
        question: messages,
    },
    Surface {
        name: "gemini",
        title: "Gemini generateContent",
        codec: &GeminiCodec::EVENTS,
        decode: &|operation, body| GeminiCodec::EVENTS.decode(operation, body),
        read: judge::gemini,
        read_stream: judge::gemini_stream,
        question: |_| json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
    },
    Surface {
        name: "bedrock",
        title: "Bedrock Converse",
        codec: &BedrockCodec,
        decode: &|operation, body| BedrockCodec.decode(operation, body),
        read: judge::bedrock,
        read_stream: judge::bedrock_stream,
        question: |_| json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
    },
    Surface {
        name: "cohere",
        title: "Cohere v2 chat",
        codec: &CohereCodec,
        decode: &|operation, body| CohereCodec.decode(operation, body),
        read: judge::cohere,
        read_stream: judge::cohere_stream,
        question: messages,
    },
    Surface {
        name: "mlflow",
        title: "MLflow invocations",
        codec: &MLFLOW,
        decode: &|operation, body| MLFLOW.decode(operation, body),
        read: judge::openai,
        read_stream: judge::mlflow_stream,
        question: |stream| json!({"messages": [{"role": "user", "content": "Hi"}], "stream": stream}),
    },
];

impl Surface {
    /// The surface of this name.
    pub fn named(name: &str) -> Option<Self> {
        SURFACES
            .iter()
            .find(|surface| surface.name == name)
            .copied()
    }
}
