//! Origins: scheme, host and port, where requests for one really go, and the map that redirects them.

use std::fmt;

use http::uri::{Authority, Scheme};

use crate::ConfigError;

/// The scheme of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Plainness {
    /// `http`: bytes go out as they are.
    Plain,
    /// `https`: bytes go through TLS.
    Tls,
}

impl Plainness {
    /// Reads a URI scheme; `None` for anything but `http` and `https`.
    pub(crate) fn of(scheme: &Scheme) -> Option<Self> {
        if *scheme == Scheme::HTTPS {
            Some(Self::Tls)
        } else if *scheme == Scheme::HTTP {
            Some(Self::Plain)
        } else {
            None
        }
    }

    pub(crate) const fn default_port(self) -> u16 {
        match self {
            Self::Plain => 80,
            Self::Tls => 443,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

/// A place to connect to: `scheme://host:port`.
///
/// The host is lower case and an IPv6 literal stands without its brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) scheme: Plainness,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl Place {
    /// The place a URI's scheme and authority name.
    pub(crate) fn new(scheme: Plainness, authority: &Authority) -> Self {
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(host);
        Self {
            scheme,
            host: host.to_ascii_lowercase().into_boxed_str(),
            port: authority
                .port_u16()
                .unwrap_or_else(|| scheme.default_port()),
        }
    }

    /// Reads `http[s]://host[:port][/]`; anything more (a path, a query, user information) is an error.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let scheme = Plainness::of(uri.scheme()?)?;
        let authority = uri.authority()?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        (bare && !authority.as_str().contains('@') && !authority.host().is_empty())
            .then(|| Self::new(scheme, authority))
    }

    /// `host:port`, with brackets around an IPv6 literal.
    pub(crate) fn host_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host_port())
    }
}

/// Which origins are sent elsewhere, for tests, rehearsals and recordings.
///
/// Only the address of the connection changes: path, query and `Host` header stay those of the original request, and
/// a redirected request never goes through a proxy. The first matching rule wins.
#[derive(Debug, Clone, Default)]
pub struct OriginOverrides {
    rules: Vec<(Option<Place>, Place)>,
}

impl OriginOverrides {
    /// No redirection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule `FROM=TO`: both are origins such as `https://api.openai.com`, FROM may be `*` for any.
    ///
    /// # Errors
    /// [`ConfigError::Override`] naming the rule when a side is not an origin.
    pub fn with_rule(mut self, rule: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Override {
            rule: rule.to_owned(),
        };
        let (from, to) = rule.split_once('=').ok_or_else(bad)?;
        let from = match from.trim() {
            "*" => None,
            origin => Some(Place::parse(origin).ok_or_else(bad)?),
        };
        let to = Place::parse(to.trim()).ok_or_else(bad)?;
        self.rules.push((from, to));
        Ok(self)
    }

    /// Where requests for `place` go instead, if anywhere.
    pub(crate) fn target(&self, place: &Place) -> Option<&Place> {
        self.rules
            .iter()
            .find(|(from, _)| from.as_ref().is_none_or(|from| from == place))
            .map(|(_, to)| to)
    }
}

#[cfg(test)]
mod tests {
    use super::{OriginOverrides, Place};

    #[test]
    fn origins_are_compared_with_their_default_ports_and_in_lower_case() {
        assert_eq!(
            Place::parse("https://API.example.com"),
            Place::parse("https://api.example.com:443/")
        );
        assert_ne!(
            Place::parse("http://api.example.com"),
            Place::parse("https://api.example.com")
        );
        assert_eq!(
            Place::parse("http://[::1]:8080").unwrap().host_port(),
            "[::1]:8080"
        );
    }

    #[test]
    fn what_is_more_than_an_origin_is_refused() {
        for text in [
            "https://a.example/path",
            "https://a.example?x=1",
            "https://user:secret@a.example",
            "ftp://a.example",
            "a.example",
            "",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_matching_override_wins_and_star_matches_any() {
        let map = OriginOverrides::new()
            .with_rule("https://api.openai.com=http://127.0.0.1:1")
            .and_then(|map| map.with_rule("*=http://127.0.0.1:2"))
            .unwrap();
        let target = |text: &str| {
            map.target(&Place::parse(text).unwrap())
                .map(ToString::to_string)
        };
        assert_eq!(
            target("https://api.openai.com").as_deref(),
            Some("http://127.0.0.1:1")
        );
        assert_eq!(
            target("http://other.example").as_deref(),
            Some("http://127.0.0.1:2")
        );
    }

    #[test]
    fn a_malformed_override_names_the_rule() {
        let error = OriginOverrides::new().with_rule("nonsense").unwrap_err();
        assert!(error.to_string().contains("nonsense"));
    }
}
