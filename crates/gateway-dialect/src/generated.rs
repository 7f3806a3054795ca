//! How much text a whole answer holds, whatever its dialect: what its tokens are estimated by when the provider states no
//! usage.
//!
//! The strings of the members that hold what was generated are counted, as they stand (escapes included). Not counted:
//! what only frames the answer (ids, kinds, reasons), what repeats the request, long base64 (pictures, sound), and
//! signatures.

use gateway_json::{Cursor, Fault};
use gateway_schema::stream::Facts;

/// Members of the top object that hold what was generated, of every dialect.
const ROOTS: [&[u8]; 21] = [
    b"candidates",
    b"choices",
    b"completion",
    b"completions",
    b"content",
    b"generated_text",
    b"generation",
    b"generations",
    b"message",
    b"output",
    b"outputText",
    b"outputs",
    b"predictions",
    b"reasoning_content",
    b"response",
    b"results",
    b"text",
    b"thinking",
    b"tool_calls",
    b"tool_plan",
    b"reply",
];
/// Members that frame an answer.
const FRAME: [&[u8]; 27] = [
    b"annotations",
    b"call_id",
    b"citationMetadata",
    b"citations",
    b"created",
    b"embedding",
    b"encrypted_content",
    b"finishReason",
    b"finish_reason",
    b"format",
    b"groundingMetadata",
    b"id",
    b"logprobs",
    b"logprobsResult",
    b"mimeType",
    b"model",
    b"object",
    b"redactedContent",
    b"role",
    b"safetyRatings",
    b"signature",
    b"status",
    b"stopReason",
    b"stop_reason",
    b"thoughtSignature",
    b"type",
    b"url",
];
/// Objects and lists within one another that are looked into.
const MAX_DEPTH: u32 = 24;
/// Members whose strings are pictures, sound and files in base64.
const DATA: [&[u8]; 6] = [
    b"b64_json",
    b"bytesBase64Encoded",
    b"data",
    b"image",
    b"partial_image_b64",
    b"result",
];

/// Counts the text of a whole answer, unless its usage states the output.
pub(crate) fn count(body: &[u8], facts: &mut Facts) {
    let stated = facts.usage.as_ref().and_then(|usage| usage.output_tokens);
    if stated.is_none() {
        let length = length(body);
        if length > 0 {
            facts.count(length);
        }
    }
}

/// Bytes of generated text; 0 of what is not JSON.
fn length(body: &[u8]) -> usize {
    let mut total = 0;
    let mut cursor = Cursor::new(body);
    let read = match cursor.peek() {
        Some(b'{') => cursor.members(|cursor, key| {
            if ROOTS.contains(&key.plain()) {
                walk(cursor, 0, &mut total)
            } else {
                cursor.skip()
            }
        }),
        _ => walk(&mut cursor, 0, &mut total),
    };
    if read.is_ok() { total } else { 0 }
}

fn walk(cursor: &mut Cursor<'_>, depth: u32, total: &mut usize) -> Result<(), Fault> {
    match cursor.peek() {
        Some(b'"') => {
            let text = cursor.text()?;
            let text = text.map(|text| text.plain()).unwrap_or_default();
            if !text.starts_with(b"data:") {
                *total = total.saturating_add(text.len());
            }
            Ok(())
        }
        Some(b'{') if depth < MAX_DEPTH => cursor.members(|cursor, key| {
            let key = key.plain();
            let is_data = DATA.contains(&key) && cursor.peek() == Some(b'"');
            if is_data || FRAME.contains(&key) {
                cursor.skip()
            } else {
                walk(cursor, depth + 1, total)
            }
        }),
        Some(b'[') if depth < MAX_DEPTH => cursor.items(|cursor| walk(cursor, depth + 1, total)),
        _ => cursor.skip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_every_dialect_is_counted_and_its_frame_is_not() {
        let text = "four".repeat(5_000);
        let picture = "QUJD".repeat(5_000);
        for body in [
            serde_json::json!({"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text}}]}),
            serde_json::json!({"choices": [{"text": text}]}),
            serde_json::json!({"choices": [{"message": {"content": null, "tool_calls": [{"id": "c", "type": "function",
                "function": {"arguments": text}}]}}]}),
            serde_json::json!({"instructions": text, "tools": [{"description": text}], "output": [
                {"type": "message", "content": [{"type": "output_text", "text": text}]}]}),
            serde_json::json!({"type": "message", "content": [{"type": "thinking", "thinking": text, "signature": picture}]}),
            serde_json::json!({"type": "message", "content": [{"type": "tool_use", "id": "t", "input": {"a": [text]}}]}),
            serde_json::json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text},
                {"inlineData": {"mimeType": "image/png", "data": picture}}]}, "finishReason": "STOP"}]}),
            serde_json::json!({"output": {"message": {"role": "assistant", "content": [{"text": text}]}}}),
            serde_json::json!({"id": "x", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}),
            serde_json::json!({"text": text, "chat_history": [{"role": "USER", "message": text}]}),
            serde_json::json!({"results": [{"outputText": text}]}),
            serde_json::json!([{"generated_text": text}]),
        ] {
            let mut facts = Facts::default();
            count(body.to_string().as_bytes(), &mut facts);
            assert_eq!(facts.text_bytes as usize, text.len(), "{body:.100}");
        }
    }

    #[test]
    fn vectors_pictures_and_what_is_no_json_hold_no_text() {
        for body in [
            r#"{"data":[{"object":"embedding","index":0,"embedding":[0.5,1]}]}"#.to_owned(),
            format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "QUJD".repeat(5_000)),
            "<html>not JSON</html>".to_owned(),
            String::new(),
            "[".repeat(100_000),
        ] {
            assert_eq!(length(body.as_bytes()), 0);
        }
    }
}
