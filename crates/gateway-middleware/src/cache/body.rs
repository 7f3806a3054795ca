//! A stream that is kept while it goes by.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use gateway_provider::{Reply, ReplyBody, ReplyStream};
use gateway_schema::CallError;
use gateway_schema::chat::Fold;
use gateway_schema::stream::{Facts, Frame, FrameData};

use super::entry::{Kept, KeptBody, gathered};
use super::future::Fill;

/// A streamed answer larger than this is not kept.
const LARGEST: usize = 1024 * 1024;

/// Passes frames on and keeps the answer when it is complete. A stream that breaks, reports an error, grows too large
/// or is dropped before its end leaves nothing behind.
pub(super) struct FillingStream {
    inner: ReplyStream,
    gathering: Option<Box<Gathering>>,
}

struct Gathering {
    fill: Fill,
    /// Who answers; its body is this stream.
    by: Reply,
    form: Form,
    facts: Facts,
    size: usize,
}

enum Form {
    Nothing,
    /// The pieces as they came, which those who read now hold as well; joined when the answer is complete.
    Raw(Vec<Bytes>),
    Events(Box<Fold>),
}

impl FillingStream {
    /// Takes the stream out of `by`.
    pub(super) fn new(inner: ReplyStream, by: Reply, fill: Fill) -> Self {
        let gathering = Gathering {
            fill,
            by,
            form: Form::Nothing,
            facts: Facts::default(),
            size: 0,
        };
        Self {
            inner,
            gathering: Some(Box::new(gathering)),
        }
    }
}

impl Stream for FillingStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        match &item {
            Some(Ok(frame)) => {
                let keeps = self.gathering.as_mut().is_some_and(|it| it.take(frame));
                if !keeps {
                    self.gathering = None;
                }
            }
            Some(Err(_)) => self.gathering = None,
            None => {
                if let Some(gathering) = self.gathering.take() {
                    gathering.finish();
                }
            }
        }
        Poll::Ready(item)
    }
}

impl Gathering {
    /// Takes a frame; false when the answer is not one to keep.
    fn take(&mut self, frame: &Frame) -> bool {
        if frame.facts.error.is_some() {
            return false;
        }
        merge(&mut self.facts, &frame.facts);
        match (&frame.data, &mut self.form) {
            (FrameData::Raw(bytes), _) if bytes.is_empty() => {}
            (FrameData::Raw(bytes), Form::Raw(pieces)) => pieces.push(bytes.clone()),
            (FrameData::Raw(bytes), form @ Form::Nothing) => {
                self.fill.settle(false);
                *form = Form::Raw(vec![bytes.clone()]);
            }
            (FrameData::Events(events), form) => {
                if matches!(form, Form::Nothing) {
                    self.fill.settle(true);
                    *form = Form::Events(Box::new(Fold::new()));
                }
                let Form::Events(fold) = form else {
                    return false;
                };
                for event in events {
                    fold.push(event.clone());
                }
                self.size += events.len() * 64;
            }
            (FrameData::Raw(_), Form::Events(_)) => return false,
        }
        self.size += match &frame.data {
            FrameData::Raw(bytes) => bytes.len(),
            FrameData::Events(_) => frame.facts.text_bytes as usize,
        };
        self.size <= LARGEST
    }

    /// The stream is over.
    fn finish(self: Box<Self>) {
        let this = *self;
        if !this.facts.ended {
            return;
        }
        let body = match this.form {
            Form::Nothing => return,
            Form::Raw(pieces) => KeptBody::RawStream(pieces.concat().into(), Box::new(this.facts)),
            Form::Events(fold) => match fold.finish() {
                Ok(chat) => KeptBody::Whole(gathered(chat, this.fill.operation)),
                Err(_) => return,
            },
        };
        this.fill
            .keep(Kept::new(&this.by, this.fill.losses(), body));
    }
}

/// The facts of frames as those of one. Usage is cumulative; what is first stated stays.
fn merge(known: &mut Facts, more: &Facts) {
    known.meaningful |= more.meaningful;
    known.ended |= more.ended;
    known.content_events = known.content_events.saturating_add(more.content_events);
    known.text_bytes = known.text_bytes.saturating_add(more.text_bytes);
    known.finish = more.finish.or(known.finish);
    match (&mut known.usage, &more.usage) {
        (Some(known), Some(more)) => known.update((**more).clone()),
        (none @ None, more) => none.clone_from(more),
        (Some(_), None) => {}
    }
    if known.model.is_none() {
        known.model.clone_from(&more.model);
    }
    if known.id.is_none() {
        known.id.clone_from(&more.id);
    }
}

/// Splits a reply into its stream and the rest.
pub(super) fn split(mut reply: Reply) -> (ReplyBody, Reply) {
    let nothing: ReplyStream = Box::pin(futures_util::stream::empty());
    let body = std::mem::replace(&mut reply.body, ReplyBody::Stream(nothing));
    (body, reply)
}
