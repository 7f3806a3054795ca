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
        "ERROR" | "TIMEOUT" | "USER_CANCEL" => FinishReason::Error,
        _ => FinishReason::Other,
    };
    Finish::with_raw(reason, raw)
}
