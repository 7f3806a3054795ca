//! Addresses, and how requests to them are authorised.

use bytes::Bytes;
use gateway_provider::{
    Credential, RawPath, RawRequest, bearer_header, secret_header, unversioned,
};
use gateway_schema::{CallError, ErrorKind, Retry};
use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::options::{Family, Vertex};

const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Where the models are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Site {
    /// AI Studio, by its base.
    Studio(String),
    /// Vertex AI: everything up to `publishers` or `endpoints`.
    Vertex(String),
}

impl Site {
    pub(crate) const fn studio(base: String) -> Self {
        Self::Studio(base)
    }

    /// The host of the location, which is `global` unless set; models as a service are in regions only.
    pub(crate) fn vertex(settings: &Vertex, family: Family) -> Self {
        let fallback = match family {
            Family::Maas => "us-central1",
            Family::Gemini | Family::Claude => "global",
        };
        let location = settings.location.as_deref().unwrap_or(fallback);
        let host = settings.base.clone().unwrap_or_else(|| match location {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            "eu" | "us" => format!("https://aiplatform.{location}.rep.googleapis.com"),
            region => format!("https://{region}-aiplatform.googleapis.com"),
        });
        Self::Vertex(format!(
            "{host}/v1/projects/{}/locations/{location}",
            settings.project
        ))
    }

    pub(crate) const fn is_vertex(&self) -> bool {
        matches!(self, Self::Vertex(_))
    }

    /// A method of a model.
    pub(crate) fn method(&self, publisher: &str, model: &str, method: &str) -> String {
        match self {
            Self::Studio(base) => format!("{base}/models/{model}:{method}"),
            Self::Vertex(base) => {
                format!("{base}/publishers/{publisher}/models/{model}:{method}")
            }
        }
    }

    /// The address of OpenAI's chat completions.
    pub(crate) fn openai(&self) -> String {
        match self {
            Self::Studio(base) => format!("{base}/openai/chat/completions"),
            Self::Vertex(base) => format!("{base}/endpoints/openapi/chat/completions"),
        }
    }

    /// A request that is passed on. At Vertex AI it stays in the configured project: its path may say project and
    /// location, or leave them out.
    pub(crate) fn pass(&self, raw: &RawRequest) -> Result<http::Request<Bytes>, CallError> {
        let query = raw.query.as_deref().map(without_credentials);
        let base = match self {
            Self::Studio(base) => return raw.at_with(unversioned(base), query.as_deref()),
            Self::Vertex(base) => base,
        };
        let (host, own) = base.split_once("/v1/").unwrap_or((base, ""));
        let path = raw.path.as_str();
        let (version, rest) = path.split_once('/').unwrap_or(("", path));
        let is_version = version.starts_with("v1");
        let project = own.split("/locations/").next().unwrap_or_default();
        let names_project = rest
            .strip_prefix(project)
            .is_some_and(|rest| rest.starts_with('/'));
        if is_version && names_project {
            return raw.at_with(host, query.as_deref());
        }
        let below = if is_version { rest } else { path };
        let mut inside = raw.clone();
        inside.path = RawPath::check(below)?;
        inside.at_with(base, query.as_deref())
    }

    /// Adds a key, or a token.
    pub(crate) fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
    ) -> Result<(), CallError> {
        let key = credential.key_for("Google")?;
        let headers = request.headers_mut();
        match self {
            Self::Studio(_) => headers.insert(API_KEY, secret_header(key.expose())?),
            Self::Vertex(_) => headers.insert(AUTHORIZATION, bearer_header(key.expose())?),
        };
        Ok(())
    }
}

/// A query without what Google takes for a credential.
fn without_credentials(query: &str) -> String {
    let is_credential = |pair: &&str| {
        matches!(
            pair.split('=').next(),
            Some("key" | "access_token" | "oauth_token")
        )
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_credential(pair))
        .collect();
    kept.join("&")
}

/// What a model cannot be asked, in MLflow's words: clients of its URLs know them.
pub(crate) fn not_here(what: &str, models: &str) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The {what} route is not implemented for {models} models."),
    )
    .with_status(501)
    .with_retry(Retry::Elsewhere)
}

/// Google's headers that a caller may choose. Not among them: credentials, and the project that pays.
pub(crate) fn forwards(header: &str) -> bool {
    ["x-goog-upload-", "x-vertex-ai-"]
        .iter()
        .any(|prefix| header.starts_with(prefix))
        || matches!(
            header,
            "x-goog-api-client"
                | "x-goog-fieldmask"
                | "x-goog-hash"
                | "x-goog-request-params"
                | "x-server-timeout"
        )
}
