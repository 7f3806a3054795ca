//! Why an answer ended.

use gateway_schema::chat::{Finish, FinishReason};

/// Reads a `stopReason`. An answer that is over without a reason was simply done.
pub(super) fn read(stop_reason: Option<String>) -> Finish {
    let reason = stop_reason.as_deref().map_or(FinishReason::Stop, reason_of);
    let mut finish = Finish::new(reason);
    finish.raw = stop_reason;
    finish
}

fn reason_of(stop_reason: &str) -> FinishReason {
    match stop_reason {
        "end_turn" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "refusal" => FinishReason::Refusal,
        "malformed_model_output" | "malformed_tool_use" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}

/// Writes a `stopReason`. The provider's own word is kept when it is Bedrock's; an answer with tool calls that claims
/// to be merely done says `tool_use`, because clients act on nothing else.
pub(super) fn write(finish: Option<&Finish>, has_calls: bool) -> &str {
    let Some(finish) = finish else {
        return if has_calls { "tool_use" } else { "end_turn" };
    };
    if let Some(raw) = finish.raw.as_deref()
        && raw != "refusal"
    {
        let reason = reason_of(raw);
        if reason != FinishReason::Other && reason == finish.reason {
            return raw;
        }
    }
    match finish.reason {
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter | FinishReason::Refusal => "content_filtered",
        FinishReason::Error => "malformed_model_output",
        _ if has_calls => "tool_use",
        FinishReason::Stop if finish.stop_sequence.is_some() => "stop_sequence",
        _ => "end_turn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_service_survives_both_ways() {
        for word in [
            "end_turn",
            "tool_use",
            "max_tokens",
            "stop_sequence",
            "guardrail_intervened",
            "content_filtered",
            "malformed_model_output",
            "malformed_tool_use",
            "model_context_window_exceeded",
        ] {
            let finish = read(Some(word.to_owned()));
            assert_ne!(finish.reason, FinishReason::Other);
            assert_eq!(write(Some(&finish), false), word);
        }
    }

    #[test]
    fn an_answer_with_calls_that_says_stop_says_tool_use() {
        let finish = Finish::with_raw(FinishReason::Stop, "stop");
        assert_eq!(write(Some(&finish), true), "tool_use");
        assert_eq!(write(Some(&finish), false), "end_turn");
        assert_eq!(write(None, true), "tool_use");
        let refused = Finish::with_raw(FinishReason::Refusal, "refusal");
        assert_eq!(write(Some(&refused), false), "content_filtered");
    }
}
