//! Judges the `api_base` of a secret when it is written. Texts as MLflow has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::{AdminError, Policy};

/// The address to store: trimmed; `None` for a blank one, which counts as absent.
///
/// # Errors
/// The scheme is not allowed, there is no host, user information is in it, the host is a spelling of an address that is
/// not the usual one, or it leads to an address that is not public while that is not allowed.
pub(crate) async fn check(text: &str, policy: &Policy) -> Result<Option<String>, AdminError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (scheme, host) = parts(text, policy)?;
    let _ = scheme;
    if !policy.private_addresses {
        public(&host, policy).await?;
    }
    Ok(Some(text.to_owned()))
}

fn parts(text: &str, policy: &Policy) -> Result<(String, String), AdminError> {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let scheme = scheme.to_ascii_lowercase();
    if !policy.schemes.contains(&scheme) {
        let allowed: Vec<String> = policy.schemes.iter().map(|it| format!("'{it}'")).collect();
        return Err(AdminError::Invalid(format!(
            "Invalid Gateway secret api_base scheme: '{scheme}'. Allowed schemes are: {}.",
            allowed.join(", ")
        )));
    }
    let no_host = || {
        AdminError::Invalid(format!(
            "Gateway secret api_base must include a hostname: '{text}'"
        ))
    };
    let behind = text.split_once("://").map_or("", |(_, behind)| behind);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(no_host());
    }
    if authority.contains('@') {
        return Err(AdminError::Invalid(
            "Gateway secret api_base must not include credentials.".to_owned(),
        ));
    }
    let uri: Uri = text.parse().map_err(|_| no_host())?;
    let host = uri
        .host()
        .filter(|host| !host.is_empty())
        .ok_or_else(no_host)?;
    Ok((scheme, host.trim_matches(['[', ']']).to_ascii_lowercase()))
}

async fn public(host: &str, policy: &Policy) -> Result<(), AdminError> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) if looks_numeric(host) => {
            return Err(AdminError::Invalid(format!(
                "Gateway secret api_base host '{host}' is not a canonical IP address literal."
            )));
        }
        Err(_) => policy.resolver.resolve(host).await,
    };
    match addresses.into_iter().find(|address| !is_public(*address)) {
        None => Ok(()),
        Some(address) => Err(AdminError::Invalid(format!(
            "Gateway secret api_base must not resolve to a non-public IP address. '{host}' resolves to {address}."
        ))),
    }
}

/// Forms that resolvers take for addresses though they are not written as one: `127.1`, `0x7f000001`, `2130706433`.
fn looks_numeric(host: &str) -> bool {
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or(host);
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for addresses of the public network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared address space (RFC 6598), protocol assignments, benchmarks.
        || a == 100 && (64..128).contains(&b)
        || (a, b, c) == (192, 0, 0)
        || a == 198 && (b == 18 || b == 19);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // Documentation; IPv4 in other clothes: NAT64, 6to4, Teredo.
        || (first, second) == (0x2001, 0xdb8)
        || (first, second) == (0x64, 0xff9b)
        || first == 0x2002
        || (first, second) == (0x2001, 0);
    !special
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Resolve;

    struct Loopback;

    #[async_trait::async_trait]
    impl Resolve for Loopback {
        async fn resolve(&self, _host: &str) -> Vec<IpAddr> {
            vec![
                IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34)),
                IpAddr::V4(Ipv4Addr::LOCALHOST),
            ]
        }
    }

    fn policy(schemes: &[&str]) -> Policy {
        Policy {
            providers: None,
            schemes: schemes.iter().map(|it| (*it).to_owned()).collect(),
            private_addresses: false,
            resolver: Arc::new(Loopback),
        }
    }

    async fn refusal(text: &str) -> String {
        check(text, &policy(&["https"]))
            .await
            .unwrap_err()
            .to_string()
    }

    #[tokio::test]
    async fn every_way_to_a_private_address_is_refused() {
        for host in [
            "127.0.0.1",
            "10.0.0.5",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[fd00::1]",
            "100.64.0.1",
            "0.0.0.0",
            "192.168.0.1:8000",
            "[64:ff9b::a00:1]",
            "localhost",
            "rebinding.example",
        ] {
            let said = refusal(&format!("https://{host}/v1")).await;
            assert!(said.contains("non-public IP address"), "{host}: {said}");
        }
        for host in ["127.1", "2130706433", "0x7f000001", "0x7f.1", "10.0.0.5."] {
            let said = refusal(&format!("https://{host}/v1")).await;
            assert!(
                said.contains("canonical") || said.contains("non-public"),
                "{host}: {said}"
            );
        }
    }

    #[tokio::test]
    async fn texts_are_those_of_mlflow() {
        assert_eq!(
            refusal("http://example.com").await,
            "Invalid Gateway secret api_base scheme: 'http'. Allowed schemes are: 'https'."
        );
        assert_eq!(
            refusal("https:///v1").await,
            "Gateway secret api_base must include a hostname: 'https:///v1'"
        );
        assert!(
            refusal("https://user:pw@example.com")
                .await
                .contains("credentials")
        );
        assert_eq!(check("  ", &policy(&["https"])).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_public_address_passes() {
        let text = " https://93.184.216.34/v1 ";
        let checked = check(text, &policy(&["https"])).await.unwrap();
        assert_eq!(checked.as_deref(), Some(text.trim()));
    }
}
