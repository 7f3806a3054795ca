use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use gateway_store::rate::RateStore;
use tokio::time::Instant;
use tower_service::Service;

use super::away::StoreErrors;
use super::future::ResponseFuture;
use super::policy::Rule;
use super::reservation::{Outcome, Shared, Wanted};

/// Bounds requests, tokens and concurrency. See the [module](super).
#[derive(Clone)]
pub struct RateLimited<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> RateLimited<S> {
    /// Wraps `inner`. Times are counted from now on, so stores that outlive a service take [`Self::since`].
    pub fn new(inner: S, rules: Vec<Rule>, store: Arc<dyn RateStore>) -> Self {
        Self::since(inner, rules, store, Instant::now())
    }

    /// Wraps `inner`; times in the store are counted from `begun`, which must be the same for every user of the store.
    pub fn since(inner: S, rules: Vec<Rule>, store: Arc<dyn RateStore>, begun: Instant) -> Self {
        let shared = Shared {
            rules,
            store,
            begun,
            empty: Arc::from(""),
            errors: Arc::default(),
        };
        Self {
            inner,
            shared: Arc::new(shared),
        }
    }

    /// Counts in `errors` what becomes of calls while the store is away.
    pub fn with_store_errors(mut self, errors: Arc<StoreErrors>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.errors = errors;
        }
        self
    }
}

impl<S: fmt::Debug> fmt::Debug for RateLimited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited")
            .field("inner", &self.inner)
            .field("rules", &self.shared.rules)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for RateLimited<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // Decided per caller in `call`, so that one caller's limit never makes another wait.
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        if self.shared.rules.is_empty() {
            return ResponseFuture::calling(self.inner.call(call), None);
        }
        let mut wanted = Wanted::new(Arc::clone(&self.shared), &call);
        match wanted.take() {
            Outcome::Passed(taken) => {
                call.context.journal.notes().limits.extend(wanted.notes());
                let reservation = wanted.reservation(taken);
                ResponseFuture::calling(self.inner.call(call), Some(reservation))
            }
            Outcome::Refused(error) => {
                call.context.journal.notes().limits.extend(wanted.notes());
                ResponseFuture::refused(error)
            }
            Outcome::Short => {
                let spare = self.inner.clone();
                // Keep the instance that was polled ready.
                let ready = std::mem::replace(&mut self.inner, spare);
                ResponseFuture::borrowing(wanted, call, ready)
            }
        }
    }
}
