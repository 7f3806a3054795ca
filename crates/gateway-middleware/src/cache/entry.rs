//! A kept answer, and what becomes of it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use gateway_provider::{Lane, Reply, ReplyBody, Whole};
use gateway_schema::chat::{ChatResponse, Content, FinishReason, Part};
use gateway_schema::completion::CompletionResponse;
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, Losses, ModelId, Operation, ProviderName, Response};
use http::header::AGE;
use http::{HeaderName, HeaderValue};

/// What the caller wants of the cache, and how the cache took part.
pub(super) const CACHE: HeaderName = HeaderName::from_static("x-gateway-cache");

/// A kept answer, and who gave it.
#[derive(Debug)]
pub struct Kept {
    pub(super) provider: ProviderName,
    pub(super) model: ModelId,
    pub(super) dialect: Dialect,
    pub(super) lane: Lane,
    pub(super) losses: Losses,
    pub(super) body: KeptBody,
}

#[derive(Debug)]
pub(super) enum KeptBody {
    Whole(Whole),
    RawStream(Bytes, Box<Facts>),
}

impl Kept {
    /// An answer of whoever gave `reply`.
    pub(super) fn new(by: &Reply, losses: Losses, body: KeptBody) -> Self {
        Self {
            provider: by.provider.clone(),
            model: by.model.clone(),
            dialect: by.dialect,
            lane: by.lane,
            losses,
            body,
        }
    }

    /// Whether it serves every dialect.
    pub(super) const fn is_canonical(&self) -> bool {
        matches!(self.body, KeptBody::Whole(Whole::Canonical(_)))
    }

    /// Whether it is a good answer.
    pub(super) fn is_good(&self) -> bool {
        match &self.body {
            KeptBody::Whole(Whole::Raw { facts, .. }) | KeptBody::RawStream(_, facts) => {
                facts.error.is_none() && facts.finish != Some(FinishReason::Error)
            }
            KeptBody::Whole(Whole::Canonical(Response::Chat(chat))) => {
                chat.choices.iter().all(|it| {
                    it.finish.as_ref().map(|finish| finish.reason) != Some(FinishReason::Error)
                })
            }
            KeptBody::Whole(_) => true,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> u64 {
        let body = match &self.body {
            KeptBody::Whole(Whole::Raw { body, .. }) | KeptBody::RawStream(body, _) => body.len(),
            KeptBody::Whole(Whole::Canonical(Response::Chat(chat)))
                if chat.choices.iter().flat_map(|it| &it.parts).all(is_text) =>
            {
                let parts = chat.choices.iter().flat_map(|it| &it.parts);
                parts.map(text_length).sum::<usize>() + PER_ANSWER
            }
            KeptBody::Whole(other) => {
                let mut count = Count(0);
                // Counting cannot fail.
                let _ = write!(count, "{other:?}");
                count.0
            }
        };
        body as u64 + 512
    }

    /// The answer once more.
    pub(super) fn reply(self: &Arc<Self>, stream: bool) -> Reply {
        let body = match &self.body {
            KeptBody::RawStream(bytes, facts) => {
                let frame = Frame::raw(bytes.clone(), Facts::clone(facts));
                ReplyBody::Stream(Box::pin(Replay(VecDeque::from([frame]))))
            }
            KeptBody::Whole(Whole::Canonical(Response::Chat(chat))) if stream => replay(chat),
            KeptBody::Whole(Whole::Canonical(Response::Completion(completion))) if stream => {
                replay(&completion.clone().into_chat())
            }
            KeptBody::Whole(whole) => ReplyBody::Whole(whole.clone()),
        };
        Reply::new(
            self.provider.clone(),
            self.model.clone(),
            self.dialect,
            self.lane,
            body,
        )
    }
}

/// Says how the cache took part, and how old the answer is.
pub(super) fn tell(reply: &mut Reply, how: &'static str, age: Option<Duration>) {
    let headers = &mut reply.headers;
    headers.insert(CACHE, HeaderValue::from_static(how));
    if let Some(age) = age {
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
    }
}

/// What a canonical answer takes besides its text, about.
const PER_ANSWER: usize = 1024;

/// Most answers are nothing but text.
fn is_text(part: &Part) -> bool {
    matches!(&part.content, Content::Text { citations, .. } if citations.is_empty())
}

fn text_length(part: &Part) -> usize {
    match &part.content {
        Content::Text { text, .. } => text.len(),
        _ => 0,
    }
}

/// The answer of a stream in the form of its operation.
pub(super) fn gathered(chat: ChatResponse, operation: Operation) -> Whole {
    Whole::Canonical(match operation {
        Operation::Completion => Response::Completion(Box::new(CompletionResponse::from(chat))),
        _ => Response::Chat(Box::new(chat)),
    })
}

fn replay(chat: &ChatResponse) -> ReplyBody {
    let groups = chat.clone().into_events();
    let frames = groups.into_iter().map(Frame::events).collect();
    ReplyBody::Stream(Box::pin(Replay(frames)))
}

struct Count(usize);

impl std::fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// A stream that is all there.
struct Replay(VecDeque<Frame>);

impl Stream for Replay {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
