//! `/gateway/{name}/mlflow/invocations`: one URL for chat and embeddings, with error texts of its own.

use std::fmt::Write as _;

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{
    CallError, Decoded, Dialect, ErrorKind, FieldError, Losses, Operation, Response,
};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MlflowCodec, json, python};
use crate::{ClientCodec, ReplyInfo};

/// The client side of that URL: [`MlflowCodec`] with other words for faults.
#[derive(Debug, Clone, Copy)]
pub struct UnifiedCodec;

impl ClientCodec for UnifiedCodec {
    fn dialect(&self) -> Dialect {
        Dialect::MLFLOW
    }

    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
        let what = match operation {
            Operation::Embedding => "embeddings",
            _ => "chat",
        };
        MlflowCodec::invocations()
            .decode(operation, body)
            .map_err(|error| unified_error(&error, what, body))
    }

    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError> {
        MlflowCodec::invocations().encode(response, info, losses)
    }

    fn encoder(&self, operation: Operation, info: &ReplyInfo) -> Box<dyn Encode> {
        MlflowCodec::invocations().encoder(operation, info)
    }
}

/// What a body asks for: chat if it has `messages`, embeddings if it has `input`.
///
/// # Errors
/// Status 400 when the body is not JSON or is neither.
pub fn unified_operation(body: &[u8]) -> Result<Operation, CallError> {
    #[derive(serde::Deserialize)]
    struct Keys<'a> {
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
        #[serde(borrow)]
        input: Option<&'a RawValue>,
    }
    let (chat, embedding) = if let Ok(keys) = serde_json::from_slice::<Keys<'_>>(body) {
        (keys.messages.is_some(), keys.input.is_some())
    } else {
        let (value, _) = json::read(body).map_err(|fault| unified_error(&fault, "chat", body))?;
        let has = |name| value.get(name).is_some();
        (has("messages"), has("input"))
    };
    if chat {
        Ok(Operation::Chat)
    } else if embedding {
        Ok(Operation::Embedding)
    } else {
        Err(refusal(
            "Invalid request: payload format must be either chat or embeddings".to_owned(),
        ))
    }
}

/// A refusal of this URL: what the codec says about fields, as one text with status 400. `what` is `chat` or
/// `embeddings`. Other errors stay as they are.
pub fn unified_error(error: &CallError, what: &str, body: &[u8]) -> CallError {
    let fields = error.field_errors();
    let Some(first) = fields.first() else {
        return error.clone();
    };
    let fault = first.context.as_ref().and_then(|it| it.get("error"));
    if let ("json_invalid", Some(Value::String(fault))) = (first.code.as_ref(), fault) {
        let place = place(body, first);
        return refusal(format!("Invalid JSON payload: {fault}: {place}"));
    }
    if body.is_empty() {
        let place = "line 1 column 1 (char 0)";
        return refusal(format!("Invalid JSON payload: Expecting value: {place}"));
    }
    let mut text = format!(
        "Invalid {what} payload: {} validation error{} for RequestPayload",
        fields.len(),
        if fields.len() == 1 { "" } else { "s" },
    );
    for field in fields {
        describe(field, &mut text);
    }
    refusal(text)
}

fn refusal(text: String) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, text).with_status(400)
}

/// `line 1 column 2 (char 1)`.
fn place(body: &[u8], field: &FieldError) -> String {
    let offset = match field.path.first() {
        Some(gateway_schema::PathSegment::Index(offset)) => *offset,
        _ => 0,
    };
    let text = String::from_utf8_lossy(body);
    let (mut line, mut column) = (1, 1);
    for letter in text.trim_start_matches('\u{feff}').chars().take(offset) {
        if letter == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    format!("line {line} column {column} (char {offset})")
}

fn describe(field: &FieldError, text: &mut String) {
    use gateway_schema::PathSegment::{Index, Key};
    text.push('\n');
    for (number, step) in field.path.iter().enumerate() {
        if number > 0 {
            text.push('.');
        }
        match step {
            Key(key) => text.push_str(key),
            Index(index) => {
                let _ = write!(text, "{index}");
            }
        }
    }
    let input = field.input.as_ref().unwrap_or(&Value::Null);
    let mut shown = String::new();
    python::repr(input, &mut shown);
    if shown.chars().count() > 50 {
        let head: String = shown.chars().take(25).collect();
        let tail: String = shown
            .chars()
            .skip(shown.chars().count().saturating_sub(24))
            .collect();
        shown = format!("{head}...{tail}");
    }
    let _ = write!(
        text,
        "\n  {} [type={}, input_value={shown}, input_type={}]\n    For further information visit https://errors.pydantic.dev/2.14/v/{}",
        field.message,
        field.code,
        python::type_name(input),
        field.code,
    );
}
