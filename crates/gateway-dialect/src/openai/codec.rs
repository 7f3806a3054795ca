//! The dialect by operation: what surfaces and providers call.

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};

use super::{
    Quirks, StreamEncoder, decode_chat_request, decode_chat_response, decode_completion_request,
    decode_completion_response, decode_embedding_request, decode_embedding_response,
    encode_chat_request, encode_chat_response, encode_completion_request,
    encode_completion_response, encode_embedding_request, encode_embedding_response,
};
use crate::members::{Kinds, MemberShape};
use crate::{ClientCodec, EncodedRequest, ReplyInfo, RequestOptions, failure};

/// The client side: what surfaces that speak OpenAI use.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAi;

/// Members of all requests.
macro_rules! with_common {
    ($($own:expr,)*) => {
        &[
            $($own,)*
            MemberShape::optional(&["model"], Kinds::TEXT),
            MemberShape::optional(&["user"], Kinds::TEXT),
        ]
    };
}

/// Members of requests that generate text.
macro_rules! with_generating {
    ($($own:expr,)*) => {
        with_common![
            $($own,)*
            MemberShape::optional(&["stream"], Kinds::FLAG),
            MemberShape::optional(&["stream_options"], Kinds::OBJECT),
            MemberShape::optional(&["max_tokens"], Kinds::NUMBER),
            MemberShape::optional(&["n"], Kinds::NUMBER),
            MemberShape::optional(&["temperature"], Kinds::NUMBER),
            MemberShape::optional(&["top_p"], Kinds::NUMBER),
        ]
    };
}

const CHAT: &[MemberShape] = with_generating![
    MemberShape::required(&["messages"], Kinds::LIST),
    MemberShape::optional(&["max_completion_tokens"], Kinds::NUMBER),
    MemberShape::optional(&["tools"], Kinds::LIST),
    MemberShape::optional(&["metadata"], Kinds::OBJECT),
];
const COMPLETION: &[MemberShape] = with_generating![
    // vLLM takes vectors instead.
    MemberShape::required(&["prompt"], Kinds::TEXT.or(Kinds::LIST)).unless(&["prompt_embeds"]),
];
const EMBEDDING: &[MemberShape] = with_common![
    // vLLM makes a vector of a conversation.
    MemberShape::required(&["input"], Kinds::TEXT.or(Kinds::LIST)).unless(&["messages"]),
    MemberShape::optional(&["dimensions"], Kinds::NUMBER),
];

impl ClientCodec for OpenAi {
    fn dialect(&self) -> Dialect {
        Dialect::OPENAI
    }

    fn shape(&self, operation: Operation) -> &'static [MemberShape] {
        match operation {
            Operation::Chat | Operation::CountTokens => CHAT,
            Operation::Completion => COMPLETION,
            Operation::Embedding => EMBEDDING,
            _ => &[],
        }
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        Ok(Decoded::whole(match operation {
            Operation::Chat | Operation::CountTokens => {
                Request::Chat(Box::new(decode_chat_request(body)?))
            }
            Operation::Completion => {
                Request::Completion(Box::new(decode_completion_request(body)?))
            }
            Operation::Embedding => Request::Embedding(Box::new(decode_embedding_request(body)?)),
            other => return Err(no_form(other)),
        }))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        match response {
            Response::Chat(chat) => Ok(encode_chat_response(chat, info, losses)),
            Response::Completion(completion) => {
                Ok(encode_completion_response(completion, info, losses))
            }
            Response::Embedding(embedding) => {
                Ok(encode_embedding_response(embedding, info, losses))
            }
            Response::Rerank(_) => Err(no_form(Operation::Rerank)),
            _ => Err(no_form(Operation::CountTokens)),
        }
    }

    fn encoder(&self, operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(match operation {
            Operation::Completion => StreamEncoder::completion(info),
            _ => StreamEncoder::chat(info),
        })
    }
}

/// Writes a request of any operation for an OpenAI-like provider.
///
/// # Errors
/// Of kind unsupported, when the API has no such operation.
pub fn encode_request(
    request: &Request,
    options: &RequestOptions<'_>,
    quirks: &Quirks,
) -> Result<EncodedRequest, CallError> {
    match request {
        Request::Chat(chat) => Ok(encode_chat_request(chat, options, quirks)),
        Request::Completion(completion) => {
            Ok(encode_completion_request(completion, options, quirks))
        }
        Request::Embedding(embedding) => Ok(encode_embedding_request(embedding, options, quirks)),
        _ => Err(no_form(Operation::Rerank)),
    }
}

/// Reads a whole reply of any operation.
///
/// # Errors
/// Of origin upstream, when it cannot be read or is an error; of kind unsupported, when the API has no such operation.
pub fn decode_response(operation: Operation, body: &[u8]) -> Result<Response, CallError> {
    Ok(match operation {
        Operation::Chat => Response::Chat(Box::new(decode_chat_response(body)?)),
        Operation::Completion => Response::Completion(Box::new(decode_completion_response(body)?)),
        Operation::Embedding => Response::Embedding(Box::new(decode_embedding_response(body)?)),
        other => return Err(no_form(other)),
    })
}

/// Reads an answer with a bad status, in whatever envelope. Never fails.
pub fn decode_error(status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    failure::error(Dialect::OPENAI, status, content_type, body)
}

fn no_form(operation: Operation) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The OpenAI API has no form for {operation}."),
    )
}
