//! What a caller wants of the cache.

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// The cache of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheConfig {
    /// How long an answer is kept.
    pub ttl: Duration,
    /// Whether callers of different names share answers.
    pub shared: bool,
    /// What else decides the answer: answers of another scope are not found.
    pub scope: String,
}

impl CacheConfig {
    /// Keeps answers for `ttl`, each caller's apart.
    pub const fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            shared: false,
            scope: String::new(),
        }
    }

    /// Lets callers of different names share answers.
    pub const fn with_shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Keeps answers apart from those of another scope, such as another model behind the same name.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }
}

/// What a caller wants of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Neither read nor keep.
    Bypass,
    /// Ask anew, and keep.
    Refresh,
    /// Read what is at most this old.
    Read(Duration),
}

/// Reads the wish. What is not understood is not there.
pub(super) fn wish(headers: &HeaderMap) -> Wish {
    let mut wish = Wish::Read(Duration::MAX);
    for value in headers.get_all(super::entry::CACHE) {
        match value.as_bytes().trim_ascii() {
            word if word.eq_ignore_ascii_case(b"off") => return Wish::Bypass,
            word if word.eq_ignore_ascii_case(b"refresh") => wish = Wish::Refresh,
            _ => {}
        }
    }
    for value in headers.get_all(CACHE_CONTROL) {
        for word in value.to_str().unwrap_or_default().split(',') {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => return Wish::Bypass,
                "no-cache" => wish = Wish::Refresh,
                "max-age" => {
                    let seconds = value.trim().trim_matches('"').parse();
                    if let (Ok(seconds), Wish::Read(oldest)) = (seconds, wish) {
                        wish = match seconds {
                            0 => Wish::Refresh,
                            _ => Wish::Read(oldest.min(Duration::from_secs(seconds))),
                        };
                    }
                }
                _ => {}
            }
        }
    }
    wish
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_wish_is_read_from_its_headers() {
        let minute = Wish::Read(Duration::from_mins(1));
        for (name, value, expected) in [
            ("x-other", "x", Wish::Read(Duration::MAX)),
            ("cache-control", "no-store", Wish::Bypass),
            ("cache-control", "max-age=60, No-Store", Wish::Bypass),
            ("cache-control", "no-cache", Wish::Refresh),
            ("cache-control", "max-age=60", minute),
            ("cache-control", "max-age=0", Wish::Refresh),
            ("cache-control", "max-age=x", Wish::Read(Duration::MAX)),
            ("x-gateway-cache", "off", Wish::Bypass),
            ("x-gateway-cache", "Refresh", Wish::Refresh),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(wish(&headers), expected, "{name}: {value}");
        }
    }
}
