//! Roles: AssumeRole and AssumeRoleWithWebIdentity of AWS's Security Token Service.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateway_provider::{Clock, Credential, Deps, Transport};
use gateway_schema::{CallError, Secret};
use gateway_sigv4::{KeyPair, Scope, percent_encode, sign, time};
use http::Method;

use super::http::{self as exchange, refused};
use super::{Fresh, Source, none, pair};
use crate::options::Role;
use crate::place::Place;

const CONNECT: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The service in one region.
#[derive(Clone)]
pub(super) struct Sts {
    address: Option<String>,
    region: Option<String>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl Sts {
    pub(super) fn new(place: &Place, deps: &Deps) -> Self {
        Self {
            address: place.sts.clone(),
            region: place.region.clone(),
            transport: Arc::clone(&deps.transport),
            clock: Arc::clone(&deps.clock),
        }
    }

    /// Asks for the credentials of a role; signed if there are keys.
    async fn ask(
        &self,
        parameters: &[(&str, &str)],
        keys: Option<&Credential>,
    ) -> Result<Fresh, CallError> {
        let (Some(address), Some(region)) = (&self.address, &self.region) else {
            return Err(none(
                "An AWS role is assumed in a region: set aws_config.aws_region.",
            ));
        };
        let mut body = String::new();
        for (name, value) in parameters {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            percent_encode(value.as_bytes(), &mut body);
        }
        let headers = [("content-type", FORM)];
        let uri = format!("{address}/");
        let mut request = exchange::request(Method::POST, &uri, &headers, Bytes::from(body))?;
        if let Some(Credential::Aws {
            access_key_id,
            secret_access_key,
            session_token,
        }) = keys
        {
            let keys = KeyPair {
                id: access_key_id,
                secret: secret_access_key,
                token: session_token.as_ref(),
            };
            let service = "sts";
            sign(
                &mut request,
                keys,
                Scope { region, service },
                self.clock.now(),
            )?;
        }
        let answer = exchange::send(&self.transport, request, CONNECT).await?;
        if !answer.status.is_success() {
            let said = element(&answer.text, "Message").unwrap_or_default();
            let mut error = refused("AWS STS", &answer);
            if !said.is_empty() {
                error = error.with_detail(said);
            }
            return Err(error);
        }
        let part = |name: &str| element(&answer.text, name);
        let (Some(id), Some(secret)) = (part("AccessKeyId"), part("SecretAccessKey")) else {
            return Err(refused("AWS STS", &answer));
        };
        let until = part("Expiration").and_then(|text| time::read(&text));
        let token = part("SessionToken").map(Secret::new);
        Ok(Fresh::new(pair(id, Secret::new(secret), token), until))
    }
}

/// The text of the first element of this name. What is looked for here has no attributes and no entities that matter.
fn element(xml: &str, name: &str) -> Option<String> {
    let open = format!("<{name}>");
    let start = xml.find(&open)? + open.len();
    let rest = xml.get(start..)?;
    let end = rest.find("</")?;
    let text = rest.get(..end)?.trim();
    Some(
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// Assumes a role with the credentials of another source.
pub(super) struct AssumeRole {
    role: Role,
    base: Arc<dyn Source>,
    sts: Sts,
}

impl AssumeRole {
    pub(super) fn new(role: Role, base: Arc<dyn Source>, sts: Sts) -> Self {
        Self { role, base, sts }
    }
}

#[async_trait]
impl Source for AssumeRole {
    async fn fetch(&self) -> Result<Option<Fresh>, CallError> {
        let Some(base) = self.base.fetch().await? else {
            return Ok(None);
        };
        if !matches!(*base.credential, Credential::Aws { .. }) {
            return Err(none(
                "A role is assumed with an AWS key pair; a Bedrock API key was found.",
            ));
        }
        let seconds = self.role.seconds.to_string();
        let mut parameters = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.role.arn.as_str()),
            ("RoleSessionName", self.role.session.as_str()),
            ("DurationSeconds", seconds.as_str()),
        ];
        if let Some(id) = &self.role.external_id {
            parameters.push(("ExternalId", id));
        }
        self.sts
            .ask(&parameters, Some(&base.credential))
            .await
            .map(Some)
    }
}

/// Assumes a role with a token of an identity provider (EKS, CI), which proves itself.
pub(super) async fn web_identity(
    sts: &Sts,
    arn: &str,
    session: &str,
    token: &str,
) -> Result<Fresh, CallError> {
    let parameters = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", arn),
        ("RoleSessionName", session),
        ("WebIdentityToken", token),
    ];
    sts.ask(&parameters, None).await
}
