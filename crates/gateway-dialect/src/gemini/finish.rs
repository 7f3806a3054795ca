//! Why an answer ended.
//!
//! Reference: <https://ai.google.dev/api/generate-content#FinishReason>, read 2026-11-21.

use gateway_schema::chat::{Finish, FinishReason};

use crate::node::Node;

/// The reasons by their numbers, which some hosts write in place of the words.
const BY_NUMBER: [&str; 14] = [
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
];

/// The word of a reason, also of one that came as a number. `None` when none is stated.
pub(super) fn word(node: &Node<'_>) -> Option<String> {
    let word = match node {
        Node::Text(text) => text.to_string(),
        Node::Number(number) => {
            let place = usize::try_from(number.as_u64()?).ok()?;
            BY_NUMBER
                .get(place)
                .map_or_else(|| number.to_string(), |word| (*word).to_owned())
        }
        _ => return None,
    };
    (!word.is_empty() && word != "FINISH_REASON_UNSPECIFIED").then_some(word)
}

/// Reads a reason. Gemini says `STOP` also when it wants functions called.
pub(super) fn read(word: String, has_calls: bool) -> Finish {
    let reason = match reason_of(&word) {
        FinishReason::Stop if has_calls => FinishReason::ToolCalls,
        reason => reason,
    };
    Finish::with_raw(reason, word)
}

/// The reason of a prompt that was blocked.
pub(super) fn blocked(word: &str) -> Finish {
    Finish::with_raw(FinishReason::ContentFilter, word)
}

fn reason_of(word: &str) -> FinishReason {
    match word {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "JAILBREAK" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// Writes a reason. Gemini's own word is kept.
pub(super) fn write(finish: Option<&Finish>) -> &str {
    let Some(finish) = finish else {
        return "STOP";
    };
    if let Some(raw) = finish.raw.as_deref()
        && is_gemini(raw)
    {
        return raw;
    }
    match finish.reason {
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter | FinishReason::Refusal => "SAFETY",
        FinishReason::Error | FinishReason::Other => "OTHER",
        _ => "STOP",
    }
}

/// Gemini's words are in capitals, as no other provider's that end an answer so.
fn is_gemini(word: &str) -> bool {
    const COHERE: [&str; 6] = [
        "COMPLETE",
        "STOP_SEQUENCE",
        "TOOL_CALL",
        "ERROR",
        "ERROR_TOXIC",
        "ERROR_LIMIT",
    ];
    !COHERE.contains(&word)
        && !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_both_ways() {
        for name in BY_NUMBER.iter().skip(1).chain(&["MODEL_ARMOR", "NO_IMAGE"]) {
            let finish = read((*name).to_owned(), false);
            assert_eq!(write(Some(&finish)), *name);
        }
        assert_eq!(
            read("STOP".to_owned(), true).reason,
            FinishReason::ToolCalls
        );
        assert_eq!(
            write(Some(&Finish::with_raw(FinishReason::Length, "length"))),
            "MAX_TOKENS"
        );
        assert_eq!(
            write(Some(&Finish::with_raw(
                FinishReason::ToolCalls,
                "TOOL_CALL"
            ))),
            "STOP"
        );
    }

    #[test]
    fn numbers_are_words() {
        assert_eq!(word(&Node::Number(1.into())).as_deref(), Some("STOP"));
        assert_eq!(word(&Node::Number(0.into())), None);
        assert_eq!(word(&Node::Number(99.into())).as_deref(), Some("99"));
        assert_eq!(word(&Node::Null), None);
    }
}
