//! The client side.

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};
use serde_json::json;

use super::stream::StreamEncoder;
use super::{request, response};
use crate::members::{Kinds, MemberShape};
use crate::node::to_bytes;
use crate::{ClientCodec, ReplyInfo};

/// What the Bedrock surface speaks: turns. Whether a stream is wanted stands in the path.
#[derive(Debug, Clone, Copy, Default)]
pub struct BedrockCodec;

/// A prompt that AWS keeps can stand for `messages`.
const CONVERSE: &[MemberShape] = &[
    MemberShape::optional(&["messages"], Kinds::LIST),
    MemberShape::optional(&["inferenceConfig"], Kinds::OBJECT),
    MemberShape::optional(&["toolConfig"], Kinds::OBJECT),
];
const COUNT: &[MemberShape] = &[MemberShape::required(&["input"], Kinds::OBJECT)];

impl ClientCodec for BedrockCodec {
    fn dialect(&self) -> Dialect {
        Dialect::BEDROCK
    }

    fn shape(&self, operation: Operation) -> &'static [MemberShape] {
        match operation {
            Operation::Chat => CONVERSE,
            Operation::CountTokens => COUNT,
            _ => &[],
        }
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        let chat = match operation {
            Operation::Chat => request::decode(body)?,
            Operation::CountTokens => request::decode_count(body)?,
            other => return Err(not_here(other.as_str())),
        };
        Ok(Decoded::whole(Request::Chat(Box::new(chat))))
    }

    fn encode(
        &self,
        response: &Response,
        _info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        match response {
            Response::Chat(chat) => response::encode_chat(chat, losses),
            Response::CountTokens { input_tokens } => {
                to_bytes(&json!({"inputTokens": input_tokens}))
            }
            _ => Err(not_here("this kind of")),
        }
    }

    fn encoder(&self, _operation: Operation, _info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(StreamEncoder::new())
    }
}

fn not_here(what: &str) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("Converse has no {what} calls."),
    )
}
