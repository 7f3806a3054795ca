//! Queries of requests that are passed on: a credential that stands in one ends here.

use std::borrow::Cow;

use gateway_provider::Presented;

use crate::router::percent_decoded;

/// Parameters that hold credentials, in lower case with `-` for `_`.
const CREDENTIALS: [&str; 26] = [
    "access-key",
    "access-token",
    "api-key",
    "api-token",
    "apikey",
    "auth",
    "auth-token",
    "authorization",
    "bearer",
    "bearer-token",
    "client-secret",
    "id-token",
    "key",
    "oauth-token",
    "ocp-apim-subscription-key",
    "refresh-token",
    "secret",
    "subscription-key",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-goog-api-key",
    "x-goog-credential",
    "x-goog-signature",
    "x-litellm-api-key",
];

/// A presented key that is shorter is looked for as a whole value only.
const MIN_KEY_BYTES: usize = 8;

/// How often a name or a value is decoded at most: once by the provider, and once by each proxy before it.
const MAX_DECODINGS: usize = 4;

/// The longest name of [`CREDENTIALS`], spelt as wastefully as [`MAX_DECODINGS`] decodings allow.
const MAX_NAME_BYTES: usize = 25 * 9;

/// `query` without parameters whose name, however it is spelt, is that of a credential, and without any that hold what
/// the caller presented. Everything else stays byte for byte.
pub(crate) fn without_credentials<'q>(
    query: &'q str,
    presented: Option<&Presented>,
) -> Cow<'q, str> {
    // A semicolon separates parameters, too, for older servers.
    let is_kept = |pair: &str| !pair.split(';').any(|part| is_credential(part, presented));
    if query.split('&').all(is_kept) {
        return Cow::Borrowed(query);
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| is_kept(pair)).collect();
    Cow::Owned(kept.join("&"))
}

fn is_credential(part: &str, presented: Option<&Presented>) -> bool {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let is_named = name.len() <= MAX_NAME_BYTES && {
        let plain = decoded(name).trim().to_ascii_lowercase().replace('_', "-");
        let plain = plain.split('[').next().unwrap_or_default();
        CREDENTIALS.binary_search(&plain).is_ok()
    };
    is_named
        || presented.is_some_and(|presented| {
            let key = presented.value.expose().as_str();
            [name, value].iter().any(|text| {
                let text = decoded(text);
                text == key || (key.len() >= MIN_KEY_BYTES && text.contains(key))
            })
        })
}

/// Percent-decoded until nothing is left to decode.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    for _ in 0..MAX_DECODINGS {
        let next = match percent_decoded(&text) {
            Cow::Borrowed(_) => return text,
            Cow::Owned(next) => next,
        };
        text = Cow::Owned(next);
    }
    text
}

/// `query` without the parameter `name`.
pub(crate) fn without(query: &str, name: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(name))
        .collect();
    kept.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted() {
        assert!(CREDENTIALS.is_sorted());
    }

    #[test]
    fn no_spelling_of_a_credential_goes_on() {
        for part in [
            "key=vk",
            "%6bey=vk",
            "%6Be%79=vk",
            "%256bey=vk",
            "%25256bey=vk",
            "KEY=vk",
            "+key=vk",
            "key+=vk",
            "key",
            "key%5B%5D=vk",
            "api_key=vk",
            "api-key=vk",
            "api%5fkey=vk",
            "apikey=vk",
            "access_token=vk",
            "x-goog-api-key=vk",
            "X-Amz-Signature=vk",
            "z=1;key=vk",
        ] {
            for (query, want) in [
                (part.to_owned(), ""),
                (format!("a=1&{part}"), "a=1"),
                (format!("{part}&alt=sse"), "alt=sse"),
                (format!("a=%2F&{part}&b&{part}"), "a=%2F&b"),
            ] {
                assert_eq!(without_credentials(&query, None), want, "{query}");
            }
        }
    }

    #[test]
    fn what_the_caller_presented_goes_on_under_no_name() {
        let presented = Presented::new("authorization", "vk-one-1");
        let clean = |query| without_credentials(query, Some(&presented)).into_owned();
        assert_eq!(clean("a=1&q=vk-one-1&b=2"), "a=1&b=2");
        assert_eq!(clean("q=Bearer+vk%2Done%2d1"), "");
        assert_eq!(clean("q=vk-two"), "q=vk-two");
    }

    #[test]
    fn other_parameters_stay_byte_for_byte() {
        for query in [
            "",
            "a",
            "=",
            "&&a=1",
            "api-version=2024-10-21&limit=5&after=file%2d1",
            "pageToken=abc&monkey=1&keys=2",
            "alt=sse&%zz=1",
        ] {
            assert!(matches!(
                without_credentials(query, None),
                Cow::Borrowed(same) if same == query
            ));
        }
    }
}
