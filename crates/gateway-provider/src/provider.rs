//! Who answers calls.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gateway_schema::{CallError, Dialect, ErrorKind, ModelId, Operation, ProviderName, Retry};

use crate::call::Call;
use crate::reply::Reply;

/// What a provider is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// Its name, as the configuration spells it.
    pub name: ProviderName,
    /// The model it was built for.
    pub model: ModelId,
    /// What it speaks.
    pub dialect: Dialect,
    /// What it can be asked.
    pub operations: &'static [Operation],
    /// What the vendor calls itself, for messages to people; the name if nobody said.
    pub display_name: Option<&'static str>,
}

impl ProviderInfo {
    /// A provider of `model` that speaks `dialect`.
    pub fn new(
        name: impl Into<ProviderName>,
        model: impl Into<ModelId>,
        dialect: Dialect,
        operations: &'static [Operation],
    ) -> Self {
        Self {
            name: name.into(),
            model: model.into(),
            dialect,
            operations,
            display_name: None,
        }
    }

    /// States what the vendor calls itself.
    pub const fn with_display_name(mut self, name: &'static str) -> Self {
        self.display_name = Some(name);
        self
    }

    /// The refusal of an operation that it does not offer, in MLflow's words.
    pub fn lacks(&self, operation: Operation) -> CallError {
        let what = if operation == Operation::Proxy {
            "endpoint"
        } else {
            "route"
        };
        self.lacks_what(format_args!("{} {what}", route(operation)))
    }

    /// The refusal of a stream, in MLflow's words.
    pub fn lacks_stream(&self, operation: Operation) -> CallError {
        self.lacks_what(format_args!("{} streaming route", route(operation)))
            .with_status(501)
    }

    fn lacks_what(&self, what: fmt::Arguments<'_>) -> CallError {
        let who = self.display_name.unwrap_or_else(|| self.name.as_str());
        let message = format!("The {what} is not implemented for {who} models.");
        CallError::gateway(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
    }
}

/// What MLflow calls the route of an operation.
const fn route(operation: Operation) -> &'static str {
    match operation {
        Operation::Completion => "completions",
        other => other.as_str(),
    }
}

/// Answers calls for one target: one model of one account. Object-safe; one boxed future per upstream request is noise
/// next to the request.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// What it is and can do.
    fn info(&self) -> &ProviderInfo;

    /// Answers `call`. A streamed reply is returned only once its first meaningful event is there, so that every
    /// failure before it is an error here and can be tried elsewhere.
    ///
    /// Cancellation: dropping the future, or the reply's stream, abandons the upstream exchange at once.
    ///
    /// Takes the handle by value, so that the future borrows nothing.
    ///
    /// # Errors
    /// [`CallError`], with who failed and whether it may be tried again.
    async fn call(self: Arc<Self>, call: Call) -> Result<Reply, CallError>;
}
