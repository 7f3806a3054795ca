//! Names and origins, and patterns of them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A host without its port, and the port.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Names that lead to this machine whoever resolves them, and addresses: a page that was loaded from an address is the
/// page of whoever is there.
pub(super) fn is_own_name(host: &str) -> bool {
    let (name, _) = split(host);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if let Some(address) = name.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    name.parse::<Ipv4Addr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        // How containers call the machine they run on; nobody can register names below `internal`.
        || matches!(
            name.as_str(),
            "host.docker.internal" | "gateway.docker.internal" | "host.containers.internal"
        )
}

/// A name, all names below one, or any; with a port, any port, or none that matters.
#[derive(Debug, Clone)]
pub(super) enum HostPattern {
    Any,
    Name {
        name: String,
        port: Option<String>,
    },
    Below {
        suffix: String,
        port: Option<String>,
    },
}

impl HostPattern {
    pub(super) fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Self::Any;
        }
        let (name, port) = split(&text);
        let port = port.filter(|port| *port != "*").map(str::to_owned);
        match name.strip_prefix('*') {
            Some(suffix) => Self::Below {
                suffix: suffix.to_owned(),
                port,
            },
            None => Self::Name {
                name: name.to_owned(),
                port,
            },
        }
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        let (name, found) = split(host);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let fits = |port: &Option<String>| port.is_none() || port.as_deref() == found;
        match self {
            Self::Any => true,
            Self::Name { name: wanted, port } => name == *wanted && fits(port),
            Self::Below { suffix, port } => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str()) && fits(port)
            }
        }
    }
}

/// One origin, all origins below a name or with any port, or all.
#[derive(Debug, Clone)]
pub(super) enum OriginPattern {
    Any,
    Exact(String),
    Pattern {
        scheme: String,
        host: HostPattern,
        any_port: bool,
    },
}

impl OriginPattern {
    pub(super) fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.split_once("://") {
            _ if text == "*" => Self::Any,
            Some((scheme, host)) if host.contains('*') => Self::Pattern {
                scheme: scheme.to_owned(),
                any_port: split(host).1.is_some(),
                host: HostPattern::new(host),
            },
            _ => Self::Exact(text),
        }
    }

    pub(super) fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(known) => origin.eq_ignore_ascii_case(known),
            Self::Pattern {
                scheme,
                host,
                any_port,
            } => origin.split_once("://").is_some_and(|(found, rest)| {
                // Without a port in the pattern, the scheme's own is meant.
                found.eq_ignore_ascii_case(scheme)
                    && host.matches(rest)
                    && (*any_port || split(rest).1.is_none())
            }),
        }
    }
}
