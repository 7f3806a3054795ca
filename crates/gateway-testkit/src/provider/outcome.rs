//! What came of one call.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_provider::{Attempt, Lane, Reply, ReplyBody, ReplyStream, Whole};
use gateway_schema::chat::{Content, FinishReason, Part, StreamEvent};
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{CallError, Response, Usage};

/// Everything a caller can learn from a reply, joined.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Digest {
    pub(super) text: String,
    pub(super) tools: String,
    pub(super) finish: Vec<FinishReason>,
    pub(super) usage: Option<Usage>,
    pub(super) content_events: u32,
    /// How often the terminator was seen.
    pub(super) ends: u32,
    /// Bytes of the same-dialect lane.
    pub(super) raw: Vec<u8>,
    pub(super) streamed: bool,
}

impl Digest {
    fn add(&mut self, frame: Frame) -> Option<String> {
        self.add_facts(&frame.facts);
        match frame.data {
            FrameData::Raw(bytes) => self.raw.extend_from_slice(&bytes),
            FrameData::Events(events) => self.add_events(&events),
        }
        frame.facts.error.map(|error| error.message)
    }

    fn add_facts(&mut self, facts: &Facts) {
        self.content_events += facts.content_events;
        self.ends += u32::from(facts.ended);
        self.finish.extend(facts.finish);
        if let Some(later) = &facts.usage {
            match &mut self.usage {
                Some(usage) => usage.update((**later).clone()),
                none => *none = Some((**later).clone()),
            }
        }
    }

    fn add_events(&mut self, events: &[StreamEvent]) {
        for event in events {
            match event {
                StreamEvent::Text { text, .. } => self.text.push_str(text),
                StreamEvent::ToolCall {
                    name, arguments, ..
                } => {
                    self.tools.push_str(name);
                    self.tools.push_str(arguments);
                }
                StreamEvent::ToolArguments { fragment, .. } => self.tools.push_str(fragment),
                _ => {}
            }
        }
    }

    fn add_part(&mut self, part: &Part) {
        match &part.content {
            Content::Text { text, .. } => self.text.push_str(text),
            Content::ToolCall(call) => {
                self.tools.push_str(&call.name);
                self.tools.push_str(&call.arguments);
            }
            _ => {}
        }
    }

    fn of_whole(whole: Whole) -> Self {
        let mut digest = Self {
            usage: whole.usage().cloned(),
            ..Self::default()
        };
        match whole {
            Whole::Raw { body, .. } => digest.raw = body.to_vec(),
            Whole::Canonical(Response::Chat(chat)) => {
                for choice in &chat.choices {
                    choice.parts.iter().for_each(|part| digest.add_part(part));
                }
            }
            Whole::Canonical(Response::Completion(completion)) => {
                for choice in &completion.choices {
                    digest.text.push_str(&choice.text);
                }
            }
            _ => {}
        }
        digest
    }
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// Whole, or a stream to its end.
    Good(Digest),
    /// An error in place of a reply.
    Refused(CallError),
    /// A stream that broke, with what had arrived.
    Broken(Digest, String),
    /// The provider panicked.
    Panicked(String),
}

/// What came of one call.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ending: Ending,
    pub(super) lane: Option<Lane>,
    pub(super) sent: Vec<http::Request<Bytes>>,
    pub(super) attempts: Vec<Attempt>,
}

/// Reads a reply to its end.
pub(super) async fn drain(reply: Reply) -> Ending {
    let mut stream = match reply.body {
        ReplyBody::Whole(whole) => return Ending::Good(Digest::of_whole(whole)),
        ReplyBody::Stream(stream) => stream,
    };
    let mut digest = Digest {
        streamed: true,
        ..Digest::default()
    };
    let mut remote = None;
    while let Some(item) = next(&mut stream).await {
        match item {
            Ok(frame) => remote = remote.or(digest.add(frame)),
            Err(error) => return Ending::Broken(digest, error.message().to_owned()),
        }
    }
    match remote {
        Some(message) => Ending::Broken(digest, message),
        None => Ending::Good(digest),
    }
}

/// The next frame.
pub(super) async fn next(stream: &mut ReplyStream) -> Option<Result<Frame, CallError>> {
    std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}

/// Turns a panic of `future` into its message.
pub(super) struct Caught<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic_text(panic.as_ref()))),
        }
    }
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
