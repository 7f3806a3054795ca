//! Forward proxies: which requests go through which, and the `CONNECT` handshake.
//!
//! The settings mirror the usual `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, but they arrive as values: this crate never
//! reads the environment.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_provider::{TransportError, TransportFault};
use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::ConfigError;
use crate::io::Io;
use crate::origin::{Place, Plainness};

/// The longest answer to `CONNECT` that is read.
const MAX_CONNECT_REPLY: usize = 16 * 1024;

/// One forward proxy. `Debug` does not show its credential.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) place: Place,
    pub(crate) authorization: Option<HeaderValue>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("place", &self.place)
            .field("authorization", &self.authorization.is_some())
            .finish()
    }
}

impl Proxy {
    fn parse(name: &'static str, text: &str) -> Result<Self, ConfigError> {
        let bad = |found| ConfigError::Proxy { name, found };
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: http::Uri = full.parse().map_err(|_| bad("something that is no URL"))?;
        let scheme = uri
            .scheme()
            .and_then(Plainness::of)
            .ok_or_else(|| bad("a scheme other than http and https"))?;
        let authority = uri.authority().ok_or_else(|| bad("no host"))?;
        let (user, host) = authority
            .as_str()
            .rsplit_once('@')
            .map_or((None, authority.as_str()), |(user, host)| {
                (Some(user), host)
            });
        let authority: http::uri::Authority = host.parse().map_err(|_| bad("no host"))?;
        let authorization = user
            .map(|user| {
                let mut value = HeaderValue::try_from(format!(
                    "Basic {}",
                    STANDARD.encode(percent_decode(user))
                ))
                .map_err(|_| bad("a credential that cannot be sent"))?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let mut place = Place::new(scheme, &authority);
        if authority.port().is_none() && scheme == Plainness::Plain {
            place.port = 80;
        }
        Ok(Self {
            place,
            authorization,
        })
    }
}

/// Undoes `%41`; a stray percent sign stays.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%'
            && let Some((pair, after)) = tail.split_at_checked(2)
            && let Ok(pair) = std::str::from_utf8(pair)
            && let Ok(decoded) = u8::from_str_radix(pair, 16)
        {
            out.push(decoded);
            rest = after;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    out
}

/// The proxies to use, by the scheme of the request, and the hosts that are reached directly.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone)]
enum Direct {
    All,
    Domain(Box<str>),
    Net(IpAddr, u8),
}

impl Proxies {
    /// Everything directly.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `http` requests through this proxy (`http://[user:password@]host:port`).
    ///
    /// # Errors
    /// [`ConfigError::Proxy`] when the text is not such a URL.
    pub fn with_http(mut self, url: &str) -> Result<Self, ConfigError> {
        self.http = Some(Proxy::parse("http proxy", url)?);
        Ok(self)
    }

    /// Sends `https` requests through this proxy, by `CONNECT`.
    ///
    /// # Errors
    /// [`ConfigError::Proxy`] when the text is not a proxy URL.
    pub fn with_https(mut self, url: &str) -> Result<Self, ConfigError> {
        self.https = Some(Proxy::parse("https proxy", url)?);
        Ok(self)
    }

    /// Reaches these directly: a list separated by commas of `*`, host names (which cover their subdomains), addresses and
    /// networks such as `10.0.0.0/8`.
    pub fn with_direct(mut self, list: &str) -> Self {
        self.direct
            .extend(list.split(',').filter_map(Direct::parse));
        self
    }

    /// The proxy for requests to `place`.
    pub(crate) fn of(&self, place: &Place) -> Option<&Proxy> {
        let proxy = match place.scheme {
            Plainness::Plain => self.http.as_ref(),
            Plainness::Tls => self.https.as_ref(),
        }?;
        let direct = self.direct.iter().any(|entry| entry.matches(&place.host));
        (!direct).then_some(proxy)
    }
}

impl Direct {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self::All);
        }
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok()),
            None => (entry, Some(u8::MAX)),
        };
        if let (Ok(address), Some(bits)) = (address.trim_matches(['[', ']']).parse(), bits) {
            return Some(Self::Net(address, bits));
        }
        let name = entry.trim_start_matches("*.").trim_start_matches('.');
        let name = name.split(':').next().unwrap_or(name);
        Some(Self::Domain(name.to_ascii_lowercase().into_boxed_str()))
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Domain(name) => host
                .strip_suffix(&**name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Self::Net(net, bits) => host
                .parse()
                .is_ok_and(|address| same_net(address, *net, *bits)),
        }
    }
}

/// Whether two addresses share their first `bits` bits.
fn same_net(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32_u32.saturating_sub(u32::from(bits));
            (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128_u32.saturating_sub(u32::from(bits));
            (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Asks the proxy at the other end of `io` for a tunnel to `target`.
///
/// # Errors
/// `Connect` when the proxy refuses, closes or does not speak HTTP.
pub(crate) async fn tunnel(
    mut io: Io,
    proxy: &Proxy,
    target: &Place,
) -> Result<Io, TransportError> {
    let fail = |what: String| {
        TransportError::new(
            TransportFault::Connect,
            format!("proxy {}: {what}", proxy.place),
        )
    };
    let to = target.host_port();
    let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(value) = &proxy.authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    io.write_all(&head)
        .await
        .map_err(|error| fail(error.to_string()))?;

    let mut reply = Vec::with_capacity(512);
    // One byte at a time at the end of the head would be needed to stop exactly there; a server that speaks first inside
    // the tunnel does not exist in HTTP, so anything after the blank line is a fault of the proxy.
    while !reply.ends_with(b"\r\n\r\n") {
        if reply.len() > MAX_CONNECT_REPLY {
            return Err(fail("its answer to CONNECT is too long".to_owned()));
        }
        let read = io
            .read_buf(&mut reply)
            .await
            .map_err(|error| fail(error.to_string()))?;
        if read == 0 {
            return Err(fail("closed before it answered CONNECT".to_owned()));
        }
    }
    let line = reply
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split(' ').nth(1).unwrap_or_default();
    if line.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        Ok(io)
    } else {
        Err(fail(format!("answered CONNECT with `{line}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::origin::Place;

    fn proxies() -> Proxies {
        Proxies::new()
            .with_http("plain.example:3128")
            .and_then(|p| p.with_https("http://user:p%40ss@secure.example"))
            .unwrap()
            .with_direct("localhost, .internal.example, 10.0.0.0/8,192.168.1.1,[::1]")
    }

    #[test]
    fn the_scheme_of_the_request_chooses_the_proxy() {
        let proxies = proxies();
        let of = |text: &str| {
            proxies
                .of(&Place::parse(text).unwrap())
                .map(|proxy| proxy.place.to_string())
        };
        assert_eq!(
            of("http://a.example").as_deref(),
            Some("http://plain.example:3128")
        );
        assert_eq!(
            of("https://a.example").as_deref(),
            Some("http://secure.example:80")
        );
    }

    #[test]
    fn direct_hosts_cover_subdomains_addresses_and_networks() {
        let proxies = proxies();
        let direct = |host: &str| {
            proxies
                .of(&Place::parse(&format!("http://{host}")).unwrap())
                .is_none()
        };
        for host in [
            "localhost",
            "internal.example",
            "a.internal.example",
            "10.200.3.4",
            "192.168.1.1",
            "[::1]",
        ] {
            assert!(direct(host), "{host}");
        }
        for host in ["notinternal.example", "11.0.0.1", "192.168.1.2", "[::2]"] {
            assert!(!direct(host), "{host}");
        }
    }

    #[test]
    fn a_credential_is_decoded_and_never_printed() {
        let proxies = proxies();
        let proxy = proxies.of(&Place::parse("https://a.example").unwrap());
        assert_eq!(
            proxy.unwrap().authorization.as_ref().unwrap(),
            "Basic dXNlcjpwQHNz"
        );
        assert!(!format!("{proxies:?}").contains("dXNlcjpwQHNz"));
        let error = Proxies::new()
            .with_http("socks5://user:hunter2@h")
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
