use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gateway_provider::{BoxFuture, Call, Journal, Reply, ReplyBody, ReplyStream, Whole};
use gateway_schema::chat::Fold;
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, ErrorKind, Losses, Operation};
use gateway_store::cache::{Aged, Life};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{FillingStream, split};
use super::entry::{Kept, KeptBody, gathered, tell};
use super::key::{Keys, Question};
use super::live::{Answerer, Live};
use super::service::{Asker, hit, now};
use super::share::{Answered, Answers, Joined, Leave, Part, Waiting};

pin_project! {
    /// The answer of [`Cached`](super::Cached).
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        // Another process may have the answer. Boxed: a network is waited for.
        Looking { looking: Looking, asker: Option<Box<Asker<S>>> },
        // Nothing to do with the cache.
        Plain { #[pin] inner: F },
        // A hit.
        Ready { reply: Option<Reply> },
        // Asked for one caller alone.
        Filling { #[pin] inner: F, fill: Option<Fill> },
        // Asked for everybody who waits.
        Waiting { waiting: Waiting, part: Part, journal: Journal, stream: bool },
    }
}

/// What another process kept.
type Looking = BoxFuture<'static, Option<Aged<Arc<Kept>>>>;

impl<S, F> ResponseFuture<S, F> {
    pub(super) fn looking(looking: Looking, asker: Asker<S>) -> Self {
        let asker = Some(Box::new(asker));
        let state = State::Looking { looking, asker };
        Self { state }
    }

    pub(super) const fn plain(inner: F) -> Self {
        let state = State::Plain { inner };
        Self { state }
    }

    pub(super) const fn ready(reply: Reply) -> Self {
        let state = State::Ready { reply: Some(reply) };
        Self { state }
    }

    pub(super) const fn filling(inner: F, fill: Fill) -> Self {
        let fill = Some(fill);
        let state = State::Filling { inner, fill };
        Self { state }
    }

    pub(super) fn joined(joined: Joined, journal: Journal, stream: bool) -> Self {
        let state = match joined {
            Joined::Live(live) => State::Ready {
                reply: Some(follow(&live, &journal)),
            },
            Joined::Waiting(waiting, part) => {
                if part == Part::Joins {
                    journal.notes().cache = Some("shared");
                }
                State::Waiting {
                    waiting,
                    part,
                    journal,
                    stream,
                }
            }
        };
        Self { state }
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S> Future for ResponseFuture<S, S::Future>
where
    S: Service<Call, Response = Reply, Error = CallError> + Send + 'static,
    S::Future: Send,
{
    type Output = Result<Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let StateProjection::Looking { looking, asker } = self.as_mut().project().state.project()
        {
            let found = ready!(looking.as_mut().poll(cx));
            let Some(asker) = asker.take() else {
                return Poll::Pending;
            };
            let next = match found.filter(|found| asker.takes(found.age)) {
                Some(found) => Self::ready(hit(&asker.call, &found)),
                None => asker.ask(),
            };
            self.set(next);
        }
        match self.project().state.project() {
            // Just left.
            StateProjection::Looking { .. } => Poll::Pending,
            StateProjection::Plain { inner } => inner.poll(cx),
            StateProjection::Ready { reply } => match reply.take() {
                Some(reply) => Poll::Ready(Ok(reply)),
                None => Poll::Pending,
            },
            StateProjection::Filling { inner, fill } => {
                let mut reply = ready!(inner.poll(cx))?;
                if let Some(fill) = fill.take() {
                    reply = fill.fill(reply);
                    tell(&mut reply, "miss", None);
                }
                Poll::Ready(Ok(reply))
            }
            StateProjection::Waiting {
                waiting,
                part,
                journal,
                stream,
            } => {
                let answered = ready!(Pin::new(waiting).poll(cx))?;
                let asked = *part == Part::Asks;
                let (mut reply, headers) = match &answered {
                    Answered::Stream(live, _) if !asked => {
                        return Poll::Ready(Ok(follow(live, journal)));
                    }
                    Answered::Stream(live, headers) => (live.reply(), headers),
                    Answered::Whole(kept, headers) => {
                        if !asked {
                            journal.notes().losses.extend(kept.losses.clone());
                        }
                        (kept.reply(*stream), headers)
                    }
                };
                if asked {
                    reply.headers = http::HeaderMap::clone(headers);
                }
                tell(&mut reply, if asked { "miss" } else { "shared" }, None);
                Poll::Ready(Ok(reply))
            }
        }
    }
}

/// The answer that others read already, for one more.
fn follow(live: &Arc<Live>, journal: &Journal) -> Reply {
    let mut notes = journal.notes();
    notes.cache = Some("shared");
    notes.losses.extend(live.losses.clone());
    drop(notes);
    let mut reply = live.reply();
    tell(&mut reply, "shared", None);
    reply
}

/// Asks for everybody who waits. A stream goes out to all of them; one that nobody asked for is gathered.
pub(super) async fn ask<S>(
    mut inner: S,
    call: Call,
    mut fill: Fill,
    leave: Leave,
) -> Result<Answered, CallError>
where
    S: Service<Call, Response = Reply, Error = CallError>,
{
    let streams = call.stream;
    let reply = inner.call(call).await?;
    let (body, by) = split(reply);
    let whole = match body {
        ReplyBody::Whole(whole) => whole,
        ReplyBody::Stream(stream) if streams => return Ok(share(stream, by, fill, leave)),
        ReplyBody::Stream(stream) => gather(stream, fill.operation).await?,
    };
    let kept = Arc::new(Kept::new(&by, fill.losses(), KeptBody::Whole(whole)));
    fill.settle(kept.is_canonical());
    fill.keep_shared(Arc::clone(&kept));
    // Whoever comes from here on finds the answer in the store.
    drop(leave);
    Ok(Answered::Whole(kept, Arc::new(by.headers)))
}

/// A stream for everybody who waits, and for everybody who comes while it goes on.
fn share(stream: ReplyStream, mut by: Reply, fill: Fill, leave: Leave) -> Answered {
    let headers = Arc::new(std::mem::take(&mut by.headers));
    let (answers, key, losses) = (fill.answers.clone(), fill.keys.raw, fill.losses());
    let known = Answerer::of(&by);
    let filling = FillingStream::new(stream, by, fill);
    let live = Live::new(Box::pin(filling), known, losses, (answers.clone(), key));
    answers.list(key, &live);
    // Whoever comes from here on follows the stream.
    drop(leave);
    Answered::Stream(live, headers)
}

async fn gather(mut stream: ReplyStream, operation: Operation) -> Result<Whole, CallError> {
    let mut fold = Fold::new();
    let mut ended = false;
    while let Some(frame) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let frame = match frame {
            Ok(frame) => frame,
            // After the terminator nothing can go wrong any more.
            Err(_) if ended => break,
            Err(error) => return Err(error),
        };
        ended |= frame.facts.ended;
        match frame.data {
            FrameData::Events(events) => events.into_iter().for_each(|event| fold.push(event)),
            FrameData::Raw(bytes) if bytes.is_empty() => {}
            FrameData::Raw(_) => {
                return Err(CallError::gateway(
                    ErrorKind::Internal,
                    "The provider streamed an answer that was not asked for as a stream.",
                ));
            }
        }
    }
    let chat = fold
        .finish()
        .map_err(|error| CallError::upstream(ErrorKind::Upstream, error.message))?;
    if !ended {
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's stream ended before its answer was complete.",
        ));
    }
    Ok(gathered(chat, operation))
}

/// Everything needed to keep an answer.
pub(super) struct Fill {
    answers: Answers,
    keys: Keys,
    /// Let go as soon as it is known what kind of answer comes: it holds the bytes of the request.
    question: Option<Question>,
    ttl: Duration,
    pub(super) operation: Operation,
    journal: Journal,
}

impl Fill {
    pub(super) fn new(call: &Call, of: (Keys, Question), ttl: Duration, answers: Answers) -> Self {
        let (keys, question) = of;
        Self {
            answers,
            keys,
            question: Some(question),
            ttl,
            operation: call.operation,
            journal: call.context.journal.clone(),
        }
    }

    /// It is known whether the answer comes in canonical form: then its key is made, if nobody needed it before.
    pub(super) fn settle(&mut self, is_canonical: bool) {
        if let Some(question) = self.question.take()
            && is_canonical
            && self.keys.canonical.is_none()
        {
            self.keys.canonical = question.canonical(self.keys.raw, &self.answers);
        }
    }

    /// What did not survive on the way to the answer.
    pub(super) fn losses(&self) -> Losses {
        self.journal.notes().losses.clone()
    }

    /// Keeps a whole answer now, a streamed one when it is over.
    fn fill(mut self, reply: Reply) -> Reply {
        let (body, mut by) = split(reply);
        match body {
            ReplyBody::Whole(whole) => {
                self.settle(matches!(whole, Whole::Canonical(_)));
                self.keep(Kept::new(
                    &by,
                    self.losses(),
                    KeptBody::Whole(whole.clone()),
                ));
                by.body = ReplyBody::Whole(whole);
                by
            }
            ReplyBody::Stream(stream) => {
                let nobody = ReplyBody::Stream(Box::pin(futures_util::stream::empty()));
                let mut reply = Reply::new(
                    by.provider.clone(),
                    by.model.clone(),
                    by.dialect,
                    by.lane,
                    nobody,
                );
                reply.headers = std::mem::take(&mut by.headers);
                reply.body = ReplyBody::Stream(Box::pin(FillingStream::new(stream, by, self)));
                reply
            }
        }
    }

    /// Keeps an answer, if it is a good one.
    pub(super) fn keep(&self, kept: Kept) {
        self.keep_shared(Arc::new(kept));
    }

    fn keep_shared(&self, kept: Arc<Kept>) {
        if !kept.is_good() {
            return;
        }
        let key = if kept.is_canonical() {
            self.answers.note_canonical();
            self.keys.canonical
        } else {
            Some(self.keys.raw)
        };
        // A question that cannot be read has no answer in canonical form.
        let Some(key) = key else { return };
        let life = Life {
            from: now(),
            ttl: self.ttl,
        };
        self.answers.keep(key, kept, life);
    }
}
