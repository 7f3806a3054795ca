//! Finish reasons, ours and theirs.

use gateway_schema::chat::{Finish, FinishReason};

/// Reads a finish reason of an OpenAI-like provider.
pub(crate) fn decode(word: &str, has_calls: bool) -> Finish {
    let reason = match word {
        "" if has_calls => FinishReason::ToolCalls,
        "" | "stop" | "eos" | "end_turn" | "eos_token" | "COMPLETE" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        "refusal" => FinishReason::Refusal,
        "error" => FinishReason::Error,
        _ => FinishReason::Other,
    };
    Finish::with_raw(reason, word)
}

/// The word that OpenAI's clients know, and whether it says the same.
pub(crate) fn encode(finish: &Finish) -> (&'static str, bool) {
    match finish.reason {
        FinishReason::Stop | FinishReason::StopSequence => ("stop", true),
        FinishReason::Length => ("length", true),
        FinishReason::ToolCalls if finish.raw.as_deref() == Some("function_call") => {
            ("function_call", true)
        }
        FinishReason::ToolCalls => ("tool_calls", true),
        FinishReason::ContentFilter | FinishReason::Refusal => ("content_filter", true),
        FinishReason::Error => ("error", true),
        _ => ("stop", false),
    }
}
