//! The client side.

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};
use serde::Serialize;

use super::request::{self, Purpose};
use super::response;
use super::stream::StreamEncoder;
use crate::members::{Kinds, MemberShape};
use crate::node::to_bytes;
use crate::{ClientCodec, ReplyInfo};

/// What the Anthropic surface speaks: turns and token counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicCodec;

/// A default of the endpoint can stand for `max_tokens`.
const MESSAGES: &[MemberShape] = &[
    MemberShape::required(&["messages"], Kinds::LIST),
    MemberShape::optional(&["model"], Kinds::TEXT),
    MemberShape::optional(&["max_tokens"], Kinds::NUMBER),
    MemberShape::optional(&["stream"], Kinds::FLAG),
    MemberShape::optional(&["temperature"], Kinds::NUMBER),
    MemberShape::optional(&["top_p"], Kinds::NUMBER),
    MemberShape::optional(&["tools"], Kinds::LIST),
    MemberShape::optional(&["metadata"], Kinds::OBJECT),
];

impl ClientCodec for AnthropicCodec {
    fn dialect(&self) -> Dialect {
        Dialect::ANTHROPIC
    }

    fn shape(&self, _operation: Operation) -> &'static [MemberShape] {
        MESSAGES
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        let purpose = match operation {
            Operation::Chat => Purpose::Turn,
            Operation::CountTokens => Purpose::Count,
            other => return Err(not_here(other.as_str())),
        };
        let chat = request::decode(body, purpose)?;
        Ok(Decoded::whole(Request::Chat(Box::new(chat))))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        #[derive(Serialize)]
        struct CountOut {
            input_tokens: u64,
        }
        match response {
            Response::Chat(chat) => response::encode_chat(chat, info, losses),
            Response::CountTokens { input_tokens } => to_bytes(&CountOut {
                input_tokens: *input_tokens,
            }),
            _ => Err(not_here("this kind of")),
        }
    }

    fn encoder(&self, _operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(StreamEncoder::new(info))
    }
}

fn not_here(what: &str) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("The Messages API has no {what} calls."),
    )
}
