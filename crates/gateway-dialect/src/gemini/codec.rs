//! The client side.

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};
use serde::Serialize;

use super::stream::{Framing, StreamEncoder};
use super::{embedding, reply, request};
use crate::members::{Kinds, MemberShape};
use crate::node::to_bytes;
use crate::{ClientCodec, ReplyInfo};

/// What the Gemini surface speaks: turns, token counts and embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeminiCodec {
    framing: Framing,
    batch: bool,
}

impl GeminiCodec {
    /// Streams as server-sent events (`alt=sse`); one embedding per request.
    pub const EVENTS: Self = Self {
        framing: Framing::Events,
        batch: false,
    };
    /// Streams as a JSON array.
    pub const ARRAY: Self = Self {
        framing: Framing::Array,
        batch: false,
    };
    /// Embeddings in batches.
    pub const BATCH: Self = Self {
        framing: Framing::Events,
        batch: true,
    };
}

// Clients' libraries allow one content instead of a list, or bare text.
const CONTENTS: Kinds = Kinds::LIST.or(Kinds::OBJECT).or(Kinds::TEXT);
const CONFIG: MemberShape =
    MemberShape::optional(&["generationConfig", "generation_config"], Kinds::OBJECT);
const GENERATE: &[MemberShape] = &[MemberShape::required(&["contents"], CONTENTS), CONFIG];
const COUNT: &[MemberShape] = &[
    MemberShape::required(&["contents"], CONTENTS).unless(&[
        "generateContentRequest",
        "generate_content_request",
        "instances",
    ]),
    CONFIG,
];
const EMBED: &[MemberShape] =
    &[MemberShape::required(&["content"], CONTENTS).unless(&["requests"])];
const EMBED_BATCH: &[MemberShape] = &[MemberShape::required(&["requests"], Kinds::LIST)];

impl ClientCodec for GeminiCodec {
    fn dialect(&self) -> Dialect {
        Dialect::GEMINI
    }

    fn shape(&self, operation: Operation) -> &'static [MemberShape] {
        match operation {
            Operation::Chat => GENERATE,
            Operation::CountTokens => COUNT,
            Operation::Embedding if self.batch => EMBED_BATCH,
            Operation::Embedding => EMBED,
            _ => &[],
        }
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        let request = match operation {
            Operation::Chat => Request::Chat(Box::new(request::decode_request(body)?)),
            Operation::CountTokens => Request::Chat(Box::new(request::decode_count_request(body)?)),
            Operation::Embedding => {
                let (request, losses) = embedding::decode_request(body)?;
                return Ok(Decoded {
                    value: Request::Embedding(Box::new(request)),
                    losses,
                });
            }
            other => return Err(not_here(other.as_str())),
        };
        Ok(Decoded::whole(request))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct CountOut {
            total_tokens: u64,
        }
        match response {
            Response::Chat(chat) => reply::encode_chat(chat, info, losses),
            Response::CountTokens { input_tokens } => to_bytes(&CountOut {
                total_tokens: *input_tokens,
            }),
            Response::Embedding(embedding) => {
                embedding::encode_response(embedding, self.batch, losses)
            }
            _ => Err(not_here("this kind of")),
        }
    }

    fn encoder(&self, _operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(StreamEncoder::new(info, self.framing))
    }
}

fn not_here(what: &str) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("The Gemini API has no {what} calls."),
    )
}
