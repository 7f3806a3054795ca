//! What a token whose signature is good says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gateway_provider::Principal;
use serde_json::{Map, Value};

use super::key_set::KeySet;
use crate::auth::policy::TokenFault;

/// By how much clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// An issuer of tokens, and what its tokens must say.
#[derive(Clone)]
pub struct Issuer {
    pub(super) name: String,
    pub(super) keys: Arc<KeySet>,
    audience: Vec<String>,
    claims: BTreeMap<String, Vec<String>>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A token that is good, and when.
pub(super) struct Admitted {
    pub(super) principal: Principal,
    /// In seconds since 1970, leeway included.
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Issuer {
    /// Takes tokens whose `iss` is `name`, that are signed by one of `keys`, for one of `audience`.
    pub fn new(name: impl Into<String>, keys: Arc<KeySet>, audience: Vec<String>) -> Self {
        Self {
            name: name.into(),
            keys,
            audience,
            claims: BTreeMap::new(),
        }
    }

    /// Takes facts about the caller from claims: name to the path of a claim.
    pub fn with_claims(mut self, claims: BTreeMap<String, Vec<String>>) -> Self {
        self.claims = claims;
        self
    }

    /// Whom the claims are about, if they are good at `now` (seconds since 1970).
    pub(super) fn admit(
        &self,
        claims: &Map<String, Value>,
        now: i64,
    ) -> Result<Admitted, TokenFault> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.name.as_str()) {
            return Err(TokenFault::Issuer(String::new()));
        }
        if !self.is_for_us(claims.get("aud")) {
            return Err(TokenFault::Audience);
        }
        let until = claims
            .get("exp")
            .and_then(seconds)
            .map(|at| at.saturating_add(LEEWAY))
            .filter(|until| now < *until)
            .ok_or(TokenFault::Expired)?;
        let from = match claims.get("nbf") {
            None | Some(Value::Null) => i64::MIN,
            Some(at) => seconds(at)
                .map(|at| at.saturating_sub(LEEWAY))
                .filter(|from| *from <= now)
                .ok_or(TokenFault::Early)?,
        };
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .filter(|subject| !subject.is_empty())
            .ok_or(TokenFault::Subject)?;
        let mut principal = Principal::trusted();
        // With the issuer, so that nobody can choose a subject that is called like a key or like somebody elsewhere.
        principal.name = Some(format!("{}#{subject}", self.name).into());
        principal.user = Some(subject.into());
        principal.metadata = Arc::new(self.facts(claims));
        Ok(Admitted {
            principal,
            from,
            until,
        })
    }

    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let ours = |one: &Value| {
            let name = one.as_str();
            name.is_some_and(|name| self.audience.iter().any(|our| our == name))
        };
        match audience {
            Some(Value::Array(several)) => several.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        }
    }

    fn facts(&self, claims: &Map<String, Value>) -> Map<String, Value> {
        let mut facts = Map::new();
        for (name, path) in &self.claims {
            let mut steps = path.iter();
            let first = steps.next().and_then(|step| claims.get(step));
            let found = first.and_then(|first| steps.try_fold(first, |at, step| at.get(step)));
            if let Some(value) = found.filter(|value| !value.is_null()) {
                facts.insert(name.clone(), value.clone());
            }
        }
        facts
    }
}

/// A moment as tokens state it: a number of seconds, perhaps with a fraction.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked; fractions do not matter"
    )]
    let whole = |number: f64| (number.abs() < 1e15).then_some(number as i64);
    value.as_i64().or_else(|| whole(value.as_f64()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 10_000;

    fn issuer() -> Issuer {
        let claims = [
            ("team".to_owned(), vec!["org".to_owned(), "team".to_owned()]),
            ("absent".to_owned(), vec!["nothing".to_owned()]),
        ];
        Issuer::new("https://idp", KeySet::empty(), vec!["gateway".to_owned()])
            .with_claims(claims.into())
    }

    fn admit(change: &Value) -> Result<Principal, TokenFault> {
        let mut claims = json!({
            "iss": "https://idp", "aud": ["other", "gateway"], "sub": "alice", "exp": NOW + 10,
            "org": {"team": "a"},
        });
        for (key, value) in change.as_object().unwrap() {
            claims[key] = value.clone();
        }
        let admitted = issuer().admit(claims.as_object().unwrap(), NOW)?;
        Ok(admitted.principal)
    }

    #[test]
    fn a_good_token_says_who_and_what() {
        let principal = admit(&json!({})).unwrap();
        assert_eq!(principal.name.as_deref(), Some("https://idp#alice"));
        assert_eq!(principal.user.as_deref(), Some("alice"));
        assert_eq!(
            Value::Object((*principal.metadata).clone()),
            json!({"team": "a"})
        );
    }

    #[test]
    fn every_claim_is_looked_at() {
        let table = [
            (json!({"aud": "gateway"}), None),
            (json!({"aud": "other"}), Some(TokenFault::Audience)),
            (json!({"aud": null}), Some(TokenFault::Audience)),
            (json!({"exp": NOW - 59}), None),
            (json!({"exp": NOW - 60}), Some(TokenFault::Expired)),
            (json!({"exp": null}), Some(TokenFault::Expired)),
            (json!({"exp": "tomorrow"}), Some(TokenFault::Expired)),
            (json!({"exp": 1e30}), Some(TokenFault::Expired)),
            (json!({"exp": 10_000.5}), None),
            (json!({"nbf": NOW + 60}), None),
            (json!({"nbf": NOW + 61}), Some(TokenFault::Early)),
            (json!({"nbf": "later"}), Some(TokenFault::Early)),
            (json!({"sub": ""}), Some(TokenFault::Subject)),
            (json!({"sub": 7}), Some(TokenFault::Subject)),
            (
                json!({"iss": "https://evil"}),
                Some(TokenFault::Issuer(String::new())),
            ),
        ];
        for (change, expected) in table {
            assert_eq!(admit(&change).err(), expected, "{change}");
        }
    }
}
