//! The client side.

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::StreamEvent;
use gateway_schema::rerank::RerankResponse;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};
use serde_json::{Map, Value, json};

use crate::members::{Kinds, MemberShape};
use crate::{ClientCodec, ReplyInfo, ranking};

/// What the rerank surface speaks.
#[derive(Debug, Clone, Copy, Default)]
pub struct RerankCodec;

pub(crate) const MEMBERS: &[MemberShape] = &[
    MemberShape::required(&["query"], Kinds::TEXT),
    MemberShape::required(&["documents"], Kinds::LIST),
    MemberShape::optional(&["model"], Kinds::TEXT),
];

impl ClientCodec for RerankCodec {
    fn dialect(&self) -> Dialect {
        Dialect::RERANK
    }

    fn shape(&self, _operation: Operation) -> &'static [MemberShape] {
        MEMBERS
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        if operation != Operation::Rerank {
            return Err(not_here(operation.as_str()));
        }
        let request = ranking::read(body, &["top_n", "top_k"], Dialect::RERANK)?;
        Ok(Decoded::whole(Request::Rerank(Box::new(request))))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        match response {
            Response::Rerank(ranks) => Ok(encode(ranks, info, losses)),
            _ => Err(not_here("this kind of")),
        }
    }

    fn encoder(&self, _operation: Operation, _info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(NoStream::default())
    }
}

fn encode(response: &RerankResponse, info: &ReplyInfo, losses: &mut Losses) -> Bytes {
    let results: Vec<Value> = response.results.iter().map(ranking::result).collect();
    let mut body = json!({
        "id": response.id.as_deref().unwrap_or(&info.id),
        "object": "list",
        "model": response.model.as_deref().unwrap_or(&info.model),
        "results": results,
    });
    let Value::Object(fields) = &mut body else {
        return Bytes::new();
    };
    if let Some(usage) = &response.usage {
        let mut tokens = Map::new();
        if let Some(input) = usage.input_tokens {
            tokens.insert("prompt_tokens".to_owned(), input.into());
        }
        if usage.input_tokens.is_some() || usage.total_tokens.is_some() {
            tokens.insert("total_tokens".to_owned(), usage.total().into());
        }
        if !tokens.is_empty() {
            fields.insert("usage".to_owned(), tokens.into());
        }
        if let Some(units) = usage.search_units {
            let meta = json!({"billed_units": {"search_units": units}});
            fields.insert("meta".to_owned(), meta);
        }
    }
    match response.extra.dialect() {
        Some(Dialect::RERANK) => {
            for (key, value) in response.extra.fields() {
                fields.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Some(dialect) => {
            for key in response.extra.fields().keys() {
                losses.dropped(key.as_str(), format!("only {dialect} knows this field"));
            }
        }
        None => {}
    }
    Bytes::from(body.to_string())
}

fn not_here(what: &str) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("The rerank API has no {what} calls."),
    )
}

/// Ranks are never streamed, so this writes nothing.
#[derive(Debug, Default)]
struct NoStream(Losses);

impl Encode for NoStream {
    fn encode(&mut self, _events: &[StreamEvent], _out: &mut BytesMut) {}

    fn end(&mut self, _out: &mut BytesMut) {}

    fn error(&mut self, _body: &Value, _out: &mut BytesMut) {}

    fn losses(&self) -> &Losses {
        &self.0
    }
}
