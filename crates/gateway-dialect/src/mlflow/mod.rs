//! MLflow AI Gateway: the format of MLflow's own URLs, client side.
//!
//! The requests are OpenAI's with MLflow's validation: every fault at once, in pydantic's words and with its paths;
//! numbers and booleans may be written as text. The replies are OpenAI's with every null present, and `provider`.
//! Streams have one chunk per upstream event and no `[DONE]`.
//!
//! * [`MlflowCodec`]: requests in, replies and streams out.
//! * [`error`]: error bodies, `{"detail": ...}`.
//! * [`manage`]: the bodies of the management URLs.
//! * [`openapi`]: the OpenAPI document.
//!
//! Deliberately better than MLflow, accepted or forwarded where MLflow drops or refuses: tool schemas whole, `name` and
//! unknown fields of messages, `file` parts, `cache_control` on parts, refusals, reasoning text apart from the answer
//! (`reasoning_content`), `logprobs`. Where that shows in a recorded exchange, the case stands in
//! `docs/reference/mlflow-deviations.json`.
//!
//! Evidence: MLflow 3.17.2, recorded exchanges in `xtask/conformance/mlflow-recorded`.
//!
//! ```
//! use gateway_dialect::ClientCodec;
//! use gateway_dialect::mlflow::MlflowCodec;
//! use gateway_schema::Operation;
//!
//! let codec = MlflowCodec::invocations();
//! let wrong = codec.decode(Operation::Completion, br#"{"prompt": 5}"#).unwrap_err();
//! assert_eq!(wrong.message(), "prompt: Input should be a valid string");
//! ```

pub mod error;
pub mod manage;
pub mod openapi;

mod check;
mod json;
mod message;
mod python;
mod reply;
mod request;
mod shared;
mod stream;
mod tool;
mod unified;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, Losses, Operation, Request, Response,
};

use crate::{ClientCodec, ReplyInfo};
use check::Check;

pub use unified::{UnifiedCodec, unified_error, unified_operation};

/// What a request says about the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    /// The URL names the endpoint; a model in the body is refused.
    Refused,
    /// The body names the endpoint.
    Named,
}

/// The client side of MLflow's format.
#[derive(Debug, Clone, Copy)]
pub struct MlflowCodec {
    model: Model,
}

impl MlflowCodec {
    /// For URLs that name the endpoint (`/gateway/{name}/invocations` and its aliases): `model` is refused.
    pub const fn invocations() -> Self {
        Self {
            model: Model::Refused,
        }
    }

    /// For URLs where the body names the endpoint (`/v1/...`).
    pub const fn by_model() -> Self {
        Self {
            model: Model::Named,
        }
    }
}

/// The refusal of a body that is not declared as JSON: MLflow takes such a body for text.
pub fn not_json(body: &[u8]) -> CallError {
    let text = serde_json::Value::String(String::from_utf8_lossy(body).into_owned());
    let mut check = Check::default();
    let read = check.object(&text).map(|_| ());
    match check.finish(read) {
        Err(error) => error,
        Ok(_) => CallError::client(ErrorKind::UnsupportedMediaType, "The body is not JSON."),
    }
}

/// The same body in strict JSON, for a body that only Python's reader accepts (`NaN`, a byte order mark): numbers that
/// are not finite become null.
///
/// # Errors
/// What is wrong and where, in MLflow's words.
pub fn strict_json(body: &[u8]) -> Result<Bytes, CallError> {
    let (value, _) = json::read(body)?;
    Ok(Bytes::from(value.to_string()))
}

/// Whether a body asks for a stream, from the JSON text of its field `stream`. A value that means nothing is a fault
/// that [`ClientCodec::decode`] reports.
pub fn wants_stream(stream: Option<&[u8]>) -> bool {
    let value = stream.and_then(|text| serde_json::from_slice(text).ok());
    value
        .as_ref()
        .and_then(|value| Check::default().boolean(value))
        .unwrap_or(false)
}

impl ClientCodec for MlflowCodec {
    fn dialect(&self) -> Dialect {
        Dialect::MLFLOW
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        let (body, losses) = json::read(body)?;
        let mut check = Check::new(losses);
        let (request, model) = match operation {
            Operation::Chat => {
                let request = request::chat(&mut check, &body);
                let model = request.as_ref().and_then(|it| it.model.clone());
                (request.map(|it| Request::Chat(Box::new(it))), model)
            }
            Operation::Completion => {
                let request = request::completion(&mut check, &body);
                let model = request.as_ref().and_then(|it| it.model.clone());
                (request.map(|it| Request::Completion(Box::new(it))), model)
            }
            Operation::Embedding => {
                let request = request::embedding(&mut check, &body);
                let model = request.as_ref().and_then(|it| it.model.clone());
                (request.map(|it| Request::Embedding(Box::new(it))), model)
            }
            other => return Err(no_such(other)),
        };
        let (value, losses) = check.finish(request)?;
        if self.model == Model::Refused && model.is_some() {
            return Err(CallError::client(
                ErrorKind::InvalidRequest,
                "The parameter 'model' is not permitted to be passed. The route being queried \
                 already defines a model instance.",
            )
            .with_status(422));
        }
        Ok(Decoded { value, losses })
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        let body = match response {
            Response::Chat(reply) => reply::chat(reply, info, losses),
            Response::Completion(reply) => reply::completion(reply, info, losses),
            Response::Embedding(reply) => reply::embedding(reply, info, losses),
            Response::Rerank(_) => return Err(no_such(Operation::Rerank)),
            _ => return Err(no_such(Operation::CountTokens)),
        };
        Ok(Bytes::from(body.to_string()))
    }

    fn encoder(&self, operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        Box::new(stream::StreamWriter::new(operation, info))
    }
}

fn no_such(operation: Operation) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("MLflow's format has no {operation} operation."),
    )
}
