//! `server.allowed_hosts` and `server.cors`: which names the gateway answers to, and which pages may call it.

use std::time::Duration;

use serde::Serialize;

use super::Context;
use super::effective::duration_text;
use crate::diagnostic::{Diagnostic, Kind, shown};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static CORS: Section = Section::new(
    "cross-origin requests",
    &[
        Key::required(
            "allow_origins",
            Shape::OneOrMany(&Shape::Text),
            "Origins whose pages may call: `https://app.example.com`, `https://*.example.com`, `http://localhost:*`, or \
             `*` for all.",
        ),
        Key::optional(
            "max_age",
            Shape::Duration,
            "How long a browser may remember the answer to a preflight. Default 10m.",
        ),
    ],
);

/// Which names the gateway answers to, and which pages may call it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Browsers {
    /// Host names, in lower case: `llm.example.com`, `llm.example.com:8443`, `*.example.com`, `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Pages of other origins that may call; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// Pages of other origins that may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cors {
    /// Origins, in lower case, as a browser spells them; `*` stands for all, for labels before a host, or for any port.
    pub allow_origins: Vec<String>,
    /// How long a browser may remember the answer to a preflight.
    #[serde(serialize_with = "duration_text")]
    pub max_age: Duration,
}

impl Cors {
    /// These origins, remembered for ten minutes.
    pub fn new(allow_origins: Vec<String>) -> Self {
        Self {
            allow_origins,
            max_age: Duration::from_mins(10),
        }
    }
}

/// Reads both keys of `server`.
pub(crate) fn read(server: &Item<'_>, context: &mut Context<'_>) -> Browsers {
    let hosts = server.get("allowed_hosts");
    let allowed_hosts = texts(hosts.as_ref(), is_host, HOST, context);
    let cors = server.get("cors").map(|item| {
        let origins = item.get("allow_origins");
        let mut cors = Cors::new(texts(origins.as_ref(), is_origin, ORIGIN, context));
        cors.max_age = item.duration_at("max_age").unwrap_or(cors.max_age);
        cors
    });
    Browsers {
        allowed_hosts,
        cors,
    }
}

const HOST: &str = "a host without a scheme and a path: `llm.example.com`, `llm.example.com:8443`, `*.example.com`, `*`";
const ORIGIN: &str = "an origin without a path: `https://app.example.com`, `https://*.example.com`, `http://localhost:*`, `*`";

fn texts(
    item: Option<&Item<'_>>,
    is_good: fn(&str) -> bool,
    allowed: &str,
    context: &mut Context<'_>,
) -> Vec<String> {
    let mut all = Vec::new();
    for one in item.map(Item::one_or_many).unwrap_or_default() {
        let Some(text) = one.text().map(str::to_ascii_lowercase) else {
            continue;
        };
        if is_good(&text) {
            all.push(text);
            continue;
        }
        let message = format!("`{}` cannot be matched", shown(&text));
        let diagnostic = Diagnostic::error(Kind::Value, one.place(), message)
            .at(&one.path)
            .allowed(allowed);
        context.problems.push(diagnostic);
    }
    all
}

fn is_origin(text: &str) -> bool {
    if matches!(text, "*" | "null") {
        return true;
    }
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    !scheme.is_empty() && scheme.bytes().all(is_scheme) && host != "*" && is_host(host)
}

/// A name, an address, either with a port or any port, or all names below one.
fn is_host(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| port == "*" || port.parse::<u16>().is_ok();
    if !port.is_none_or(is_port) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins_are_told_from_other_texts() {
        for good in [
            "*",
            "localhost",
            "llm.example.com:8443",
            "*.example.com",
            "10.0.0.1",
            "[::1]:5000",
            "[::1]",
            "a:*",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "", "http://a", "a/b", "a b", "*a", "a.*", "a:x", "[::1", "::1", "*.",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        for good in [
            "*",
            "null",
            "https://a.example",
            "http://localhost:*",
            "https://*.a.example:8443",
            "chrome-extension://abc",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "https://",
            "https://*",
            "https://a/",
            "https://a?b",
            "://a",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
