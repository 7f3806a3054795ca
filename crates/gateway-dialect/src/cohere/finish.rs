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
