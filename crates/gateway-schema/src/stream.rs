//! What both lanes of a streamed reply have in common: frames, the facts read from them, and the pure traits that
//! make and take them.
//!
//! *Same dialect*: a frame is the provider's bytes, forwarded untouched; an observing [`Decode`] states the facts.
//! *Cross dialect*: a frame is a group of canonical events, and an [`Encode`] of the caller's dialect writes them.
//! Either way the layers above read [`Facts`] and nothing else.

use bytes::{Bytes, BytesMut};

use crate::chat::{FinishReason, RemoteError, StreamEvent};
use crate::{CallError, Losses, Usage};

/// A piece of a streamed reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// What goes to the caller.
    pub data: FrameData,
    /// What was read from it.
    pub facts: Facts,
}

/// What goes to the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameData {
    /// Bytes of the caller's own dialect, cut anywhere. May be empty when a frame only states facts.
    Raw(Bytes),
    /// The canonical events of one upstream event.
    Events(Vec<StreamEvent>),
}

/// What was read from a frame. Everything is about this frame alone, except usage, which is cumulative.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Facts {
    /// A caller should see it: content, an end. The first such frame commits the reply.
    pub meaningful: bool,
    /// The provider's terminator was seen (`[DONE]`, `message_stop`, or what the dialect counts as one).
    pub ended: bool,
    /// How many content events it holds. Used to estimate tokens that the provider never reported.
    pub content_events: u32,
    /// How many bytes of generated text it holds, if the lane knows. Used for the same estimate.
    pub text_bytes: u32,
    /// Why an answer ended.
    pub finish: Option<FinishReason>,
    /// Consumption so far.
    pub usage: Option<Box<Usage>>,
    /// The model that answers, when it is first stated.
    pub model: Option<String>,
    /// The provider's id of the answer, when it is first stated.
    pub id: Option<String>,
    /// The provider reported an error inside the stream.
    pub error: Option<Box<RemoteError>>,
}

impl Facts {
    /// Reads the facts of canonical events.
    pub fn of(events: &[StreamEvent]) -> Self {
        let mut facts = Self::default();
        for event in events {
            facts.meaningful |= event.is_meaningful();
            match event {
                StreamEvent::Start { id, model, .. } => {
                    facts.id.clone_from(id);
                    facts.model.clone_from(model);
                }
                StreamEvent::Text { text, .. }
                | StreamEvent::Thinking { text, .. }
                | StreamEvent::Refusal { text, .. }
                | StreamEvent::ToolArguments { fragment: text, .. }
                | StreamEvent::ToolCall {
                    arguments: text, ..
                } => {
                    facts.count(text.len());
                }
                StreamEvent::Finish { finish, .. } => facts.finish = Some(finish.reason),
                StreamEvent::Usage(usage) => {
                    facts.usage.get_or_insert_default().update(usage.clone());
                }
                StreamEvent::Error(error) => facts.error = Some(Box::new(error.clone())),
                StreamEvent::End => facts.ended = true,
                _ => {}
            }
        }
        facts
    }

    /// The facts of a frame that says nothing but text.
    pub fn text(content_events: u32, text_bytes: u32) -> Self {
        Self {
            meaningful: true,
            content_events,
            text_bytes,
            ..Self::default()
        }
    }

    /// Whether the frame says nothing but text: then [`text`](Self::text) makes the same facts.
    pub const fn is_text(&self) -> bool {
        let Self {
            meaningful,
            ended,
            content_events: _,
            text_bytes: _,
            finish,
            usage,
            model,
            id,
            error,
        } = self;
        let is_more = *ended
            || finish.is_some()
            || usage.is_some()
            || model.is_some()
            || id.is_some()
            || error.is_some();
        *meaningful && !is_more
    }

    /// Counts a content event that holds so many bytes of text.
    pub fn count(&mut self, text_bytes: usize) {
        let text_bytes = u32::try_from(text_bytes).unwrap_or(u32::MAX);
        self.content_events = self.content_events.saturating_add(1);
        self.text_bytes = self.text_bytes.saturating_add(text_bytes);
    }

    /// Takes over what a later frame of the same answer says.
    pub fn absorb(&mut self, later: Self) {
        self.meaningful |= later.meaningful;
        self.ended |= later.ended;
        self.content_events = self.content_events.saturating_add(later.content_events);
        self.text_bytes = self.text_bytes.saturating_add(later.text_bytes);
        self.finish = later.finish.or(self.finish);
        self.model = self.model.take().or(later.model);
        self.id = self.id.take().or(later.id);
        self.error = self.error.take().or(later.error);
        match (&mut self.usage, later.usage) {
            (Some(known), Some(usage)) => known.update(*usage),
            (none @ None, usage) => *none = usage,
            (Some(_), None) => {}
        }
    }
}

impl Frame {
    /// A group of canonical events, with its facts.
    pub fn events(events: Vec<StreamEvent>) -> Self {
        Self {
            facts: Facts::of(&events),
            data: FrameData::Events(events),
        }
    }

    /// Appends a group of canonical events to `out`, if there are any.
    pub fn push_events(events: Vec<StreamEvent>, out: &mut Vec<Self>) {
        if !events.is_empty() {
            out.push(Self::events(events));
        }
    }

    /// Bytes of the caller's own dialect, with the facts an observer read from them.
    pub const fn raw(bytes: Bytes, facts: Facts) -> Self {
        Self {
            data: FrameData::Raw(bytes),
            facts,
        }
    }
}

/// Turns the bytes of a streamed upstream reply into frames. One per stream; pure.
///
/// Bytes may be cut anywhere: any split of the same bytes gives the same events.
pub trait Decode: Send {
    /// Takes the next bytes and appends the frames they complete. An observing decoder appends exactly one frame
    /// with the bytes themselves unless it must hold something back.
    ///
    /// # Errors
    /// [`CallError`] of origin upstream when the bytes cannot be understood and nothing after them can be either.
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError>;

    /// The upstream ended its body cleanly. Appends what was held back, and for dialects whose terminator some
    /// providers never send, a frame with [`Facts::ended`] if the answer is complete all the same.
    ///
    /// # Errors
    /// [`CallError`] of origin upstream when the stream stopped short of its end.
    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError>;
}

/// Writes canonical events as a stream of the caller's dialect. One per stream; pure.
pub trait Encode: Send {
    /// Appends one group of events, as one chunk where the dialect has coarse chunks.
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut);

    /// Appends the dialect's good end. Called once, after a stream that ended well.
    fn end(&mut self, out: &mut BytesMut);

    /// Appends the dialect's error event. Called once, in place of [`end`](Self::end), with a body that the error
    /// mapping has already rendered for the dialect.
    fn error(&mut self, body: &serde_json::Value, out: &mut BytesMut);

    /// States that others of this dialect wrote before: `last` is what left last, whole events. What follows, an error,
    /// goes on where they stopped, in dialects that number their events.
    fn resume(&mut self, last: &[u8]) {
        let _ = last;
    }

    /// What could not be carried so far.
    fn losses(&self) -> &Losses;
}
