//! What a web page may make the browser of somebody near the gateway do.
//!
//! A page of any site can have a browser send requests to an address that only the browser reaches, such as
//! `127.0.0.1:5000`. Three checks stand against it, none of which concerns SDKs, since these send neither `Origin` nor
//! `Sec-Fetch-Site`:
//!
//! * A request that a page of another origin caused is refused, unless the origin is allowed. What the gateway answers
//!   itself to GET and HEAD is not refused: the browser does not let the page read it.
//! * A request whose `Host` is a name that the gateway is not called by is refused where anybody may call and the listener
//!   is reachable from this machine only: a name of somebody else's that leads here (DNS rebinding) makes a page of
//!   that name's one of ours.
//! * A body without `content-type` is not JSON when a browser sends it.
//!
//! Answers to allowed origins and to their preflights are those of the Fetch standard; credentials that a browser adds by
//! itself (cookies) are never asked for. The preflight is answered here and never passed on.

mod cors;
mod pattern;

#[cfg(test)]
mod tests;

use std::time::Duration;

use gateway_schema::{CallError, ErrorKind};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

pub(crate) use cors::{Preflight, show_to};
use pattern::{HostPattern, OriginPattern, is_own_name};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Put into the extensions of requests by a listener that only the machine itself can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback;

/// Which names the gateway is called by, and the pages of which origins may call it.
#[derive(Debug, Clone, Default)]
pub struct BrowserPolicy {
    hosts: Vec<HostPattern>,
    origins: Vec<OriginPattern>,
    max_age: Duration,
}

impl BrowserPolicy {
    /// No page of another origin may call; any name is ours, but on a [`Loopback`] listener where anybody may call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers to these names only, and to addresses and the machine's own names: `llm.example.com`,
    /// `llm.example.com:8443`, `*.example.com`, `*`.
    pub fn with_hosts<S: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts = hosts
            .into_iter()
            .map(|host| HostPattern::new(host.as_ref()))
            .collect();
        self
    }

    /// Lets pages of these origins call, and browsers remember it for `max_age`: `https://app.example.com`,
    /// `https://*.example.com`, `http://localhost:*`, `*`.
    pub fn with_origins<S: AsRef<str>>(
        mut self,
        origins: impl IntoIterator<Item = S>,
        max_age: Duration,
    ) -> Self {
        self.origins = origins
            .into_iter()
            .map(|origin| OriginPattern::new(origin.as_ref()))
            .collect();
        self.max_age = max_age;
        self
    }

    /// Looks at the head of a request.
    pub(crate) fn judge(&self, visit: &Visit<'_>) -> Verdict {
        let host = visit.host();
        if (visit.guards_names || !self.hosts.is_empty())
            && let Err(error) = self.check_host(host)
        {
            return Verdict::Refused(error);
        }
        let origin = visit.headers.get(ORIGIN);
        if let Some(origin) = origin.filter(|origin| self.allows(origin)) {
            return if visit.is_preflight() {
                Verdict::Preflight(Preflight::new(origin, visit.headers, self.max_age))
            } else {
                Verdict::Shown(origin.clone())
            };
        }
        let is_foreign = visit.is_foreign(origin, host);
        if is_foreign && !visit.is_harmless {
            return Verdict::Refused(cross_origin(origin));
        }
        Verdict::Ours
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    fn check_host(&self, host: Named<'_>) -> Result<(), CallError> {
        let host = match host {
            // HTTP/1.0; no browser.
            Named::Nothing => return Ok(()),
            Named::Several => "",
            Named::One(host) => host,
        };
        if is_own_name(host) || self.hosts.iter().any(|pattern| pattern.matches(host)) {
            return Ok(());
        }
        let message = "The request names a host that this gateway is not called by; add it to server.allowed_hosts if \
                       it is.";
        Err(CallError::client(ErrorKind::Forbidden, message).with_code("host_not_allowed"))
    }
}

/// The head of a request, as far as browsers are concerned.
pub(crate) struct Visit<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// Names of others are refused: anybody may call, and only from this machine.
    pub(crate) guards_names: bool,
    /// The gateway answers itself, and nothing comes of it.
    pub(crate) is_harmless: bool,
}

/// What to do with a request.
pub(crate) enum Verdict {
    /// Go on; no page of another origin sent it.
    Ours,
    /// Go on, and let pages of this origin read the answer.
    Shown(HeaderValue),
    /// Answer the preflight.
    Preflight(Preflight),
    /// Refuse.
    Refused(CallError),
}

/// The host that a request names.
#[derive(Clone, Copy)]
enum Named<'a> {
    Nothing,
    One(&'a str),
    /// More than one, or none that can be read.
    Several,
}

impl<'a> Visit<'a> {
    fn host(&self) -> Named<'a> {
        let mut named = self.headers.get_all(HOST).iter();
        match (self.uri.authority(), named.next(), named.next()) {
            (_, _, Some(_)) => Named::Several,
            (Some(authority), ..) => Named::One(authority.as_str()),
            (None, Some(host), None) => host.to_str().map_or(Named::Several, Named::One),
            (None, None, None) => Named::Nothing,
        }
    }

    fn is_preflight(&self) -> bool {
        *self.method == Method::OPTIONS
            && self.headers.contains_key(ORIGIN)
            && self.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Whether a page of another origin caused it. Pages cannot set these headers.
    fn is_foreign(&self, origin: Option<&HeaderValue>, host: Named<'_>) -> bool {
        let site = self.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        match (site, origin) {
            // `none`: somebody typed the address, or an extension sent it.
            (Some(b"same-origin" | b"none"), _) | (None, None) => false,
            (Some(_), _) => true,
            (None, Some(origin)) => !is_same(origin, host),
        }
    }
}

/// Whether a browser sent the request.
pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    [ORIGIN, SEC_FETCH_SITE, SEC_FETCH_MODE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// Whether the page was loaded from the host that it calls.
fn is_same(origin: &HeaderValue, host: Named<'_>) -> bool {
    let Named::One(host) = host else {
        return false;
    };
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|it| it.split_once("://")) else {
        return false;
    };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = host.strip_suffix(port).unwrap_or(host);
    authority.eq_ignore_ascii_case(host)
}

fn cross_origin(origin: Option<&HeaderValue>) -> CallError {
    let origin = origin.and_then(|it| it.to_str().ok()).unwrap_or("unknown");
    let shown: String = origin.chars().take(100).collect();
    let message = format!(
        "Pages of another origin ({shown}) may not call this gateway; server.cors.allow_origins lists those that may."
    );
    CallError::client(ErrorKind::Forbidden, message).with_code("cross_origin_request")
}
