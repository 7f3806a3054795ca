//! Why an answer ended.

use gateway_schema::chat::{Finish, FinishReason};

/// Reads a `finish_reason`, of either version.
pub(super) fn read(raw: &str) -> Finish {
    let reason = match raw {
        "COMPLETE" => FinishReason::Stop,
        "STOP_SEQUENCE" => FinishReason::StopSequence,
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        _ if is_failure(raw) => FinishReason::Error,
        _ => FinishReason::Other,
    };
    Finish::with_raw(reason, raw)
}

/// True when the answer did not end but failed.
pub(super) fn is_failure(raw: &str) -> bool {
    matches!(raw, "ERROR" | "TIMEOUT")
}

/// Writes a `finish_reason`. The provider's own word is kept when it is Cohere's; an answer with tool calls that claims
/// to be merely done says `TOOL_CALL`, because clients act on nothing else.
pub(super) fn write(finish: Option<&Finish>, has_calls: bool) -> &str {
    let Some(finish) = finish else {
        return if has_calls { "TOOL_CALL" } else { "COMPLETE" };
    };
    if let Some(raw) = finish.raw.as_deref() {
        let reason = read(raw).reason;
        let is_plain = reason == FinishReason::Stop && has_calls;
        if reason != FinishReason::Other && reason == finish.reason && !is_plain {
            return raw;
        }
    }
    match finish.reason {
        FinishReason::StopSequence => "STOP_SEQUENCE",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ToolCalls => "TOOL_CALL",
        FinishReason::ContentFilter => "ERROR_TOXIC",
        FinishReason::Error => "ERROR",
        _ if has_calls => "TOOL_CALL",
        FinishReason::Stop if finish.stop_sequence.is_some() => "STOP_SEQUENCE",
        _ => "COMPLETE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_service_survives_both_ways() {
        for word in [
            "COMPLETE",
            "STOP_SEQUENCE",
            "MAX_TOKENS",
            "TOOL_CALL",
            "ERROR",
            "TIMEOUT",
            "ERROR_TOXIC",
        ] {
            let finish = read(word);
            assert_ne!(finish.reason, FinishReason::Other);
            assert_eq!(write(Some(&finish), false), word);
        }
    }

    #[test]
    fn an_answer_with_calls_that_says_stop_says_tool_call() {
        for raw in ["stop", "COMPLETE", "end_turn"] {
            let finish = Finish::with_raw(FinishReason::Stop, raw);
            assert_eq!(write(Some(&finish), true), "TOOL_CALL");
            assert_eq!(write(Some(&finish), false), "COMPLETE");
        }
        assert_eq!(write(None, true), "TOOL_CALL");
        let refused = Finish::with_raw(FinishReason::Refusal, "refusal");
        assert_eq!(write(Some(&refused), false), "COMPLETE");
    }
}
