//! Endpoints and their parts.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway_schema::Operation;

use super::secret::SecretValue;
use super::settings::Settings;
use super::tree::definition;
use crate::plan::{FallbackOn, OnStoreError, Subject};

definition! {
    /// What clients call by name.
    pub struct EndpointDefinition {
        /// The name: letters, digits, `-`, `_` and `.`. Endpoints and routes share one namespace.
        name: String,
        /// What it does, as `llm/v1/chat`.
        #[serde(with = "super::words::task")]
        endpoint_type: Operation,
        /// The model that answers.
        model: ModelDefinition,
        ;
        /// MLflow's limit.
        limit: Option<CallLimitDefinition>,
        /// Limits on requests, tokens and concurrency; all must pass.
        limits: Vec<LimitDefinition>,
        /// How long parts of a call may take.
        timeout: Option<TimeoutDefinition>,
        /// Whether a request is refused when something in it would be lost. Default false.
        strict: Option<bool>,
        /// Headers added to requests that go to the provider.
        headers: BTreeMap<String, SecretValue>,
        /// Names of request headers that go to the provider with requests that are passed on.
        forward_headers: Vec<String>,
        /// Answers kept for requests that are the same; absent: none.
        #[serde(deserialize_with = "super::words::cache")]
        cache: Option<CacheDefinition>,
        /// Trying the same target again; absent: none.
        retry: Option<RetryDefinition>,
        /// Endpoints that are tried in this order when this one fails.
        fallback: Vec<String>,
        /// Errors that lead to the fallback, besides the usual ones.
        fallback_on: Vec<FallbackOn>,
        /// When the circuit of a failing target opens; absent: never.
        breaker: Option<BreakerDefinition>,
        /// The longest cooldown that a provider's `retry-after` can set on an account; absent: an hour.
        #[serde(with = "super::words::duration")]
        max_cooldown: Option<Duration>,
        /// Calls to the provider at the same time; absent: no bound.
        max_concurrency: Option<u32>,
        /// What the model costs; absent: the catalog's price.
        price: Option<PriceDefinition>,
    }
}

definition! {
    /// Which provider answers, as which model, with which settings.
    pub struct ModelDefinition {
        /// The provider, by name or alias.
        provider: String,
        ;
        /// The provider's name of the model.
        name: Option<String>,
        /// The provider's settings, and defaults for request parameters that a request lacks.
        config: Settings,
    }
}

definition! {
    /// MLflow's limit: calls per renewal period and client address.
    pub struct CallLimitDefinition {
        /// Calls per renewal period.
        calls: u64,
        /// `second`, `minute`, `hour`, `day`, `month` or `year`, also as `5 minutes`.
        renewal_period: String,
        ;
        /// Read and shown, as MLflow does, but not used.
        key: Option<String>,
    }
}

definition! {
    /// One limit. Exactly one of the amounts is given, and `every` beside all but `concurrent`.
    pub struct LimitDefinition {
        /// What has a counter of its own.
        per: Subject,
        ;
        /// Requests per window.
        requests: Option<u64>,
        /// Input and output tokens per window.
        tokens: Option<u64>,
        /// Input tokens per window.
        input_tokens: Option<u64>,
        /// Output tokens per window.
        output_tokens: Option<u64>,
        /// Calls at the same time.
        concurrent: Option<u64>,
        /// The window.
        #[serde(with = "super::words::duration")]
        every: Option<Duration>,
        /// What to do while the shared store is away; absent: what `stores` says.
        on_store_error: Option<OnStoreError>,
    }
}

definition! {
    /// How long parts of a call may take.
    #[derive(Default)]
    pub struct TimeoutDefinition {
        ;
        /// DNS, TCP and TLS together.
        #[serde(with = "super::words::duration")]
        connect: Option<Duration>,
        /// Until the first event of a stream, or until the whole reply.
        #[serde(with = "super::words::duration")]
        first_event: Option<Duration>,
        /// Between two events of a stream.
        #[serde(with = "super::words::duration")]
        idle: Option<Duration>,
        /// The call, all attempts and the whole stream included.
        #[serde(with = "super::words::duration")]
        total: Option<Duration>,
    }
}

definition! {
    /// Answers kept for requests that are the same.
    #[derive(Default)]
    pub struct CacheDefinition {
        ;
        /// How long an answer is kept.
        #[serde(with = "super::words::duration")]
        ttl: Option<Duration>,
        /// Answers kept at most.
        max_entries: Option<u64>,
        /// Bytes kept at most.
        #[serde(with = "super::words::size")]
        max_bytes: Option<u64>,
        /// Whether callers with different keys share answers.
        shared: Option<bool>,
    }
}

definition! {
    /// Trying the same target again.
    #[derive(Default)]
    pub struct RetryDefinition {
        ;
        /// Attempts in all, the first included.
        max_attempts: Option<u32>,
        /// Longest wait before the second attempt.
        #[serde(with = "super::words::duration")]
        initial_backoff: Option<Duration>,
        /// Longest wait between attempts.
        #[serde(with = "super::words::duration")]
        max_backoff: Option<Duration>,
        /// Retries allowed per call, on average over the endpoint.
        budget: Option<f64>,
    }
}

definition! {
    /// When the circuit of a failing target opens, and for how long.
    #[derive(Default)]
    pub struct BreakerDefinition {
        ;
        /// Faults that open it.
        failures: Option<u32>,
        /// The time in which they count.
        #[serde(with = "super::words::duration")]
        within: Option<Duration>,
        /// How long the circuit stays open.
        #[serde(with = "super::words::duration")]
        open_for: Option<Duration>,
    }
}

definition! {
    /// What a model costs, in US dollars per million tokens.
    pub struct PriceDefinition {
        /// Input tokens.
        input: f64,
        /// Output tokens.
        output: f64,
        ;
        /// Input tokens read from the provider's cache.
        cached_input: Option<f64>,
        /// Input tokens written to the provider's cache.
        cache_write: Option<f64>,
        /// A thousand searches.
        searches: Option<f64>,
    }
}
