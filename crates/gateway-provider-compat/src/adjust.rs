//! Canonical requests and replies, made to fit a row before they are written and after they are read.

use gateway_schema::chat::ChatResponse;
use gateway_schema::completion::{CompletionRequest, CompletionResponse};
use gateway_schema::embedding::{EmbeddingEncoding, EmbeddingRequest, EmbeddingTask};
use gateway_schema::{
    CallError, Dialect, ErrorKind, Extra, Losses, Mapping, Request, Response, Retry,
};
use serde_json::Value;

use crate::call_ids;
use crate::preset::{Logprobs, Mlflow, Preset, Tasks};

/// Makes `request` fit.
///
/// # Errors
/// Of origin client or gateway: what the vendor cannot do, and what MLflow refuses on its own URLs.
pub(crate) fn request(
    preset: &Preset,
    mapping: Mapping,
    request: Request,
    losses: &mut Losses,
) -> Result<Request, CallError> {
    Ok(match request {
        Request::Chat(mut chat) => {
            if mapping == Mapping::Mlflow && preset.mlflow == Mlflow::Together {
                check_counts(&chat.extra)?;
            }
            if preset.short_call_ids && mapping == Mapping::Faithful {
                call_ids::shorten(&mut chat);
            }
            if preset.logprobs == Logprobs::Count {
                let count = chat
                    .top_logprobs
                    .take()
                    .map(Value::from)
                    .or_else(|| chat.extra.fields().get("logprobs").cloned());
                if let Some(count) = count {
                    chat.logprobs = None;
                    set(&mut chat.extra, "logprobs", count);
                } else if chat.logprobs == Some(true) && mapping == Mapping::Faithful {
                    chat.logprobs = None;
                    set(&mut chat.extra, "logprobs", Value::from(1));
                }
            }
            Request::Chat(chat)
        }
        Request::Completion(mut completion) => {
            if mapping == Mapping::Mlflow && preset.mlflow == Mlflow::Together {
                check_counts(&completion.extra)?;
                if completion.sampling.max_tokens.is_none() {
                    return Err(refused(
                        "max_tokens is not present in payload.It is a required parameter for TogetherAI completions.",
                    ));
                }
                let count = completion.extra.fields().get("top_logprobs").cloned();
                if let Some(count) = count.as_ref().and_then(Value::as_u64) {
                    completion.logprobs = u32::try_from(count).ok();
                    completion.extra = without(&completion.extra, "top_logprobs");
                }
            }
            if preset.completes_by_chat {
                by_chat(preset, mapping, &completion, losses)?
            } else {
                Request::Completion(completion)
            }
        }
        Request::Embedding(mut embedding) => {
            if let Some(tasks) = preset.tasks {
                say_task(tasks, &mut embedding, losses);
            }
            let idle =
                |(name, json): &(&str, &str)| *name == "encoding_format" && json.contains("float");
            if embedding.encoding == Some(EmbeddingEncoding::Float) && preset.idle.iter().any(idle)
            {
                embedding.encoding = None;
            }
            Request::Embedding(embedding)
        }
        other => other,
    })
}

/// Makes a reply fit what was asked.
pub(crate) fn reply(
    preset: &Preset,
    mapping: Mapping,
    asked_completion: bool,
    reply: Response,
) -> Response {
    let mlflow = mapping == Mapping::Mlflow && preset.mlflow != Mlflow::Plain;
    match reply {
        Response::Chat(chat) if asked_completion && preset.completes_by_chat => {
            let mut completion = completion_of(*chat);
            if mlflow {
                completion.id = None;
                completion.created = None;
                completion.model = None;
            }
            Response::Completion(Box::new(completion))
        }
        Response::Chat(mut chat) => {
            if mlflow && preset.mlflow == Mlflow::Together {
                chat.model = None;
            }
            Response::Chat(chat)
        }
        Response::Completion(mut completion) => {
            if mlflow {
                completion.model = None;
            }
            Response::Completion(completion)
        }
        Response::Embedding(mut embedding) => {
            if mlflow {
                embedding.model = None;
            }
            Response::Embedding(embedding)
        }
        other => other,
    }
}

/// MLflow's checks; booleans count as numbers, as in Python.
fn check_counts(extra: &Extra) -> Result<(), CallError> {
    let wrong = |name: &str| {
        extra.fields().get(name).is_some_and(|value| {
            !value.is_null() && !value.is_i64() && !value.is_u64() && !value.is_boolean()
        })
    };
    if wrong("logprobs") {
        return Err(refused(
            "Wrong type for logprobs. It should be an 32bit integer.",
        ));
    }
    if wrong("top_logprobs") {
        return Err(refused(
            "Wrong type for top_logprobs. It should a 32bit integer.",
        ));
    }
    Ok(())
}

fn refused(message: &'static str) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, message).with_status(422)
}

fn set(extra: &mut Extra, name: &str, value: Value) {
    let dialect = extra.dialect().unwrap_or(Dialect::OPENAI);
    extra.insert(dialect, name, value);
}

fn without(extra: &Extra, name: &str) -> Extra {
    let Some(dialect) = extra.dialect() else {
        return Extra::new();
    };
    let mut fields = extra.fields().clone();
    fields.remove(name);
    Extra::of(dialect, fields)
}

/// A completion as a chat turn of one message.
fn by_chat(
    preset: &Preset,
    mapping: Mapping,
    completion: &CompletionRequest,
    losses: &mut Losses,
) -> Result<Request, CallError> {
    let Some(mut chat) = completion.to_chat() else {
        return Err(CallError::gateway(
            ErrorKind::Unsupported,
            format!(
                "{} completes one text at a time: `prompt` must be one string.",
                preset.display_name
            ),
        )
        .with_retry(Retry::Elsewhere));
    };
    for name in completion.beyond_chat() {
        let why = "this provider completes by chat, which has no such field";
        losses.dropped(name, why);
    }
    if mapping == Mapping::Mlflow && preset.mlflow == Mlflow::Mistral {
        chat.sampling.stop.clear();
        chat.sampling.n = None;
        chat.sampling.temperature = chat.sampling.temperature.map(|value| value / 2.0);
    }
    Ok(Request::Chat(Box::new(chat)))
}

/// The text of a chat answer as a completion. What else a choice of chat says has another form there.
fn completion_of(chat: ChatResponse) -> CompletionResponse {
    let mut completion = CompletionResponse::from(chat);
    for (choice, index) in completion.choices.iter_mut().zip(0..) {
        choice.index = index;
        choice.logprobs = None;
        choice.extra = Extra::new();
    }
    completion
}

fn say_task(tasks: Tasks, embedding: &mut EmbeddingRequest, losses: &mut Losses) {
    let Some(task) = embedding.task.take() else {
        return;
    };
    let word = match &task {
        EmbeddingTask::Query => tasks.query,
        EmbeddingTask::Document => tasks.document,
        EmbeddingTask::Classification => tasks.classification,
        EmbeddingTask::Clustering => tasks.clustering,
        EmbeddingTask::Similarity => tasks.similarity,
        EmbeddingTask::Other(word) => word,
        _ => "",
    };
    if word.is_empty() {
        losses.dropped("task", "this provider has no word for this use");
        return;
    }
    if embedding
        .extra
        .dialect()
        .is_some_and(|dialect| dialect != Dialect::OPENAI)
    {
        // Fields of another dialect are reported by the encoder; the use is worth more than their report.
        for name in embedding.extra.fields().keys() {
            losses.dropped(name.clone(), "this provider does not know it");
        }
        embedding.extra = Extra::new();
    }
    set(&mut embedding.extra, tasks.member, Value::from(word));
}
