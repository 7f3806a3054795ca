//! A streamed answer that several callers read at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use gateway_provider::{Lane, Reply, ReplyBody, ReplyStream};
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, ModelId, ProviderName};
use gateway_store::cache::CacheKey;

use super::share::Answers;

#[cfg(test)]
mod tests;

/// How much of an answer is kept for those who come late or read slowly. One copy serves all of them.
const KEPT_BYTES: usize = 1024 * 1024;

/// One upstream stream with its followers. Whoever reads drives it, at the pace of the fastest; it is dropped, and the
/// upstream exchange with it, when the last follower leaves.
pub(super) struct Live {
    by: Answerer,
    pub(super) losses: Losses,
    hub: Mutex<Hub>,
    wakers: Arc<Wakers>,
    listed: (Answers, CacheKey),
}

/// Who answers.
#[derive(Debug, Clone)]
pub(super) struct Answerer {
    provider: ProviderName,
    model: ModelId,
    dialect: Dialect,
    lane: Lane,
}

impl Answerer {
    pub(super) fn of(reply: &Reply) -> Self {
        Self {
            provider: reply.provider.clone(),
            model: reply.model.clone(),
            dialect: reply.dialect,
            lane: reply.lane,
        }
    }
}

struct Hub {
    inner: ReplyStream,
    /// The latest frames.
    frames: VecDeque<Said>,
    /// The number of the first of them.
    first: usize,
    bytes: usize,
    /// How it ended, once it has.
    end: Option<Result<(), CallError>>,
    /// The waker of the one who reads alone: it is told of the next frame by `inner` itself.
    alone: Option<Waker>,
}

impl Live {
    /// Lets others follow `inner`.
    pub(super) fn new(
        inner: ReplyStream,
        by: Answerer,
        losses: Losses,
        listed: (Answers, CacheKey),
    ) -> Arc<Self> {
        Arc::new(Self {
            by,
            losses,
            hub: Mutex::new(Hub {
                inner,
                frames: VecDeque::new(),
                first: 0,
                bytes: 0,
                end: None,
                alone: None,
            }),
            wakers: Arc::default(),
            listed,
        })
    }

    /// Whether somebody who comes now gets the whole answer.
    pub(super) fn is_open(&self) -> bool {
        let hub = self.hub();
        hub.first == 0 && !matches!(hub.end, Some(Err(_)))
    }

    /// The answer from its beginning.
    pub(super) fn reply(self: &Arc<Self>) -> Reply {
        let follower = Follower {
            live: Arc::clone(self),
            next: 0,
            done: false,
        };
        let by = &self.by;
        Reply::new(
            by.provider.clone(),
            by.model.clone(),
            by.dialect,
            by.lane,
            ReplyBody::Stream(Box::pin(follower)),
        )
    }

    /// Reads on. Who reads alone is woken by `inner` itself; of several, each is woken.
    fn poll_inner(
        self: &Arc<Self>,
        hub: &mut Hub,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, CallError>>> {
        // Nobody but its followers holds a live answer for longer than a look.
        if Arc::strong_count(self) == 1 {
            let polled = hub.inner.as_mut().poll_next(cx);
            if polled.is_pending()
                && !(hub.alone.as_ref()).is_some_and(|known| known.will_wake(cx.waker()))
            {
                hub.alone = Some(cx.waker().clone());
            }
            return polled;
        }
        if let Some(first) = hub.alone.take() {
            self.wakers.register(&first);
        }
        self.wakers.register(cx.waker());
        let waker = Waker::from(Arc::clone(&self.wakers));
        let mut cx = Context::from_waker(&waker);
        hub.inner.as_mut().poll_next(&mut cx)
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let (answers, key) = &self.listed;
        answers.forget(*key);
    }
}

impl Hub {
    fn push(&mut self, frame: &Frame) {
        let said = Said::of(frame);
        self.bytes += said.size();
        self.frames.push_back(said);
        // The frame that has just come is kept in any case: somebody reads it now.
        while self.bytes > KEPT_BYTES && self.frames.len() > 1 {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes = self.bytes.saturating_sub(oldest.size());
                self.first += 1;
            }
        }
    }
}

/// A frame for those who come late. Most say nothing but a piece of text, and take a third of the room then.
enum Said {
    Text {
        bytes: Bytes,
        content_events: u32,
        text_bytes: u32,
    },
    Other(Box<Frame>),
}

impl Said {
    fn of(frame: &Frame) -> Self {
        if let FrameData::Raw(bytes) = &frame.data
            && frame.facts.is_text()
        {
            return Self::Text {
                bytes: bytes.clone(),
                content_events: frame.facts.content_events,
                text_bytes: frame.facts.text_bytes,
            };
        }
        Self::Other(Box::new(frame.clone()))
    }

    fn frame(&self) -> Frame {
        match self {
            Self::Text {
                bytes,
                content_events,
                text_bytes,
            } => Frame::raw(bytes.clone(), Facts::text(*content_events, *text_bytes)),
            Self::Other(frame) => (**frame).clone(),
        }
    }

    /// About how much memory it takes.
    fn size(&self) -> usize {
        let more = match self {
            Self::Text { bytes, .. } => bytes.len(),
            Self::Other(frame) => {
                let data = match &frame.data {
                    FrameData::Raw(bytes) => bytes.len(),
                    FrameData::Events(events) => {
                        frame.facts.text_bytes as usize + events.len() * 128
                    }
                };
                data + size_of::<Frame>()
            }
        };
        more + size_of::<Self>()
    }
}

/// One caller's way through a live answer.
struct Follower {
    live: Arc<Live>,
    /// The number of the frame that it reads next.
    next: usize,
    done: bool,
}

impl Stream for Follower {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let mut hub = this.live.hub();
        let Some(place) = this.next.checked_sub(hub.first) else {
            this.done = true;
            return Poll::Ready(Some(Err(too_slow())));
        };
        if let Some(frame) = hub.frames.get(place) {
            this.next += 1;
            return Poll::Ready(Some(Ok(frame.frame())));
        }
        let end = if let Some(end) = &hub.end {
            end.clone()
        } else {
            match ready!(this.live.poll_inner(&mut hub, cx)) {
                Some(Ok(frame)) => {
                    hub.push(&frame);
                    this.next += 1;
                    drop(hub);
                    this.live.wakers.wake_by_ref();
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => Err(error),
                None => Ok(()),
            }
        };
        hub.end = Some(end.clone());
        drop(hub);
        this.done = true;
        this.live.wakers.wake_by_ref();
        Poll::Ready(end.err().map(Err))
    }
}

/// Everybody who waits for the next frame.
#[derive(Default)]
struct Wakers(Mutex<Vec<Waker>>);

impl Wakers {
    fn register(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn too_slow() -> CallError {
    CallError::gateway(
        ErrorKind::Unavailable,
        "The answer is shared with other callers, and this one read it too slowly to get all of it.",
    )
    .with_code("shared_stream_lagged")
}
