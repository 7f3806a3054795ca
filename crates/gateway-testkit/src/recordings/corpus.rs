//! Real exchanges with LLM providers, one JSON file each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use bytes::Bytes;
use serde_json::Value;

use super::{json_files, say_skipped, workspace};

/// The corpus of provider traffic: a folder per provider.
#[derive(Debug, Clone)]
pub struct Corpus(PathBuf);

impl Corpus {
    /// The corpus beside the workspace (`<workspace>/../shared/corpus`), if it is there.
    pub fn open() -> Option<Self> {
        Self::open_at(&workspace().join("../shared/corpus"))
    }

    /// The corpus in `folder`, if it is there.
    pub fn open_at(folder: &Path) -> Option<Self> {
        folder.is_dir().then(|| Self(folder.to_owned()))
    }

    /// As [`open`](Self::open), and says on stderr that a test is skipped where there is none.
    pub fn open_or_say_skipped() -> Option<Self> {
        let corpus = Self::open();
        if corpus.is_none() {
            say_skipped("corpus");
        }
        corpus
    }

    /// The exchanges of one provider with one operation (`chat`, `messages`, `generate_content`, ...), by name.
    pub fn exchanges(&self, provider: &str, operation: &str) -> Vec<Exchange> {
        let mut all = self.all_of(provider);
        all.retain(|exchange| exchange.operation == operation);
        all
    }

    /// All exchanges of one provider, by name.
    pub fn all_of(&self, provider: &str) -> Vec<Exchange> {
        json_files(&self.0.join(provider))
            .iter()
            .filter_map(|(name, value)| Exchange::read(name, value))
            .collect()
    }

    /// The providers that have a folder, by name.
    pub fn providers(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}

/// One recorded exchange.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The file, without ending.
    pub name: String,
    /// Where the recording comes from.
    pub source: String,
    /// Who answered.
    pub provider: String,
    /// What was asked.
    pub operation: String,
    /// The model, if the body or the path names one.
    pub model: Option<String>,
    /// Whether the reply is a stream, or one was asked for.
    pub stream: bool,
    /// What the exchange shows: `tools`, `thinking`, `error`, ...
    pub features: Vec<String>,
    /// The provider's own finish reasons.
    pub finish_reasons: Vec<String>,
    /// What was sent.
    pub request: RecordedRequest,
    /// What came back.
    pub response: RecordedResponse,
}

/// What was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// `POST`, `GET`, ...
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The headers that were kept, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: RecordedBody,
}

/// What came back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers that were kept, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: RecordedBody,
}

/// A recorded body.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordedBody {
    /// A JSON document, stored parsed.
    Json(Value),
    /// Text as received.
    Text(String),
    /// Bytes as received.
    Binary(Bytes),
    /// No body.
    None,
}

impl RecordedBody {
    fn read(part: &Value) -> Option<Self> {
        let body = part.get("body").cloned().unwrap_or(Value::Null);
        Some(match part.get("body_encoding").and_then(Value::as_str) {
            Some("json") => Self::Json(body),
            Some("text") => Self::Text(body.as_str()?.to_owned()),
            Some("base64") => {
                let text = body.as_str()?;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .ok()?;
                Self::Binary(bytes.into())
            }
            _ => Self::None,
        })
    }

    /// The body as bytes; JSON is written compactly, its keys in the recorded order.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Json(value) => value.to_string().into(),
            Self::Text(text) => text.clone().into(),
            Self::Binary(bytes) => bytes.clone(),
            Self::None => Bytes::new(),
        }
    }

    /// The body, if it is a JSON document.
    pub const fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            _ => None,
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    let found = value.get(key).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let found = value.get(key).and_then(Value::as_array);
    found
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn headers(part: &Value) -> BTreeMap<String, String> {
    let found = part.get("headers").and_then(Value::as_object);
    found
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())))
        .collect()
}

impl Exchange {
    fn read(name: &str, value: &Value) -> Option<Self> {
        let request = value.get("request")?;
        let response = value.get("response")?;
        let status = response.get("status").and_then(Value::as_u64)?;
        Some(Self {
            name: name.to_owned(),
            source: text(value, "source"),
            provider: text(value, "provider"),
            operation: text(value, "operation"),
            model: value
                .get("model")
                .and_then(Value::as_str)
                .map(str::to_owned),
            stream: value.get("stream") == Some(&Value::Bool(true)),
            features: texts(value, "features"),
            finish_reasons: texts(value, "finish_reasons"),
            request: RecordedRequest {
                method: text(request, "method"),
                url: text(request, "url"),
                headers: headers(request),
                body: RecordedBody::read(request)?,
            },
            response: RecordedResponse {
                status: u16::try_from(status).ok()?,
                headers: headers(response),
                body: RecordedBody::read(response)?,
            },
        })
    }

    /// True when the exchange shows this feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known == feature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_exchange_can_be_read() {
        let Some(corpus) = Corpus::open_or_say_skipped() else {
            return;
        };
        let providers = corpus.providers();
        assert!(providers.len() > 20, "{providers:?}");
        let mut count = 0;
        for provider in &providers {
            for exchange in corpus.all_of(provider) {
                assert_eq!(&exchange.provider, provider, "{}", exchange.name);
                count += 1;
            }
        }
        assert!(count >= 590, "{count} exchanges");
        let binary = corpus.exchanges("bedrock", "converse_stream");
        assert!(
            binary
                .iter()
                .any(|exchange| matches!(exchange.response.body, RecordedBody::Binary(_)))
        );
    }
}
