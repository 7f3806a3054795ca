//! What makes two calls the same.

use gateway_provider::{Call, Payload, StreamForm};
use gateway_schema::{Mapping, Operation};
use gateway_store::cache::{CacheKey, KeyHasher};
use http::HeaderName;

use super::levelled;
use super::policy::CacheConfig;
use super::share::Answers;

/// Headers of the caller's that a provider may be sent, and that change what it answers.
const DECISIVE: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("openai-beta"),
];

/// What an answer is kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// For answers in canonical form, which serve every dialect, streamed and whole. Only where there may be one: it
    /// costs decoding the question.
    pub(super) canonical: Option<CacheKey>,
    /// For bytes of the caller's dialect, which serve those who ask alike.
    pub(super) raw: CacheKey,
}

/// What of a call its keys are made of.
pub(super) struct Question {
    /// Everything but the body.
    scope: KeyHasher,
    payload: Payload,
    operation: Operation,
}

impl Question {
    pub(super) fn of(call: &Call, config: &CacheConfig, answers: &Answers) -> Self {
        let hasher = match answers.remote() {
            Some(_) => KeyHasher::new("question"),
            None => KeyHasher::own("question"),
        };
        Self {
            scope: scope(hasher, call, config),
            payload: call.payload.clone(),
            operation: call.operation,
        }
    }

    /// The keys; `None` when it cannot be read, and for what is forwarded without being read.
    pub(super) fn keys(&self, call: &Call, answers: &Answers) -> Option<Keys> {
        if self.operation == Operation::Proxy {
            return None;
        }
        let raw = self.scope.clone().with(b"raw").with(self.dialect()).with(&[
            u8::from(call.stream),
            u8::from(call.context.stream_form == StreamForm::JsonArray),
        ]);
        let Some((bytes, envelope)) = self.payload.envelope() else {
            let request = self.payload.canonical(self.operation).ok()?;
            let identity = request.value.identity();
            let canonical = self.scope.clone().with(&identity).finish();
            let raw = raw.with(&identity).finish();
            return Some(Keys {
                canonical: Some(canonical),
                raw,
            });
        };
        let size = bytes.len() + bytes.len() / 8;
        let raw = raw.finish_with(size, |out| levelled::write(bytes, envelope.members(), out));
        let canonical = if answers.may_hold_canonical() {
            self.canonical(raw, answers)
        } else {
            None
        };
        Some(Keys { canonical, raw })
    }

    /// The key of the canonical form. The same raw key is the same question: then nothing is decoded again.
    pub(super) fn canonical(&self, raw: CacheKey, answers: &Answers) -> Option<CacheKey> {
        if let Some(key) = answers.spelling(raw) {
            return Some(key);
        }
        let request = self.payload.canonical(self.operation).ok()?;
        let mut key = self.scope.clone().with(&request.value.identity());
        if let Some(bytes) = self.payload.bytes()
            && !request.losses.is_empty()
        {
            // What the canonical form cannot hold reaches a provider of the same dialect all the same.
            key = key.with(self.dialect()).with(bytes);
        }
        let key = key.finish();
        answers.spelt(raw, key);
        Some(key)
    }

    fn dialect(&self) -> &[u8] {
        self.payload
            .dialect()
            .map_or(b"", |dialect| dialect.as_str().as_bytes())
    }
}

/// Everything but the question.
fn scope(hasher: KeyHasher, call: &Call, config: &CacheConfig) -> KeyHasher {
    let context = &call.context;
    let name = context.principal.name.as_deref();
    let caller = name.filter(|_| !config.shared).map(str::as_bytes);
    let mut key = hasher
        .with(config.scope.as_bytes())
        .with(context.endpoint.as_str().as_bytes())
        .with(call.operation.as_str().as_bytes())
        .with(&[
            u8::from(context.mapping == Mapping::Mlflow),
            u8::from(context.strict),
        ])
        .with_optional(caller);
    for name in &DECISIVE {
        for value in context.headers.get_all(name) {
            key = key.with(name.as_str().as_bytes()).with(value.as_bytes());
        }
    }
    key
}
