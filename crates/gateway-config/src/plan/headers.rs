//! `headers`: what is added to every request that goes to a provider.

use gateway_schema::Secret;

use super::context::Context;
use super::resolve::{Reach, secret_item};
use crate::diagnostic::{Diagnostic, Kind, shown};
use crate::file::check::is_header_name;
use crate::file::item::{Item, Pair};

/// Headers that belong to one connection or to the body as it is sent: the transport alone sets them.
const RESERVED: [&str; 14] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers in which callers show who they are to the gateway.
const CREDENTIALS: [&str; 5] = [
    "api-key",
    "authorization",
    "cookie",
    "x-api-key",
    "x-goog-api-key",
];

/// A header field: its name in lower case, its value as a secret, since many are.
pub type Header = (String, Secret);

pub(crate) fn read(item: Option<&Item<'_>>, context: &mut Context<'_>) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    for pair in item.map(Item::pairs).unwrap_or_default() {
        let name = pair.key.to_ascii_lowercase();
        if !check_name(&pair, &name, &headers, context) {
            continue;
        }
        let Some(value) = secret_item(&pair.item, Reach::NoFile, context) else {
            continue;
        };
        if value.expose().chars().any(|c| c.is_control() && c != '\t') {
            let message = "the value of a header must not hold control characters";
            refuse(&pair, message, context);
            continue;
        }
        headers.push((name, value));
    }
    headers
}

/// A list of names of headers that callers send, in lower case.
pub(crate) fn read_names(item: Option<&Item<'_>>, context: &mut Context<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for one in item.map(Item::one_or_many).unwrap_or_default() {
        let Some(name) = one.text().map(str::to_ascii_lowercase) else {
            continue;
        };
        let problem = if !is_header_name(&name) {
            "is not the name of an HTTP header"
        } else if RESERVED.contains(&name.as_str()) {
            "belongs to the connection and cannot be passed on"
        } else if CREDENTIALS.contains(&name.as_str()) {
            "holds a credential of the caller's and is never passed on"
        } else {
            if !names.contains(&name) {
                names.push(name);
            }
            continue;
        };
        let message = format!("`{}` {problem}", shown(&name));
        let diagnostic = Diagnostic::error(Kind::Value, one.place(), message).at(&one.path);
        context.problems.push(diagnostic);
    }
    names
}

fn check_name(pair: &Pair<'_>, name: &str, headers: &[Header], context: &mut Context<'_>) -> bool {
    if !is_header_name(name) {
        let message = format!("`{}` is not the name of an HTTP header", shown(pair.key));
        refuse(pair, &message, context);
        return false;
    }
    if RESERVED.contains(&name) {
        let message = format!("the header `{name}` belongs to the connection and cannot be set");
        refuse(pair, &message, context);
        return false;
    }
    if headers.iter().any(|(known, _)| known == name) {
        let message = format!("the header `{name}` stands here twice; case makes no difference");
        refuse(pair, &message, context);
        return false;
    }
    true
}

fn refuse(pair: &Pair<'_>, message: &str, context: &mut Context<'_>) {
    let diagnostic =
        Diagnostic::error(Kind::Value, pair.key_place, message).at_shown(&pair.item.path);
    context.problems.push(diagnostic);
}
