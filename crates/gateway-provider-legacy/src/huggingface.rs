//! Hugging Face Text Generation Inference: `/generate`.
//!
//! Spec: <https://huggingface.co/docs/text-generation-inference/reference/api_reference>, read 2026-11-21; on MLflow's
//! URLs the conversions of MLflow's `huggingface-text-generation-inference`, as in the recorded cases.

use gateway_schema::chat::{Finish, FinishReason};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Dialect, Operation, Response, Usage};
use serde_json::{Value, json};

use crate::params::Words;
use crate::read;
use crate::wire::{Ask, Auth, Vendor, Written};

/// MLflow's factor: its callers say 0 to 2, and it takes the server's range for 0 to 100.
const MLFLOW_SCALE: f64 = 50.0;
/// The server refuses 0.
const LEAST: f64 = 0.001;

const WORDS: Words = Words {
    vendor: "Text Generation Inference",
    names: &[
        ("max_tokens", "max_new_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
        ("stop", "stop"),
        ("frequency_penalty", "frequency_penalty"),
        ("seed", "seed"),
        ("echo", "return_full_text"),
        ("best_of", "best_of"),
    ],
    temperature: |temperature, ask| {
        if ask.mlflow {
            return Some((temperature * MLFLOW_SCALE).max(LEAST));
        }
        // Without a temperature the server picks the likeliest token, which is what 0 asks for.
        (temperature > 0.0).then_some(temperature)
    },
};

/// A server of text generation.
#[derive(Debug)]
pub(crate) struct HuggingFace;

impl Vendor for HuggingFace {
    const DIALECT: Dialect = Dialect::new("huggingface-tgi");
    const AUTH: Auth = Auth::Bearer;

    fn completion(
        &self,
        request: &CompletionRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Option<Written>, CallError> {
        let mut parameters = WORDS.completion(request, ask)?;
        // The server refuses what asks for nothing.
        if parameters.get("top_p").and_then(Value::as_f64) >= Some(1.0) {
            parameters.shift_remove("top_p");
        }
        if parameters.get("best_of").and_then(Value::as_u64) == Some(1) {
            parameters.shift_remove("best_of");
        }
        parameters.insert("details".to_owned(), true.into());
        parameters.insert("decoder_input_details".to_owned(), true.into());
        let inputs = WORDS.prompt(&request.prompt)?;
        let body = json!({ "inputs": inputs, "parameters": parameters });
        Ok(Some(("generate".to_owned(), body)))
    }

    fn read(&self, _: Operation, answer: &Value) -> Option<Response> {
        // Some deployments answer with a list of one.
        let answer = answer.get(0).unwrap_or(answer);
        let text = answer.get("generated_text")?.as_str()?;
        let details = answer.get("details").unwrap_or(&Value::Null);
        let finish = details.get("finish_reason").and_then(Value::as_str);
        let finish = finish.map(|raw| {
            let reason = match raw {
                "length" => FinishReason::Length,
                "eos_token" => FinishReason::Stop,
                "stop_sequence" => FinishReason::StopSequence,
                _ => FinishReason::Other,
            };
            Finish::with_raw(reason, raw)
        });
        let prefill = details.get("prefill").and_then(Value::as_array);
        let generated = details.get("generated_tokens").and_then(Value::as_u64);
        let usage = generated.map(|generated| {
            let mut usage = Usage::default();
            usage.input_tokens = prefill.and_then(|tokens| u64::try_from(tokens.len()).ok());
            usage.output_tokens = Some(generated);
            usage
        });
        Some(read::completion(vec![read::choice(0, text, finish)], usage))
    }
}
