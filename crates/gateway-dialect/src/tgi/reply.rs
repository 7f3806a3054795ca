//! Whole replies.

use gateway_schema::chat::{ChatResponse, Choice, Finish, Part};
use gateway_schema::completion::{CompletionChoice, CompletionResponse};
use gateway_schema::{CallError, ErrorKind, Usage};
use serde_json::Value;

use super::{finish, unreadable, usage, without_stop};

/// Reads the answer to a turn; `stops` are the stop sequences of the request.
///
/// # Errors
/// Of origin upstream: an error in place of an answer, or something that is no answer.
pub fn decode_chat(body: &[u8], stops: &[String]) -> Result<ChatResponse, CallError> {
    let answer = read(body, stops)?;
    let mut choice = Choice::default();
    choice.parts = vec![Part::text(answer.text)];
    choice.finish = answer.finish;
    let mut response = ChatResponse::default();
    response.usage = answer.usage;
    response.choices = vec![choice];
    Ok(response)
}

/// Reads the answer to a completion.
///
/// # Errors
/// As [`decode_chat`].
pub fn decode_completion(body: &[u8], stops: &[String]) -> Result<CompletionResponse, CallError> {
    let answer = read(body, stops)?;
    let mut choice = CompletionChoice::default();
    choice.text = answer.text;
    choice.finish = answer.finish;
    let mut response = CompletionResponse::default();
    response.usage = answer.usage;
    response.choices = vec![choice];
    Ok(response)
}

struct Answer {
    text: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

/// One answer, alone or in a list of one. Some of JumpStart's containers call it `generation`.
fn read(body: &[u8], stops: &[String]) -> Result<Answer, CallError> {
    let document: Value =
        serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    let answer = document.get(0).unwrap_or(&document);
    let text = ["generated_text", "generation"]
        .iter()
        .find_map(|key| answer.get(*key)?.as_str());
    let Some(text) = text else {
        return Err(match answer.get("error").and_then(Value::as_str) {
            Some(said) => CallError::upstream(ErrorKind::Upstream, said.to_owned()),
            None => unreadable("answer", "it has no generated_text"),
        });
    };
    let details = answer.get("details").unwrap_or(&Value::Null);
    let finish = finish(details);
    Ok(Answer {
        text: without_stop(text, finish.as_ref(), stops).to_owned(),
        usage: usage(details),
        finish,
    })
}
