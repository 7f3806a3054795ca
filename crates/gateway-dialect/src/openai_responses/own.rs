//! Histories that passed through other providers, on their way to OpenAI itself.
//!
//! OpenAI refuses a request with reasoning that it did not make. A client that came here through another provider has
//! such items: what this gateway wrote for it, with that provider's proof or under an id of the gateway's. They are taken
//! out; every other byte stays.

use std::sync::LazyLock;

use gateway_schema::Losses;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How long an id is that this gateway made: see `Item::new`.
const ID: usize = "rs_".len() + 34;

/// The text of `input` without reasoning of other providers', and what was taken out; `None` when there is none.
pub fn own_items(input: &[u8]) -> Option<(Vec<u8>, Losses)> {
    static MARKS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| ["\"gateway:", "\"rs_"].map(Finder::new));
    let [proof, id] = &*MARKS;
    let has_id = || id.find_iter(input).any(|at| made_here(input.get(at + 1..)));
    if proof.find(input).is_none() && !has_id() {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_slice(input).ok()?;
    let mut losses = Losses::new();
    let mut kept = Vec::with_capacity(input.len());
    kept.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if is_foreign(item.get()) {
            losses.dropped(
                format!("input[{index}]"),
                "OpenAI refuses reasoning that another provider made",
            );
            continue;
        }
        if kept.len() > 1 {
            kept.push(b',');
        }
        kept.extend_from_slice(item.get().as_bytes());
    }
    kept.push(b']');
    (!losses.is_empty()).then_some((kept, losses))
}

/// What tells whose reasoning it is.
#[derive(Deserialize)]
struct Reasoning {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    encrypted_content: Option<String>,
}

fn is_foreign(item: &str) -> bool {
    let Ok(item) = serde_json::from_str::<Reasoning>(item) else {
        return false;
    };
    let proof = item.encrypted_content.unwrap_or_default();
    let id = item.id.unwrap_or_default();
    item.kind == "reasoning"
        && (crate::proofs::unwrap(&proof).is_some()
            || (proof.is_empty()
                && id.len() == ID
                && made_here(Some(format!("{id}\"").as_bytes()))))
}

/// True where an id of this gateway's stands: OpenAI's own are longer.
fn made_here(text: Option<&[u8]>) -> bool {
    let id = text.and_then(|text| text.strip_prefix(b"rs_"));
    let end = id.and_then(|id| id.iter().position(|byte| !byte.is_ascii_hexdigit()));
    end == Some(ID - "rs_".len()) && id.and_then(|id| id.get(ID - 3)) == Some(&b'"')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kept(input: &Value) -> Option<(Value, usize)> {
        let (text, losses) = own_items(input.to_string().as_bytes())?;
        Some((
            serde_json::from_slice(&text).unwrap(),
            losses.iter().count(),
        ))
    }

    #[test]
    fn reasoning_of_others_is_taken_out_and_nothing_else() {
        let own = json!({"type": "reasoning", "id": "rs_00cda6eed5a411c70069bb7f8b9c50819d99314449aed41b4b",
            "summary": [], "encrypted_content": "gAAAAAB"});
        let stored = json!({"type": "reasoning", "id": "rs_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78", "summary": []});
        let said = json!({"role": "user", "content": "it begins with \"gateway:anthropic:\""});
        let unsigned = json!({"type": "reasoning", "id": "rs_0123456789abcdef0123456789abcdef00",
            "summary": [{"type": "summary_text", "text": "Hm."}]});
        let input = json!([
            said, own, stored,
            {"type": "reasoning", "summary": [], "encrypted_content": "gateway:anthropic:SIG"},
            unsigned,
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "reasoning", "summary": [], "encrypted_content": "gateway:gemini+before:G"},
            {"type": "reasoning", "summary": [], "encrypted_content": "gateway:redacted:R"},
        ]);
        let call = input[5].clone();
        assert_eq!(kept(&input), Some((json!([said, own, stored, call]), 4)));
        assert_eq!(kept(&json!([said, own, stored, call])), None);
        assert_eq!(kept(&json!("\"gateway:x:y")), None);
    }

    #[test]
    fn ids_of_items_are_as_long_as_they_are_taken_for() {
        let info = crate::ReplyInfo::new("m", "p", "0123456789abcdef0123456789abcdef", 1);
        let kind = super::super::item::Kind::Reasoning {
            summary: String::new(),
            encrypted: None,
        };
        let item = super::super::item::Item::new(kind, 7, &info);
        assert_eq!(item.id.len(), ID);
        assert!(made_here(Some(format!("{}\"", item.id).as_bytes())));
    }
}
