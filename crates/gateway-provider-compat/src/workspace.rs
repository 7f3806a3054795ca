//! Databricks workspaces: addresses, and tokens of service principals.
//!
//! Reference: <https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m>, read on 2026-11-21: a token of one hour
//! from `POST <host>/oidc/v1/token`, the id and the secret by HTTP basic authentication.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_provider::{Clock, Credential, Credentials, SendLimits, Transport, collect};
use gateway_schema::{CallError, ErrorKind, Retry, Secret};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde_json::Value;
use tokio::sync::Mutex;

/// A token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_mins(2);
/// What a token is good for if the answer does not say.
const LIFETIME: Duration = Duration::from_hours(1);
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The workspace of an address as people write it: with or without a scheme, with or without the path of the API.
pub(crate) fn host(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_suffix("/serving-endpoints").unwrap_or(text);
    if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    }
}

/// Where a model is asked: names of Unity Catalog (`catalog.schema.model`) go by the gateway of the workspace.
pub(crate) fn base(host: &str, model: &str) -> String {
    if model.bytes().filter(|byte| *byte == b'.').count() >= 2 {
        format!("{host}/ai-gateway/mlflow/v1")
    } else {
        format!("{host}/serving-endpoints")
    }
}

/// Fetches tokens of a service principal, one at a time, and keeps each until shortly before its end.
pub(crate) struct Principal {
    host: String,
    id: String,
    secret: Secret,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    limits: SendLimits,
    held: Mutex<Option<Held>>,
}

struct Held {
    credential: Arc<Credential>,
    until: SystemTime,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Principal {
    /// The principal `id` of the workspace at `host`.
    pub(crate) fn new(
        (host, id, secret): (String, String, Secret),
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        limits: SendLimits,
    ) -> Self {
        Self {
            host,
            id,
            secret,
            transport,
            clock,
            limits,
            held: Mutex::new(None),
        }
    }

    fn request(&self) -> Result<http::Request<Bytes>, CallError> {
        let pair = STANDARD.encode(format!("{}:{}", self.id, self.secret.expose()));
        let mut basic = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| unusable())?;
        basic.set_sensitive(true);
        let body = Bytes::from_static(b"grant_type=client_credentials&scope=all-apis");
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{}/oidc/v1/token", self.host)
            .parse()
            .map_err(|_| unusable())?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, basic);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        Ok(request)
    }

    async fn fetch(&self) -> Result<Held, CallError> {
        let sent = self.transport.send(self.request()?, self.limits).await;
        let (head, body) = sent?.into_parts();
        let body = collect(body, MAX_ANSWER_BYTES).await?;
        if !head.status.is_success() {
            let refused = head.status.is_client_error();
            let (kind, message) = if refused {
                (
                    ErrorKind::Unauthenticated,
                    "Databricks refused the service principal.",
                )
            } else {
                (
                    ErrorKind::Unavailable,
                    "Databricks gives no tokens at the moment.",
                )
            };
            return Err(CallError::upstream(kind, message)
                .with_retry(Retry::Elsewhere)
                .with_detail(format!("the token endpoint answered {}", head.status)));
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let token = answer
            .get("access_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty() && HeaderValue::from_str(token).is_ok());
        let Some(token) = token else {
            return Err(CallError::upstream(
                ErrorKind::Upstream,
                "Databricks' answer to the service principal holds no token.",
            )
            .with_retry(Retry::Elsewhere));
        };
        let lifetime = answer
            .get("expires_in")
            .and_then(Value::as_u64)
            .map_or(LIFETIME, |seconds| Duration::from_secs(seconds.min(86_400)));
        Ok(Held {
            credential: Arc::new(Credential::Key(Secret::new(token.to_owned()))),
            until: self.clock.now() + lifetime.saturating_sub(MARGIN),
        })
    }
}

fn unusable() -> CallError {
    CallError::gateway(
        ErrorKind::Internal,
        "The service principal's settings cannot be sent.",
    )
}

#[async_trait]
impl Credentials for Principal {
    async fn get(&self) -> Result<Arc<Credential>, CallError> {
        let mut held = self.held.lock().await;
        if let Some(known) = held.as_ref()
            && self.clock.now() < known.until
        {
            return Ok(Arc::clone(&known.credential));
        }
        let fresh = held.insert(self.fetch().await?);
        Ok(Arc::clone(&fresh.credential))
    }

    fn report(&self, credential: &Arc<Credential>, outcome: Result<(), &CallError>) {
        let refused = outcome.is_err_and(|error| error.kind() == ErrorKind::Unauthenticated);
        if refused
            && let Ok(mut held) = self.held.try_lock()
            && held
                .as_ref()
                .is_some_and(|known| Arc::ptr_eq(&known.credential, credential))
        {
            *held = None;
        }
    }
}
