use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use gateway_store::cache::Aged;
use tower_service::Service;

use super::entry::{Kept, tell};
use super::future::{Fill, ResponseFuture, ask};
use super::key::{Keys, Question};
use super::policy::{CacheConfig, Wish, wish};
use super::share::Answers;

/// Answers from memory what was asked before. See the [module](super).
#[derive(Debug, Clone)]
pub struct Cached<S> {
    inner: S,
    /// `None`: nothing is kept.
    cache: Option<(Arc<CacheConfig>, Answers)>,
}

impl<S> Cached<S> {
    /// Keeps the answers of `inner` in `answers`.
    pub fn new(inner: S, config: CacheConfig, answers: Answers) -> Self {
        Self {
            inner,
            cache: Some((Arc::new(config), answers)),
        }
    }

    /// Keeps nothing: `inner` as it is.
    pub const fn never(inner: S) -> Self {
        Self { inner, cache: None }
    }
}

impl<S> Service<Call> for Cached<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let Some((config, answers)) = &self.cache else {
            return ResponseFuture::plain(self.inner.call(call));
        };
        let wish = wish(&call.context.headers);
        if wish == Wish::Bypass {
            call.context.journal.notes().cache = Some("bypass");
            return ResponseFuture::plain(self.inner.call(call));
        }
        let question = Question::of(&call, config, answers);
        let Some(keys) = question.keys(&call, answers) else {
            return ResponseFuture::plain(self.inner.call(call));
        };
        if let Wish::Read(oldest) = wish
            && let Some(found) = near(keys, answers, oldest)
        {
            return ResponseFuture::ready(hit(&call, &found));
        }
        // Keep the instance that was polled ready.
        let spare = self.inner.clone();
        let asker = Asker {
            inner: std::mem::replace(&mut self.inner, spare),
            call,
            keys,
            question,
            config: Arc::clone(config),
            answers: answers.clone(),
            wish,
        };
        if wish == Wish::Refresh || answers.remote().is_none() {
            return asker.ask();
        }
        let far = answers.clone().look_up(keys);
        ResponseFuture::looking(Box::pin(far), asker)
    }
}

/// Everything needed to ask, once it is known that nobody has the answer.
pub(super) struct Asker<S> {
    inner: S,
    pub(super) call: Call,
    keys: Keys,
    question: Question,
    config: Arc<CacheConfig>,
    answers: Answers,
    wish: Wish,
}

impl<S> Asker<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Send + 'static,
    S::Future: Send,
{
    /// Whether an answer of that age is still good for this caller.
    pub(super) fn takes(&self, age: Duration) -> bool {
        age < self.config.ttl && matches!(self.wish, Wish::Read(oldest) if age <= oldest)
    }

    pub(super) fn ask(self) -> ResponseFuture<S, S::Future> {
        let Self {
            mut inner,
            call,
            keys,
            question,
            config,
            answers,
            wish,
        } = self;
        call.context.journal.notes().cache = Some("miss");
        let fill = Fill::new(&call, (keys, question), config.ttl, answers.clone());
        if wish == Wish::Refresh || call.answer_by().is_some() {
            return ResponseFuture::filling(inner.call(call), fill);
        }
        let (journal, stream) = (call.context.journal.clone(), call.stream);
        let joined = answers.join(keys.raw, move |leave| {
            Box::pin(ask(inner, call, fill, leave))
        });
        ResponseFuture::joined(joined, journal, stream)
    }
}

/// The answer that this process kept, if there is one that is at most `oldest` old.
fn near(keys: Keys, answers: &Answers, oldest: Duration) -> Option<Aged<Arc<Kept>>> {
    let now = now();
    let store = answers.store();
    std::iter::once(keys.raw)
        .chain(keys.canonical)
        .filter_map(|key| store.get(key, now))
        .find(|found| found.age <= oldest)
}

/// The reply with a kept answer.
pub(super) fn hit(call: &Call, found: &Aged<Arc<Kept>>) -> Reply {
    let mut notes = call.context.journal.notes();
    notes.cache = Some("hit");
    notes.losses.extend(found.value.losses.clone());
    drop(notes);
    let mut reply = found.value.reply(call.stream);
    tell(&mut reply, "hit", Some(found.age));
    reply
}

/// Now, by the clock that tests can pause.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
