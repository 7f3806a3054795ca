//! Proofs: `encrypted_content` of reasoning items.
//!
//! A proof of another provider's travels as `gateway:<dialect>:<proof>`; OpenAI's own never begin so. Only reasoning has
//! a place for one. A proof of anything else stands in a reasoning item of its own just after what it proves,
//! with `+before` at the name of the dialect; encrypted reasoning of others has the name `redacted`.

use gateway_schema::Dialect;
use gateway_schema::chat::Signature;

const FOREIGN: &str = "gateway:";
const BEFORE: &str = "+before";
const REDACTED: &str = "redacted";

/// Dialects whose proofs can travel.
const TRAVELLERS: [Dialect; 4] = [
    Dialect::OPENAI,
    Dialect::ANTHROPIC,
    Dialect::GEMINI,
    Dialect::BEDROCK,
];

/// What an `encrypted_content` turns out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Proof {
    /// The proof of the reasoning it stands in.
    Own(Signature),
    /// The proof of what came just before.
    Before(Signature),
    /// Reasoning of another provider's, encrypted.
    Redacted(String),
}

/// Reads an `encrypted_content`.
pub(super) fn read(text: String) -> Proof {
    foreign(&text).unwrap_or(Proof::Own(Signature {
        dialect: Dialect::OPENAI_RESPONSES,
        value: text,
    }))
}

fn foreign(text: &str) -> Option<Proof> {
    let (name, value) = text.strip_prefix(FOREIGN)?.split_once(':')?;
    if name == REDACTED {
        return Some(Proof::Redacted(value.to_owned()));
    }
    let (name, is_before) = match name.strip_suffix(BEFORE) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let dialect = TRAVELLERS
        .into_iter()
        .chain([Dialect::OPENAI_RESPONSES])
        .find(|known| known.as_str() == name)?;
    let signature = Signature {
        dialect,
        value: value.to_owned(),
    };
    Some(if is_before {
        Proof::Before(signature)
    } else {
        Proof::Own(signature)
    })
}

/// Writes the proof of reasoning.
pub(super) fn own(signature: &Signature) -> String {
    if signature.dialect == Dialect::OPENAI_RESPONSES {
        signature.value.clone()
    } else {
        format!("{FOREIGN}{}:{}", signature.dialect, signature.value)
    }
}

/// Writes the proof of what came just before.
pub(super) fn before(signature: &Signature) -> String {
    format!("{FOREIGN}{}{BEFORE}:{}", signature.dialect, signature.value)
}

/// Writes encrypted reasoning.
pub(super) fn redacted(data: &str) -> String {
    format!("{FOREIGN}{REDACTED}:{data}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proof_comes_back_and_knows_whose_it_is() {
        for (dialect, value) in [
            (Dialect::ANTHROPIC, "EqQBCkgIARABGAI="),
            (Dialect::GEMINI, "a:b"),
            (Dialect::OPENAI_RESPONSES, "gAAAAAB"),
        ] {
            let signature = Signature {
                dialect,
                value: value.to_owned(),
            };
            assert_eq!(read(own(&signature)), Proof::Own(signature.clone()));
            assert_eq!(read(before(&signature)), Proof::Before(signature));
        }
        assert_eq!(read(redacted("x:y")), Proof::Redacted("x:y".to_owned()));
        let unknown = "gateway:nobody:x".to_owned();
        assert!(
            matches!(read(unknown), Proof::Own(own) if own.dialect == Dialect::OPENAI_RESPONSES)
        );
    }
}
