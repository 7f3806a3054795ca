//! Forward proxies of the environment, by the usual names.

use gateway_transport::{ConfigError, Proxies};

/// Reads `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, in lower case first. `HTTP_PROXY` in capitals counts
/// too: this is not a CGI program, where it would be a header of the caller's.
pub(crate) fn from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Proxies, ConfigError> {
    let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
    let all = either("all_proxy");
    let mut proxies = Proxies::new();
    if let Some(url) = either("http_proxy").or_else(|| all.clone()) {
        proxies = proxies.with_http(&url)?;
    }
    if let Some(url) = either("https_proxy").or(all) {
        proxies = proxies.with_https(&url)?;
    }
    if let Some(list) = either("no_proxy") {
        proxies = proxies.with_direct(&list);
    }
    Ok(proxies)
}
