//! Where tokens come from, and how each source is asked.

use bytes::Bytes;
use gateway_provider::Environment;
use gateway_schema::{CallError, ErrorKind, Secret};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderName, Method};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::external::External;

pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const METADATA_HOST: &str = "metadata.google.internal";
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
/// How long an assertion is good for: the most that Google allows.
const ASSERTION_SECONDS: i64 = 3600;

/// An account.
pub(super) enum Source {
    /// A service account with its key.
    ServiceAccount {
        email: String,
        key_id: Option<String>,
        key: EncodingKey,
        token_uri: String,
    },
    /// A user, by gcloud.
    User {
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
        token_uri: String,
    },
    /// An account of another identity provider's.
    External(Box<External>),
    /// The machine's own account.
    Metadata { host: String },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ServiceAccount { email, .. } => {
                f.debug_tuple("ServiceAccount").field(email).finish()
            }
            Self::User { client_id, .. } => f.debug_tuple("User").field(client_id).finish(),
            Self::External(external) => external.fmt(f),
            Self::Metadata { host } => f.debug_tuple("Metadata").field(host).finish(),
        }
    }
}

/// What is wrong with credentials, as the rest of a sentence. Never holds a part of a key.
///
/// # Errors
/// The fault, if there is one.
pub(crate) fn check(text: &str) -> Result<(), String> {
    Source::read(text).map(|_| ())
}

impl Source {
    /// Reads what is configured, or looks for application default credentials.
    pub(super) fn find(
        configured: Option<&str>,
        environment: &dyn Environment,
    ) -> Result<Self, String> {
        if let Some(text) = configured {
            if text.trim_start().starts_with('{') {
                return Self::read(text).map_err(|fault| format!("vertex_credentials {fault}"));
            }
            let found = environment.read(text).ok_or_else(|| {
                "vertex_credentials must be JSON text or the path of a file that can be read."
                    .to_owned()
            })?;
            return Self::read(&found)
                .map_err(|fault| format!("the file that vertex_credentials names {fault}"));
        }
        if let Some(path) = environment.var("GOOGLE_APPLICATION_CREDENTIALS") {
            let found = environment.read(&path).ok_or_else(|| {
                "the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read.".to_owned()
            })?;
            return Self::read(&found).map_err(|fault| {
                format!("the file that GOOGLE_APPLICATION_CREDENTIALS names {fault}")
            });
        }
        let folder = environment
            .var("CLOUDSDK_CONFIG")
            .or_else(|| Some(format!("{}/.config/gcloud", environment.var("HOME")?)));
        let gcloud = folder.and_then(|folder| {
            environment.read(&format!("{folder}/application_default_credentials.json"))
        });
        if let Some(text) = gcloud {
            return Self::read(&text)
                .map_err(|fault| format!("gcloud's application_default_credentials.json {fault}"));
        }
        Ok(Self::Metadata {
            host: environment
                .var("GCE_METADATA_HOST")
                .unwrap_or_else(|| METADATA_HOST.to_owned()),
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("is not valid JSON (line {}).", error.line()))?;
        let field = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let needed = |name: &str| field(name).ok_or_else(|| format!("lacks the field {name}."));
        let token_uri = field("token_uri").unwrap_or_else(|| TOKEN_URI.to_owned());
        if !token_uri.starts_with("https://") && !token_uri.starts_with("http://") {
            return Err("has a token_uri that is not an http or https address.".to_owned());
        }
        match field("type").as_deref() {
            Some("service_account") => {
                let pem = Secret::new(needed("private_key")?);
                let key = EncodingKey::from_rsa_pem(pem.expose().as_bytes())
                    .map_err(|_| "has a private_key that is not an RSA key in PEM.".to_owned())?;
                Ok(Self::ServiceAccount {
                    email: needed("client_email")?,
                    key_id: field("private_key_id"),
                    key,
                    token_uri,
                })
            }
            Some("authorized_user") => Ok(Self::User {
                client_id: needed("client_id")?,
                client_secret: Secret::new(needed("client_secret")?),
                refresh_token: Secret::new(needed("refresh_token")?),
                token_uri,
            }),
            Some("external_account") => Ok(Self::External(Box::new(External::read(&value)?))),
            Some(other) => Err(format!(
                "is of type '{other}'; service_account, authorized_user and external_account are supported."
            )),
            None => Err("lacks the field type.".to_owned()),
        }
    }

    /// The request for a token at `now`, in seconds since 1970.
    pub(super) fn request(&self, now: i64) -> Result<http::Request<Bytes>, CallError> {
        match self {
            Self::ServiceAccount {
                email,
                key_id,
                key,
                token_uri,
            } => {
                let mut header = Header::new(Algorithm::RS256);
                header.kid.clone_from(key_id);
                let claims = json!({
                    "iss": email,
                    "scope": SCOPE,
                    "aud": token_uri,
                    "iat": now,
                    "exp": now.saturating_add(ASSERTION_SECONDS),
                });
                let assertion = jsonwebtoken::encode(&header, &claims, key).map_err(|error| {
                    unusable("The key of the service account cannot sign.")
                        .with_detail(error.to_string())
                })?;
                form(
                    token_uri,
                    &[
                        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                        ("assertion", &assertion),
                    ],
                )
            }
            Self::User {
                client_id,
                client_secret,
                refresh_token,
                token_uri,
            } => form(
                token_uri,
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                    ("refresh_token", refresh_token.expose()),
                ],
            ),
            Self::External(_) => Err(unusable("Federated accounts are asked in several steps.")),
            Self::Metadata { host } => {
                let mut request = to(&format!("http://{host}{METADATA_PATH}"), Bytes::new())?;
                *request.method_mut() = Method::GET;
                request
                    .headers_mut()
                    .insert(FLAVOR, HeaderValue::from_static("Google"));
                Ok(request)
            }
        }
    }
}

pub(super) fn unusable(message: &'static str) -> CallError {
    CallError::gateway(ErrorKind::Internal, message)
}

pub(super) fn to(uri: &str, body: Bytes) -> Result<http::Request<Bytes>, CallError> {
    let mut request = http::Request::new(body);
    *request.uri_mut() = uri.parse().map_err(|error: http::uri::InvalidUri| {
        unusable("The address of the token endpoint is not valid.").with_detail(error.to_string())
    })?;
    Ok(request)
}

pub(super) fn form(uri: &str, fields: &[(&str, &str)]) -> Result<http::Request<Bytes>, CallError> {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        escape(value, &mut body);
    }
    let mut request = to(uri, Bytes::from(body))?;
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    Ok(request)
}

/// A text with everything but letters, digits and `-._~` percent-encoded.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    escape(text, &mut out);
    out
}

/// Percent-encodes everything but letters, digits and `-._~`.
fn escape(text: &str, out: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}
