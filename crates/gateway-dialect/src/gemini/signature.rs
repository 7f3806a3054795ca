//! Proofs: `thoughtSignature` on any part.
//!
//! The field holds bytes in base64, and Google's clients decode it. A proof of another provider's therefore travels as
//! base64 of `gateway:<dialect>:<proof>`; Google's own never begin so.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gateway_schema::Dialect;
use gateway_schema::chat::Signature;

use crate::proofs::Proofs;

/// Google's documented stand-in for calls that a Gemini 3 model did not make itself.
pub(super) const SKIP: &str = "skip_thought_signature_validator";

/// How wrapped proofs begin in base64, as far as it does not depend on what follows.
const FOREIGN_BASE64: &str = "Z2F0ZXdheT";

/// Proofs inside the bytes of a `thoughtSignature`.
const PROOFS: Proofs = Proofs {
    own: Dialect::GEMINI,
    travellers: &[
        Dialect::OPENAI,
        Dialect::OPENAI_RESPONSES,
        Dialect::ANTHROPIC,
        Dialect::BEDROCK,
    ],
};

/// Reads a proof: Gemini's own, or one that [`write`] wrapped.
pub(super) fn read(text: String) -> Signature {
    unwrapped(&text).unwrap_or(Signature {
        dialect: Dialect::GEMINI,
        value: text,
    })
}

fn unwrapped(text: &str) -> Option<Signature> {
    if !text.starts_with(FOREIGN_BASE64) {
        return None;
    }
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    PROOFS.foreign(&text, "")
}

/// Writes a proof for a client, which sends it back with the next turn.
pub(super) fn write(signature: &Signature) -> String {
    if signature.dialect == Dialect::GEMINI {
        signature.value.clone()
    } else {
        STANDARD.encode(PROOFS.write(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_proofs_come_back_and_own_ones_stay() {
        for (dialect, value) in [
            (Dialect::ANTHROPIC, "EqQBCkgIARABGAI="),
            (Dialect::OPENAI_RESPONSES, "a:b"),
            (Dialect::GEMINI, "CiQB"),
        ] {
            let signature = Signature {
                dialect,
                value: value.to_owned(),
            };
            let written = write(&signature);
            assert!(STANDARD.decode(&written).is_ok());
            assert_eq!(read(written), signature);
        }
        assert_eq!(read(SKIP.to_owned()).dialect, Dialect::GEMINI);
    }
}
