//! `OpenAI` Responses: conversations as typed items, replies as items, streams as numbered events.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/responses>, the types of OpenAI's Python SDK 3.54, and
//! recorded traffic, all read 2026-11-21.
//!
//! | side | request | whole reply | stream |
//! |---|---|---|---|
//! | client ([`OpenAiResponses`]) | [`decode_request`] | [`encode_response`] | [`StreamEncoder`] |
//! | same dialect on both | bytes, [`parameters`] for defaults, [`own_items`] | [`observe`] | [`StreamObserver`] |
//!
//! Nothing is kept between calls: what only a store of earlier replies can answer (`previous_response_id`,
//! `conversation`, `background`, stored prompts, item references) is refused when a request is translated, and passes
//! untouched to a provider that speaks this dialect. Replies of such a provider are never translated.

mod forward;
mod glance;
mod item;
mod names;
mod own;
mod reply;
mod request;
mod signature;
mod stream;
mod usage;

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};

use crate::members::{Kinds, MemberShape};
use crate::{ClientCodec, ReplyInfo, failure};

pub use forward::parameters;
pub use glance::observe;
pub use names::tool_forms;
pub use own::own_items;
pub use reply::encode_response;
pub use request::decode_request;
pub use stream::{StreamEncoder, StreamObserver};

#[cfg(test)]
mod tests;

/// The client side: what surfaces that speak Responses use.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

const RESPONSE: &[MemberShape] = &[
    MemberShape::required(&["input"], Kinds::TEXT.or(Kinds::LIST)).unless(&[
        "prompt",
        "previous_response_id",
        "conversation",
    ]),
    MemberShape::optional(&["model"], Kinds::TEXT),
    MemberShape::optional(&["max_output_tokens"], Kinds::NUMBER),
    MemberShape::optional(&["stream"], Kinds::FLAG),
    MemberShape::optional(&["stream_options"], Kinds::OBJECT),
    MemberShape::optional(&["temperature"], Kinds::NUMBER),
    MemberShape::optional(&["top_p"], Kinds::NUMBER),
    MemberShape::optional(&["tools"], Kinds::LIST),
    MemberShape::optional(&["user"], Kinds::TEXT),
    MemberShape::optional(&["metadata"], Kinds::OBJECT),
];

impl ClientCodec for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OPENAI_RESPONSES
    }

    fn shape(&self, _operation: Operation) -> &'static [MemberShape] {
        RESPONSE
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        match operation {
            Operation::Chat | Operation::CountTokens => {
                let Decoded { value, losses } = decode_request(body)?;
                Ok(Decoded {
                    value: Request::Chat(Box::new(value)),
                    losses,
                })
            }
            other => Err(no_form(other.as_str())),
        }
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        match response {
            Response::Chat(chat) => Ok(encode_response(chat, info, losses)),
            _ => Err(no_form("this kind of reply")),
        }
    }

    fn encoder(&self, _operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(StreamEncoder::new(info))
    }
}

/// Reads an answer with a bad status, in whatever envelope. Never fails.
pub fn decode_error(status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    failure::error(Dialect::OPENAI_RESPONSES, status, content_type, body)
}

fn no_form(what: &str) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The Responses API has no form for {what}."),
    )
}

/// Why something that only `dialect` knows is lost.
fn foreign(dialect: Dialect) -> String {
    format!("only the {dialect} API knows it, not Responses clients")
}
