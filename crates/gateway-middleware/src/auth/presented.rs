//! What a caller presents, without what is around it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_provider::Presented;

/// The key or token in a credential: all of it, or the password of `Basic`.
pub(super) fn bare(presented: &Presented) -> Cow<'_, str> {
    let value = presented.value.expose();
    match value.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic ") => {
            basic(rest.trim()).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        _ => Cow::Borrowed(value),
    }
}

/// The password; the user name where there is none.
fn basic(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(if password.is_empty() { user } else { password }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_credential_carries_the_key_as_its_password_or_its_user() {
        let of = |value: &str| bare(&Presented::new("authorization", value)).into_owned();
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(of("sk-1"), "sk-1");
        assert_eq!(of(&encoded("somebody:sk-1")), "sk-1");
        assert_eq!(of(&encoded("sk-1:")), "sk-1");
        assert_eq!(of(&encoded("a:b:c")), "b:c");
        assert_eq!(of("Basic ???"), "Basic ???");
        assert_eq!(of("Basic"), "Basic");
    }
}
