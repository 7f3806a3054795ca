//! What makes two calls the same.

use gateway_provider::{Call, StreamForm};
use gateway_schema::{Mapping, Operation};
use gateway_store::cache::{CacheKey, KeyHasher};

use super::policy::CacheConfig;
use super::share::Answers;

/// Headers of the caller's that a provider may be sent, and that change what it answers.
const DECISIVE: [&str; 3] = ["anthropic-beta", "anthropic-version", "openai-beta"];

/// Fields that change nothing but the bytes of an answer: usage is streamed or not, labels are given back.
const ECHOED: [&str; 3] = ["stream_options", "metadata", "user"];

/// What an answer is kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// For answers in canonical form, which serve every dialect, streamed and whole.
    pub(super) canonical: CacheKey,
    /// For bytes of the caller's dialect, which serve those who ask alike.
    pub(super) raw: CacheKey,
}

/// The keys of a call; `None` when it cannot be read, and for what is forwarded without being read.
pub(super) fn keys(call: &Call, config: &CacheConfig, answers: &Answers) -> Option<Keys> {
    if call.operation == Operation::Proxy {
        return None;
    }
    let canonical = canonical(call, config, answers)?;
    let mut raw = KeyHasher::new("raw")
        .with_key(canonical)
        .with(dialect(call))
        .with(&[
            u8::from(call.stream),
            u8::from(call.context.stream_form == StreamForm::JsonArray),
        ]);
    if let Some((bytes, envelope)) = call.payload.envelope() {
        for name in ECHOED {
            raw = raw.with_optional(envelope.get(bytes, name));
        }
    }
    let raw = raw.finish();
    Some(Keys { canonical, raw })
}

fn dialect(call: &Call) -> &[u8] {
    call.payload
        .dialect()
        .map_or(b"", |dialect| dialect.as_str().as_bytes())
}

fn canonical(call: &Call, config: &CacheConfig, answers: &Answers) -> Option<CacheKey> {
    let scope = scope(call, config);
    let Some(bytes) = call.payload.bytes() else {
        let request = call.canonical().ok()?;
        return Some(scope.with(&request.value.identity()).finish());
    };
    // The same bytes are the same question: then nothing needs to be decoded.
    let spelt = scope.clone().with(dialect(call)).with(bytes).finish();
    if let Some(known) = answers.spelling(spelt) {
        return Some(known);
    }
    let request = call.canonical().ok()?;
    let mut key = scope.with(&request.value.identity());
    if !request.losses.is_empty() {
        // What the canonical form cannot hold reaches a provider of the same dialect all the same.
        key = key.with(dialect(call)).with(bytes);
    }
    let key = key.finish();
    answers.spelt(spelt, key);
    Some(key)
}

/// Everything but the question.
fn scope(call: &Call, config: &CacheConfig) -> KeyHasher {
    let context = &call.context;
    let name = context.principal.name.as_deref();
    let caller = name.filter(|_| !config.shared).map(str::as_bytes);
    let mut key = KeyHasher::new("question")
        .with(config.scope.as_bytes())
        .with(context.endpoint.as_str().as_bytes())
        .with(call.operation.as_str().as_bytes())
        .with(&[
            u8::from(context.mapping == Mapping::Mlflow),
            u8::from(context.strict),
        ])
        .with_optional(caller);
    for name in DECISIVE {
        for value in context.headers.get_all(name) {
            key = key.with(name.as_bytes()).with(value.as_bytes());
        }
    }
    key
}
