//! Ids of tool calls, for vendors that take only nine letters or digits (Mistral). Ids that other providers gave are
//! hashed, those of calls and of results alike; what fits already stays.

use gateway_schema::chat::{ChatRequest, Content};
use serde_json::Value;

const LENGTH: usize = 9;
/// What other providers make is longer than this: `call_` and 24 letters, `toolu_01` and 22, UUIDs. What is shorter was
/// written by the caller, and bytes of its own are left to the vendor's judgement.
const WRITTEN: usize = 18;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes the ids of `chat` fit.
pub(crate) fn shorten(chat: &mut ChatRequest) {
    for part in chat.messages.iter_mut().flat_map(|it| &mut it.parts) {
        match &mut part.content {
            Content::ToolCall(call) => {
                if let Some(id) = &mut call.id {
                    make_fit(id);
                }
            }
            Content::ToolResult(result) => make_fit(&mut result.call_id),
            _ => {}
        }
    }
}

/// True when a body in OpenAI's form has a result whose id another provider made. Bodies without tools are not read.
pub(crate) fn are_foreign(body: &[u8]) -> bool {
    const MARK: &[u8] = b"\"tool_call_id\"";
    if !body.windows(MARK.len()).any(|window| window == MARK) {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let messages = body.get("messages").and_then(Value::as_array);
    messages
        .into_iter()
        .flatten()
        .filter_map(|message| message.get("tool_call_id")?.as_str())
        .any(|id| id.len() > WRITTEN)
}

fn fits(id: &str) -> bool {
    id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn make_fit(id: &mut String) {
    if !fits(id) && !id.is_empty() {
        *id = hashed(id);
    }
}

/// FNV-1a in 64 bits, in the alphabet of ids: the same id for the same text, everywhere.
fn hashed(id: &str) -> String {
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut out = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let at = usize::try_from(hash % 62).unwrap_or_default();
        out.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'0')));
        hash /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_fit_stay_and_others_become_nine_characters_that_differ() {
        let mut id = "6IgxW8LfZ".to_owned();
        make_fit(&mut id);
        assert_eq!(id, "6IgxW8LfZ");
        let ids: Vec<String> = ["toolu_01A", "toolu_01B", "call_1", "gateway_call_1", "é"]
            .map(hashed)
            .to_vec();
        assert!(ids.iter().all(|id| fits(id)), "{ids:?}");
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len());
        assert_eq!(hashed("call_1"), ids[2]);
    }

    #[test]
    fn only_results_with_foreign_ids_are_foreign() {
        let body =
            |id: &str| format!(r#"{{"messages":[{{"role":"tool","tool_call_id":"{id}"}}]}}"#);
        assert!(are_foreign(
            body("call_abcdefghijklmnopqrstuvwx").as_bytes()
        ));
        assert!(are_foreign(
            body("toolu_01A09q90qw90lq917835lq9").as_bytes()
        ));
        assert!(!are_foreign(body("call_1").as_bytes()));
        assert!(!are_foreign(body("6IgxW8LfZ").as_bytes()));
        assert!(!are_foreign(br#"{"messages":[{"role":"user"}]}"#));
        assert!(!are_foreign(b"\"tool_call_id\""));
    }
}
