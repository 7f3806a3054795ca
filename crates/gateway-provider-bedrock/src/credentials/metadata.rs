//! Credentials that the machine gives: ECS and EKS containers, EC2 instances (IMDSv2).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{Environment, Transport};
use gateway_schema::{CallError, Secret};
use gateway_sigv4::time;
use http::{Method, Uri};
use serde_json::Value;

use super::http::{self as exchange, Answer, refused};
use super::{Fresh, none, pair};

/// A machine that does not answer at once is none.
const CONNECT: Duration = Duration::from_secs(1);
const ECS: &str = "http://169.254.170.2";
const IMDS: &str = "http://169.254.169.254";
/// Hosts to which the token of a container may go without TLS.
const CONTAINER_HOSTS: [&str; 6] = [
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
    "127.0.0.1",
    "localhost",
    "[::1]",
];

/// The credentials of the container; `None` outside of one.
pub(super) async fn container(
    environment: &dyn Environment,
    transport: &Arc<dyn Transport>,
) -> Result<Option<Fresh>, CallError> {
    let address = if let Some(path) = environment.var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        format!("{ECS}{path}")
    } else if let Some(address) = environment.var("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        if !may_be_asked(&address) {
            return Err(none(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https address or one of this machine.",
            ));
        }
        address
    } else {
        return Ok(None);
    };
    let file = environment
        .var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        .and_then(|path| environment.read(&path));
    let token = file
        .or_else(|| environment.var("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        .map(|token| token.trim().to_owned());
    let headers: Vec<(&'static str, &str)> = token
        .as_deref()
        .map(|token| ("authorization", token))
        .into_iter()
        .collect();
    let request = exchange::request(Method::GET, &address, &headers, Bytes::new())?;
    let answer = exchange::send(transport, request, CONNECT).await?;
    read("The container's credential service", &answer).map(Some)
}

fn may_be_asked(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri
            .host()
            .is_some_and(|host| CONTAINER_HOSTS.contains(&host)),
        _ => false,
    }
}

/// The credentials of the instance's role; `None` outside of EC2, or when the instance has no role.
pub(super) async fn instance(
    environment: &dyn Environment,
    transport: &Arc<dyn Transport>,
) -> Result<Option<Fresh>, CallError> {
    let disabled = environment
        .var("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if disabled {
        return Ok(None);
    }
    let base = environment
        .var("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        .map_or_else(
            || IMDS.to_owned(),
            |address| address.trim_end_matches('/').to_owned(),
        );
    let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
    let uri = format!("{base}/latest/api/token");
    let request = exchange::request(Method::PUT, &uri, &ttl, Bytes::new())?;
    // Nobody there, or somebody else: this is no instance.
    let Ok(token) = exchange::send(transport, request, CONNECT).await else {
        return Ok(None);
    };
    if !token.status.is_success() {
        return Ok(None);
    }
    let headers = [("x-aws-ec2-metadata-token", token.text.trim())];
    let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
    let request = exchange::request(Method::GET, &roles, &headers, Bytes::new())?;
    let names = exchange::send(transport, request, CONNECT).await?;
    let Some(role) = names
        .text
        .lines()
        .next()
        .filter(|_| names.status.is_success())
    else {
        return Ok(None);
    };
    let uri = format!("{roles}{}", role.trim());
    let request = exchange::request(Method::GET, &uri, &headers, Bytes::new())?;
    let answer = exchange::send(transport, request, CONNECT).await?;
    read("The instance's metadata service", &answer).map(Some)
}

fn read(place: &str, answer: &Answer) -> Result<Fresh, CallError> {
    let value: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(id), Some(secret)) if answer.status.is_success() => {
            let until = text("Expiration").and_then(|text| time::read(&text));
            let token = text("Token").map(Secret::new);
            Ok(Fresh::new(pair(id, Secret::new(secret), token), until))
        }
        _ => Err(refused(place, answer)),
    }
}
