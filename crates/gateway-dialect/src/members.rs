//! What the members at the top of a request must be: checked on the envelope alone, without reading the request, so that a
//! request that cannot be right is refused in every lane before a provider is asked.
//!
//! Only members that the gateway reads itself are listed, and those without which there is no request. What else a member
//! must be is for whoever reads it to say.

use std::fmt;

use gateway_json::Envelope;
use gateway_schema::{CallError, FieldError};

/// Kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// A string.
    pub const TEXT: Self = Self(1);
    /// A number.
    pub const NUMBER: Self = Self(2);
    /// True or false.
    pub const FLAG: Self = Self(4);
    /// A list.
    pub const LIST: Self = Self(8);
    /// An object.
    pub const OBJECT: Self = Self(16);

    const NOUNS: [(Self, &'static str); 5] = [
        (Self::TEXT, "a string"),
        (Self::NUMBER, "a number"),
        (Self::FLAG, "true or false"),
        (Self::LIST, "a list"),
        (Self::OBJECT, "an object"),
    ];

    /// Either of two.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The kind of a value; `None` for null.
    fn of(value: &[u8]) -> Option<Self> {
        Some(match value.first()? {
            b'"' => Self::TEXT,
            b't' | b'f' => Self::FLAG,
            b'[' => Self::LIST,
            b'{' => Self::OBJECT,
            b'n' => return None,
            _ => Self::NUMBER,
        })
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nouns = Self::NOUNS.iter().filter(|(kind, _)| self.has(*kind));
        if let Some((_, first)) = nouns.next() {
            f.write_str(first)?;
        }
        nouns.try_for_each(|(_, noun)| write!(f, " or {noun}"))
    }
}

/// Whether a member must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Optional,
    /// Unless one of these is.
    Required(&'static [&'static str]),
}

/// What one member must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberShape {
    /// Its spellings, of which a request has one.
    names: &'static [&'static str],
    kinds: Kinds,
    need: Need,
}

impl MemberShape {
    /// A member without which there is no request.
    pub const fn required(names: &'static [&'static str], kinds: Kinds) -> Self {
        Self {
            names,
            kinds,
            need: Need::Required(&[]),
        }
    }

    /// A member that may be left out. `null` is the same as leaving it out.
    pub const fn optional(names: &'static [&'static str], kinds: Kinds) -> Self {
        Self {
            names,
            kinds,
            need: Need::Optional,
        }
    }

    /// It may be left out where one of these members is.
    #[must_use]
    pub const fn unless(mut self, others: &'static [&'static str]) -> Self {
        self.need = Need::Required(others);
        self
    }

    fn check(&self, text: &[u8], envelope: &Envelope, faults: &mut Vec<FieldError>) {
        let mut found = self
            .names
            .iter()
            .filter_map(|name| Some((*name, envelope.get(text, name)?)));
        let first = found.next();
        if let (Some((one, _)), Some((other, _))) = (first, found.next()) {
            let message = format!("stands beside `{one}`, which is another spelling of it");
            faults.push(FieldError::new(
                vec![other.into()],
                "ambiguous_member",
                message,
            ));
        }
        match first.and_then(|(name, value)| Some((name, Kinds::of(value)?))) {
            Some((_, kind)) if self.kinds.has(kind) => {}
            Some((name, kind)) => {
                let message = format!("expected {}, got {kind}", self.kinds);
                faults.push(FieldError::new(vec![name.into()], "invalid_type", message));
            }
            None => self.check_absent(text, envelope, faults),
        }
    }

    fn check_absent(&self, text: &[u8], envelope: &Envelope, faults: &mut Vec<FieldError>) {
        let (Need::Required(instead), Some(name)) = (self.need, self.names.first()) else {
            return;
        };
        let is_there = |name: &&str| envelope.get(text, name).and_then(Kinds::of).is_some();
        if !instead.iter().any(is_there) {
            let message = format!("required, but missing; expected {}", self.kinds);
            let code = "missing_required_parameter";
            faults.push(FieldError::new(vec![(*name).into()], code, message));
        }
    }
}

/// Checks that the members of a request are what `shapes` say. Nothing is decoded.
///
/// # Errors
/// [`CallError`] of origin client with every wrong field at once.
pub fn check(shapes: &[MemberShape], text: &[u8], envelope: &Envelope) -> Result<(), CallError> {
    let mut faults = Vec::new();
    for shape in shapes {
        shape.check(text, envelope, &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(CallError::fields(faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: &[MemberShape] = &[
        MemberShape::required(&["input"], Kinds::TEXT.or(Kinds::LIST)).unless(&["prompt"]),
        MemberShape::optional(&["config", "con_fig"], Kinds::OBJECT),
        MemberShape::optional(&["n"], Kinds::NUMBER),
    ];

    fn faults(text: &str) -> Vec<(String, String)> {
        let envelope = Envelope::scan(text.as_bytes()).unwrap();
        match check(SHAPES, text.as_bytes(), &envelope) {
            Ok(()) => Vec::new(),
            Err(error) => error
                .field_errors()
                .iter()
                .map(|fault| (fault.dotted(), fault.message.clone()))
                .collect(),
        }
    }

    #[test]
    fn members_of_the_right_kinds_are_a_request() {
        for text in [
            r#"{"input":"a"}"#,
            r#"{"input":[],"config":{},"n":1}"#,
            r#"{"input":"a","config":null,"n":null}"#,
            r#"{"prompt":{"id":"x"},"con_fig":{}}"#,
        ] {
            assert_eq!(faults(text), [], "{text}");
        }
    }

    #[test]
    fn every_wrong_member_is_named_with_what_was_found() {
        let wrong = faults(r#"{"input":7,"config":[],"con_fig":{},"n":"1"}"#);
        let expected = [
            ("input", "expected a string or a list, got a number"),
            (
                "con_fig",
                "stands beside `config`, which is another spelling of it",
            ),
            ("config", "expected an object, got a list"),
            ("n", "expected a number, got a string"),
        ];
        assert_eq!(
            wrong,
            expected.map(|(one, other)| (one.to_owned(), other.to_owned()))
        );
        for text in ["{}", r#"{"input":null,"prompt":null}"#] {
            let message = "required, but missing; expected a string or a list";
            assert_eq!(faults(text), [("input".to_owned(), message.to_owned())]);
        }
    }
}
