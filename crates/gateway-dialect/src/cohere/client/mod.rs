//! The client side: what the Cohere surface speaks.
//!
//! Every reply is written as version 2 has it. Reasoning goes out as content of the kind `thinking`; a plan in front of
//! tool calls (`tool_plan`) is something that only models of Cohere make, and reaches clients on the same-dialect lane.

mod chat;
mod embedding;
mod message;
mod reply;
mod stream;

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};

pub(super) use self::reply::finish_body;
use self::stream::StreamEncoder;
use super::rerank;
use crate::members::{Kinds, MemberShape};
use crate::{ClientCodec, ReplyInfo};

/// What the Cohere surface speaks: turns, vectors and ranks.
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereCodec;

const CHAT: &[MemberShape] = &[
    MemberShape::required(&["messages"], Kinds::LIST),
    MemberShape::optional(&["model"], Kinds::TEXT),
    MemberShape::optional(&["max_tokens"], Kinds::NUMBER),
    MemberShape::optional(&["stream"], Kinds::FLAG),
    MemberShape::optional(&["temperature"], Kinds::NUMBER),
    MemberShape::optional(&["tools"], Kinds::LIST),
];
const EMBED: &[MemberShape] = &[
    MemberShape::required(&["texts"], Kinds::LIST).unless(&["inputs", "images"]),
    MemberShape::optional(&["inputs"], Kinds::LIST),
    MemberShape::optional(&["images"], Kinds::LIST),
    MemberShape::optional(&["model"], Kinds::TEXT),
];

impl ClientCodec for CohereCodec {
    fn dialect(&self) -> Dialect {
        Dialect::COHERE
    }

    fn shape(&self, operation: Operation) -> &'static [MemberShape] {
        match operation {
            Operation::Chat => CHAT,
            Operation::Embedding => EMBED,
            Operation::Rerank => crate::rerank::MEMBERS,
            _ => &[],
        }
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        Ok(Decoded::whole(match operation {
            Operation::Chat => Request::Chat(Box::new(chat::decode(body)?)),
            Operation::Embedding => Request::Embedding(Box::new(embedding::decode(body)?)),
            Operation::Rerank => Request::Rerank(Box::new(rerank::decode_request(body)?)),
            other => return Err(not_here(other.as_str())),
        }))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        match response {
            Response::Chat(chat) => reply::encode(chat, info, losses),
            Response::Embedding(embedding) => embedding::encode(embedding, info, losses),
            Response::Rerank(ranks) => rerank::encode_reply(ranks, info, losses),
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
        format!("Cohere's API has no {what} calls."),
    )
}
