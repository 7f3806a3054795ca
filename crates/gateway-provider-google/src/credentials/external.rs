//! Workload identity federation: a token of another identity provider's, exchanged for Google's.
//!
//! | `credential_source` | the other token |
//! |---|---|
//! | `file` | read anew each time, since whoever writes it replaces it (Kubernetes, GitHub, SPIFFE) |
//! | `url` | fetched with the given headers (Azure's and other metadata servers) |
//! | `environment_id: aws1` | a signed `GetCallerIdentity`, with keys of the environment or of the machine's metadata server |
//! | `executable`, `certificate` | refused: the gateway runs no programs, and shows no certificates for tokens |
//!
//! With `service_account_impersonation_url` what comes of it is exchanged once more, for a service account's token.
//! Reference: <https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers>,
//! <https://google.aip.dev/auth/4117>, google-auth 2.62 for Python, all read 2026-11-21.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gateway_provider::secret_header;
use gateway_schema::{CallError, Secret};
use gateway_sigv4::{KeyPair, Scope, sign, time};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::ask::{Asking, lifetime, refused};
use super::source::{SCOPE, form, quoted, to, unusable};

const STS: &str = "https://sts.googleapis.com/v1/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const TARGET: HeaderName = HeaderName::from_static("x-goog-cloud-target-resource");
const IMDS_TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const IMDS_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

/// An account of another identity provider's.
#[derive(Debug)]
pub(super) struct External {
    audience: String,
    token_type: String,
    token_url: String,
    user_project: Option<String>,
    impersonated: Option<Impersonated>,
    from: From,
}

#[derive(Debug)]
struct Impersonated {
    url: String,
    seconds: u64,
}

/// Where the other token comes from.
#[derive(Debug)]
enum From {
    File(String, Format),
    Url(String, Vec<(HeaderName, HeaderValue)>, Format),
    Aws(Box<Aws>),
}

/// Where the token stands in what was read: all of it, or a field of a JSON object.
#[derive(Debug)]
struct Format(Option<String>);

#[derive(Debug)]
struct Aws {
    verification: String,
    region: Option<String>,
    role: Option<String>,
    session: Option<String>,
}

/// Keys of AWS's.
struct Keys {
    id: String,
    secret: Secret,
    token: Option<Secret>,
}

impl External {
    /// Reads an account; the fault is the rest of a sentence.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let needed =
            |name: &str| text(value, name).ok_or_else(|| format!("lacks the field {name}."));
        if text(value, "client_id").is_some() {
            return Err("has a client_id; OAuth clients are not supported here.".to_owned());
        }
        let audience = needed("audience")?;
        let user_project = text(value, "workforce_pool_user_project");
        if user_project.is_some() && !audience.contains("/workforcePools/") {
            return Err(
                "has a workforce_pool_user_project, but its audience is no workforce pool."
                    .to_owned(),
            );
        }
        let domain = text(value, "universe_domain").unwrap_or_else(|| "googleapis.com".to_owned());
        let token_url = text(value, "token_url").unwrap_or_else(|| STS.to_owned());
        let impersonated = text(value, "service_account_impersonation_url").map(|url| {
            let options = value.get("service_account_impersonation");
            let seconds = options.and_then(|it| it.get("token_lifetime_seconds")?.as_u64());
            Impersonated {
                url,
                seconds: seconds.unwrap_or(3600),
            }
        });
        let external = Self {
            audience,
            token_type: needed("subject_token_type")?,
            token_url: token_url.replace("{universe_domain}", &domain),
            user_project,
            impersonated,
            from: From::read(value.get("credential_source").unwrap_or(&Value::Null))?,
        };
        let urls = [
            ("token_url", Some(&external.token_url)),
            (
                "service_account_impersonation_url",
                external.impersonated.as_ref().map(|it| &it.url),
            ),
        ];
        for (name, url) in urls {
            if url.is_some_and(|url| !is_address(url)) {
                return Err(format!(
                    "has a {name} that is not an http or https address."
                ));
            }
        }
        Ok(external)
    }

    /// A token, and when it expires.
    pub(super) async fn fetch(
        &self,
        asking: &Asking<'_>,
    ) -> Result<(Secret, SystemTime), CallError> {
        let subject = self.from.token(asking, &self.audience).await?;
        let options = self.user_project.as_ref().map(|project| {
            let text = json!({ "userProject": project }).to_string();
            quoted(&text)
        });
        let mut fields = vec![
            ("grant_type", GRANT),
            ("audience", self.audience.as_str()),
            ("scope", SCOPE),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject.expose().as_str()),
            ("subject_token_type", self.token_type.as_str()),
        ];
        if let Some(options) = &options {
            fields.push(("options", options));
        }
        let answer = asking.token(form(&self.token_url, &fields)?).await?;
        let token = Secret::new(text(&answer, "access_token").unwrap_or_default());
        match &self.impersonated {
            None => Ok((token, asking.now + lifetime(&answer))),
            Some(account) => account.fetch(asking, &token).await,
        }
    }
}

impl Impersonated {
    async fn fetch(
        &self,
        asking: &Asking<'_>,
        token: &Secret,
    ) -> Result<(Secret, SystemTime), CallError> {
        let body = json!({"scope": [SCOPE], "lifetime": format!("{}s", self.seconds)});
        let mut request = to(&self.url, Bytes::from(body.to_string()))?;
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let bearer = secret_header(&format!("Bearer {}", token.expose()))?;
        headers.insert(AUTHORIZATION, bearer);
        let answer = asking.json(request).await?;
        let Some(token) = text(&answer, "accessToken") else {
            return Err(refused(
                "Google gave no token for the service account that is impersonated.",
            ));
        };
        let asked = asking.now + Duration::from_secs(self.seconds.min(86_400));
        let expires = text(&answer, "expireTime").and_then(|text| time::read(&text));
        Ok((Secret::new(token), expires.unwrap_or(asked)))
    }
}

impl From {
    fn read(source: &Value) -> Result<Self, String> {
        let (file, url) = (text(source, "file"), text(source, "url"));
        if source.get("executable").is_some() {
            return Err(
                "gets its token from an executable, and the gateway runs none; let it write the token to a file, and name \
                 that as credential_source.file."
                    .to_owned(),
            );
        }
        if source.get("certificate").is_some() {
            return Err(
                "gets its token for a certificate, which is not supported; credential_source may be a file, a url or AWS."
                    .to_owned(),
            );
        }
        if let Some(environment) = text(source, "environment_id") {
            let verification = text(source, "regional_cred_verification_url");
            let (Some(verification), "aws1") = (verification, environment.as_str()) else {
                return Err(format!(
                    "has a credential_source of the environment '{environment}'; aws1 with a regional_cred_verification_url is \
                     supported."
                ));
            };
            return Ok(Self::Aws(Box::new(Aws {
                verification,
                region: text(source, "region_url"),
                role: url,
                session: text(source, "imdsv2_session_token_url"),
            })));
        }
        let format = Format::read(source.get("format").unwrap_or(&Value::Null))?;
        match (file, url) {
            (Some(file), None) => Ok(Self::File(file, format)),
            (None, Some(url)) if is_address(&url) => {
                let headers = source.get("headers").and_then(Value::as_object);
                let pairs = headers.into_iter().flatten().map(|(name, value)| {
                    let value = value.as_str().and_then(|text| HeaderValue::from_str(text).ok());
                    HeaderName::try_from(name).ok().zip(value).ok_or_else(|| {
                        format!("has the header '{name}' in credential_source.headers, which is not valid.")
                    })
                });
                Ok(Self::Url(url, pairs.collect::<Result<_, _>>()?, format))
            }
            (None, Some(_)) => {
                Err("has a credential_source.url that is not an http or https address.".to_owned())
            }
            (Some(_), Some(_)) => Err(
                "has both file and url in its credential_source; one of them is wanted.".to_owned(),
            ),
            (None, None) => {
                Err("lacks file, url or environment_id in its credential_source.".to_owned())
            }
        }
    }

    async fn token(&self, asking: &Asking<'_>, audience: &str) -> Result<Secret, CallError> {
        let token = match self {
            Self::File(path, format) => {
                let read = asking.environment.read(path);
                let read = read.ok_or_else(|| {
                    refused("The file with the token of the identity provider cannot be read.")
                        .with_detail(path.clone())
                })?;
                format.token(&read)
            }
            Self::Url(url, headers, format) => {
                let mut request = to(url, Bytes::new())?;
                request.headers_mut().extend(headers.iter().cloned());
                format.token(&asking.text(request).await?)
            }
            Self::Aws(aws) => Some(aws.token(asking, audience).await?),
        };
        token.map(Secret::new).ok_or_else(|| {
            refused("The identity provider's answer has no token where credential_source says.")
        })
    }
}

impl Format {
    fn read(format: &Value) -> Result<Self, String> {
        match text(format, "type").as_deref() {
            None | Some("text") => Ok(Self(None)),
            Some("json") => match text(format, "subject_token_field_name") {
                Some(name) => Ok(Self(Some(name))),
                None => Err("lacks credential_source.format.subject_token_field_name.".to_owned()),
            },
            Some(other) => Err(format!(
                "has the credential_source.format '{other}'; text and json are supported."
            )),
        }
    }

    fn token(&self, read: &str) -> Option<String> {
        let token = match &self.0 {
            None => read.trim().to_owned(),
            Some(name) => text(&serde_json::from_str(read).ok()?, name)?,
        };
        (!token.is_empty()).then_some(token)
    }
}

impl Aws {
    /// A request for AWS to say who asks, signed and written down for Google to send.
    async fn token(&self, asking: &Asking<'_>, audience: &str) -> Result<String, CallError> {
        let session = match &self.session {
            // Unless the environment says all that the machine would be asked for.
            Some(url) if region(asking).is_none() || keys(asking).is_none() => {
                let mut request = to(url, Bytes::new())?;
                *request.method_mut() = Method::PUT;
                let seconds = HeaderValue::from_static("300");
                request.headers_mut().insert(IMDS_TTL, seconds);
                Some(Secret::new(asking.text(request).await?))
            }
            _ => None,
        };
        let region = self.region(asking, session.as_ref()).await?;
        let keys = self.keys(asking, session.as_ref()).await?;
        let url = self.verification.replace("{region}", &region);
        let mut request = to(&url, Bytes::new())?;
        *request.method_mut() = Method::POST;
        let target = HeaderValue::from_str(audience)
            .map_err(|_| unusable("The audience cannot be written into a header."))?;
        request.headers_mut().insert(TARGET, target);
        let host = request.uri().authority().map(ToString::to_string);
        let host = host.and_then(|host| HeaderValue::try_from(host).ok());
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host);
        }
        let pair = KeyPair {
            id: &keys.id,
            secret: &keys.secret,
            token: keys.token.as_ref(),
        };
        let scope = Scope {
            region: &region,
            service: "sts",
        };
        sign(&mut request, pair, scope, asking.now)?;
        let headers: Vec<Value> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some(json!({"key": name.as_str(), "value": value.to_str().ok()?}))
            })
            .collect();
        let written = json!({"url": url, "method": "POST", "headers": headers});
        Ok(quoted(&written.to_string()))
    }

    async fn region(
        &self,
        asking: &Asking<'_>,
        session: Option<&Secret>,
    ) -> Result<String, CallError> {
        if let Some(region) = region(asking) {
            return Ok(region);
        }
        let url = self.region.as_ref().ok_or_else(|| {
            refused("No AWS region is known: set AWS_REGION, or region_url in credential_source.")
        })?;
        let zone = asking.text(of_machine(url, session)?).await?;
        // The zone `us-east-2b` is in the region `us-east-2`.
        let region = zone
            .trim()
            .trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        Ok(region.to_owned())
    }

    async fn keys(&self, asking: &Asking<'_>, session: Option<&Secret>) -> Result<Keys, CallError> {
        if let Some(keys) = keys(asking) {
            return Ok(keys);
        }
        let url = self.role.as_ref().ok_or_else(|| {
            refused("No AWS keys are known: set AWS_ACCESS_KEY_ID, or url in credential_source.")
        })?;
        let role = asking.text(of_machine(url, session)?).await?;
        let answer = asking
            .json(of_machine(&format!("{url}/{}", role.trim()), session)?)
            .await?;
        let id = text(&answer, "AccessKeyId");
        let secret = text(&answer, "SecretAccessKey");
        let (Some(id), Some(secret)) = (id, secret) else {
            return Err(refused("The machine's AWS role has no keys."));
        };
        Ok(Keys {
            id,
            secret: Secret::new(secret),
            token: text(&answer, "Token").map(Secret::new),
        })
    }
}

fn region(asking: &Asking<'_>) -> Option<String> {
    let variable = |name| asking.environment.var(name);
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

fn keys(asking: &Asking<'_>) -> Option<Keys> {
    let variable = |name| asking.environment.var(name);
    Some(Keys {
        id: variable("AWS_ACCESS_KEY_ID")?,
        secret: Secret::new(variable("AWS_SECRET_ACCESS_KEY")?),
        token: variable("AWS_SESSION_TOKEN").map(Secret::new),
    })
}

/// A question to the metadata server of a machine at AWS.
fn of_machine(url: &str, session: Option<&Secret>) -> Result<http::Request<Bytes>, CallError> {
    let mut request = to(url, Bytes::new())?;
    if let Some(session) = session {
        let value = secret_header(session.expose())?;
        request.headers_mut().insert(IMDS_TOKEN, value);
    }
    Ok(request)
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn is_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
