//! AI21 Labs' Jurassic-2: `/{model}/complete`.
//!
//! Spec: MLflow 3.17 `mlflow/gateway/providers/ai21labs.py`; parameters of
//! <https://docs.ai21.com/reference/j2-complete-ref>.

use gateway_provider::escaped;
use gateway_schema::chat::{Finish, FinishReason};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Dialect, Operation, Response, Usage};
use serde_json::Value;

use crate::params::{Words, at_most_one};
use crate::read;
use crate::wire::{Ask, Auth, Vendor, Written};

/// The models MLflow knows.
pub(crate) const MODELS: [&str; 3] = ["j2-ultra", "j2-mid", "j2-light"];

const WORDS: Words = Words {
    vendor: "AI21 Labs",
    names: &[
        ("n", "numResults"),
        ("max_tokens", "maxTokens"),
        ("stop", "stopSequences"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("top_k", "topKReturn"),
    ],
    temperature: |temperature, ask| {
        if ask.mlflow {
            return Some(temperature);
        }
        Some(at_most_one(temperature, ask))
    },
};

/// AI21 Labs.
#[derive(Debug)]
pub(crate) struct Ai21Labs;

impl Vendor for Ai21Labs {
    const DIALECT: Dialect = Dialect::new("ai21labs");
    const AUTH: Auth = Auth::Bearer;

    fn completion(
        &self,
        request: &CompletionRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let mut body = WORDS.completion(request, ask)?;
        let prompt = WORDS.prompt(&request.prompt)?;
        body.insert("prompt".to_owned(), prompt.into());
        Ok(Some((
            format!("{}/complete", escaped(ask.model)),
            body.into(),
        )))
    }

    fn read(&self, _: Operation, answer: &Value) -> Option<Response> {
        let count = |tokens: Option<&Value>| {
            let tokens = tokens?.as_array()?;
            u64::try_from(tokens.len()).ok()
        };
        let mut choices = Vec::new();
        let mut output = Some(0);
        for (index, answer) in (0..).zip(read::items(answer.get("completions"))?) {
            let text = answer.pointer("/data/text")?.as_str()?;
            let raw = answer
                .pointer("/finishReason/reason")
                .and_then(Value::as_str);
            let finish = raw.map(|raw| {
                let reason = match raw {
                    "length" => FinishReason::Length,
                    "endoftext" => FinishReason::Stop,
                    "stop" => FinishReason::StopSequence,
                    _ => FinishReason::Other,
                };
                Finish::with_raw(reason, raw)
            });
            choices.push(read::choice(index, text, finish));
            let tokens = count(answer.pointer("/data/tokens"));
            output = output.zip(tokens).map(|(sum, tokens)| sum + tokens);
        }
        let input = count(answer.pointer("/prompt/tokens"));
        let usage = input
            .zip(output)
            .map(|(input, output)| Usage::new(input, output));
        Some(read::completion(choices, usage))
    }
}
