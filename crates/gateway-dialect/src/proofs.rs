//! Proofs that travel: a provider's proof of what its model thought or called, on its way through a client of another
//! dialect and back. It goes as `gateway:<dialect>:<proof>` where that client has a place for a proof of its own.
//!
//! A dialect in which only reasoning has such a place (Anthropic, Converse) proves a call by empty reasoning just before
//! it, with `+next` at the name of the dialect.

use std::sync::LazyLock;

use gateway_schema::Dialect;
use gateway_schema::chat::{Content, Part, Signature};
use memchr::memmem::Finder;

const MARK: &str = "gateway:";
const NEXT: &str = "+next";

/// Writes a proof of another dialect; `note` says what else there is to know, and stands behind the dialect's name.
pub(crate) fn wrap(signature: &Signature, note: &str) -> String {
    mark(&format!("{}{note}", signature.dialect), &signature.value)
}

/// Writes what travels under a name.
pub(crate) fn mark(name: &str, value: &str) -> String {
    format!("{MARK}{name}:{value}")
}

/// The name, with its note, and the proof in what [`wrap`] wrote, or whatever [`mark`] was given.
pub(crate) fn unwrap(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(MARK)?.split_once(':')
}

/// True when a JSON body has a proof of another provider's, which the body's own refuses: it must be translated.
pub(crate) fn stand_in(body: &[u8]) -> bool {
    static QUOTED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"gateway:"));
    QUOTED.find(body).is_some()
}

/// The proofs that one dialect carries. None of its own begins like a wrapped one.
#[derive(Debug)]
pub(crate) struct Proofs {
    pub(crate) own: Dialect,
    /// The others whose proofs can travel here.
    pub(crate) travellers: &'static [Dialect],
}

impl Proofs {
    /// Reads a proof: the dialect's own, or one that [`write`](Self::write) wrapped.
    pub(crate) fn read(&self, text: &str) -> Signature {
        self.foreign(text, "").unwrap_or_else(|| Signature {
            dialect: self.own,
            value: text.to_owned(),
        })
    }

    /// What [`wrap`] wrote with this note.
    pub(crate) fn foreign(&self, text: &str, note: &str) -> Option<Signature> {
        let (name, value) = unwrap(text)?;
        let name = name.strip_suffix(note)?;
        let dialect = self.travellers.iter().find(|it| it.as_str() == name)?;
        Some(Signature {
            dialect: *dialect,
            value: value.to_owned(),
        })
    }

    /// Writes a proof for a client, which sends it back with the next turn.
    pub(crate) fn write(&self, signature: &Signature) -> String {
        if signature.dialect == self.own {
            signature.value.clone()
        } else {
            wrap(signature, "")
        }
    }

    /// Gives the proofs of [`of_next`] back to their calls.
    pub(crate) fn bind(&self, parts: &mut Vec<Part>) {
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let Some(proof) = self.next(part) else {
                at += 1;
                continue;
            };
            parts.remove(at);
            if let Some(call) = parts.get_mut(at)
                && matches!(call.content, Content::ToolCall(_))
            {
                call.signature = Some(proof);
            }
        }
    }

    fn next(&self, part: &Part) -> Option<Signature> {
        if !matches!(part.content, Content::Thinking { .. }) {
            return None;
        }
        self.foreign(&part.signature.as_ref()?.value, NEXT)
    }
}

/// Writes the proof of a call, for empty reasoning just before it.
pub(crate) fn of_next(signature: &Signature) -> String {
    wrap(signature, NEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Proofs = Proofs {
        own: Dialect::ANTHROPIC,
        travellers: &[Dialect::GEMINI],
    };

    fn proof(dialect: Dialect) -> Signature {
        Signature {
            dialect,
            value: "a:b".to_owned(),
        }
    }

    #[test]
    fn proofs_come_back_and_know_whose_they_are() {
        for dialect in [Dialect::ANTHROPIC, Dialect::GEMINI] {
            assert_eq!(HERE.read(&HERE.write(&proof(dialect))), proof(dialect));
        }
        let stranger = HERE.write(&proof(Dialect::COHERE));
        assert_eq!(HERE.read(&stranger).dialect, Dialect::ANTHROPIC);
        let next = of_next(&proof(Dialect::GEMINI));
        assert_eq!(HERE.foreign(&next, NEXT), Some(proof(Dialect::GEMINI)));
        assert_eq!(HERE.foreign(&next, ""), None);
    }

    #[test]
    fn only_a_text_that_begins_so_is_foreign() {
        assert!(stand_in(br#"{"signature":"gateway:gemini:x"}"#));
        assert!(!stand_in(br#"{"signature":"gateways"}"#));
    }
}
