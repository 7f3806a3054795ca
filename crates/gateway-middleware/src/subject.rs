//! Whom a counter or an assignment is about.

use std::borrow::Cow;
use std::sync::Arc;

use gateway_provider::Call;
use gateway_schema::Request;

/// What tells one caller from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The key or token of the caller; all anonymous callers together.
    Key,
    /// The end user that the key or the request names.
    User,
    /// Nobody: the whole endpoint.
    Endpoint,
    /// The address of the client.
    Ip,
    /// The value of a request header, by its name in lower case.
    Header(String),
}

/// Who it is in one call.
pub(crate) enum Who<'a> {
    /// A text that is shared already.
    Shared(&'a Arc<str>),
    /// Another text.
    Text(Cow<'a, str>),
}

impl Who<'_> {
    #[cfg(any(feature = "rate_limit", feature = "route"))]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Shared(text) => text,
            Self::Text(text) => text,
        }
    }

    #[cfg(feature = "rate_limit")]
    pub(crate) fn to_shared(&self) -> Arc<str> {
        match self {
            Self::Shared(text) => Arc::clone(text),
            Self::Text(text) => text.as_ref().into(),
        }
    }
}

impl Subject {
    /// Who it is in this call; `None` for nobody in particular.
    pub(crate) fn of<'a>(&self, call: &'a Call) -> Option<Who<'a>> {
        let context = &call.context;
        match self {
            Self::Key => context.principal.name.as_ref().map(Who::Shared),
            Self::User => match &context.principal.user {
                Some(user) => Some(Who::Shared(user)),
                None => user(call).map(Who::Text),
            },
            Self::Endpoint => None,
            Self::Ip => context
                .peer
                .map(|peer| Who::Text(Cow::Owned(peer.to_string()))),
            Self::Header(name) => {
                let value = context.headers.get(name)?.to_str().ok()?;
                Some(Who::Text(Cow::Borrowed(value)))
            }
        }
    }
}

/// The end user as the request names it: `user`, OpenAI's newer `safety_identifier`, or Anthropic's `metadata.user_id`.
fn user(call: &Call) -> Option<Cow<'_, str>> {
    let Some((bytes, envelope)) = call.payload.envelope() else {
        let user = match &call.canonical().ok()?.value {
            Request::Chat(chat) => chat.user.as_deref(),
            Request::Completion(completion) => completion.user.as_deref(),
            Request::Embedding(embedding) => embedding.user.as_deref(),
            _ => None,
        };
        return user.map(Cow::Borrowed);
    };
    let named = |key| envelope.string(bytes, key);
    named("user")
        .or_else(|| named("safety_identifier"))
        .or_else(|| {
            let metadata = envelope.get(bytes, "metadata")?;
            let metadata: serde_json::Value = serde_json::from_slice(metadata).ok()?;
            Some(Cow::Owned(metadata.get("user_id")?.as_str()?.to_owned()))
        })
}
