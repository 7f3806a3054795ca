//! Streams of the same dialect on both sides: forwarded untouched, and watched.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use gateway_schema::CallError;
use gateway_schema::stream::{Decode, Facts, Frame};
use memchr::memmem::Finder;

use super::DONE;
use super::chunk::{ChunkReader, is_bare_error};
use super::plain::Plain;
use super::shape::Shape;
use crate::node::Node;
use crate::sse::{self, SseEvent, SseScanner};

/// Whether the chunk that only reports usage reaches the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageChunk {
    /// Forwarded like everything else.
    #[default]
    Forward,
    /// Cut out: the gateway asked for usage on its own behalf, the caller did not.
    Hide,
}

impl UsageChunk {
    /// Hidden when the gateway asked for it on its own behalf.
    pub const fn hidden_when(hides: bool) -> Self {
        if hides { Self::Hide } else { Self::Forward }
    }
}

/// Forwards the bytes of a stream and states what is in them.
///
/// Only the first events, and those with usage, a finish reason or an error, are parsed; of all others it looks for
/// the text and takes its length, of one that differs from those before in nothing but its text at once. The bytes of an incomplete event are held back until the rest is there: of an event
/// that is cut off, or cut out, no half ever leaves.
#[derive(Debug)]
pub struct Observer {
    scanner: SseScanner,
    watch: Watch,
    plain: Plain,
    usage_chunk: UsageChunk,
    held: BytesMut,
    /// The chunk before ended within the line end of an event that was cut out: its LF goes, too.
    cuts_lf: bool,
    /// An error stands in place of the provider's own; nothing follows it.
    is_over: bool,
}

/// How many events are parsed in search of a model that some providers never name.
const MAX_SEARCH: u32 = 8;

impl Observer {
    /// An observer at the start of a stream.
    pub fn new(usage_chunk: UsageChunk) -> Self {
        Self {
            scanner: SseScanner::new(),
            watch: Watch::default(),
            plain: Plain::default(),
            usage_chunk,
            held: BytesMut::new(),
            cuts_lf: false,
            is_over: false,
        }
    }

    /// What may leave: everything held back and the chunk up to `tail`, where its incomplete event begins, without
    /// the events in `cuts`. The rest of the chunk is held back.
    fn assemble(&mut self, chunk: &Bytes, tail: usize, cuts: &[(Option<usize>, usize)]) -> Bytes {
        let rest = chunk.get(tail..).unwrap_or_default();
        if tail == 0 {
            self.held.extend_from_slice(rest);
            return Bytes::new();
        }
        let bytes = if cuts.is_empty() && self.held.is_empty() {
            chunk.slice(..tail)
        } else {
            let mut out = std::mem::take(&mut self.held);
            let mut from = 0;
            for (start, end) in cuts {
                match start {
                    Some(start) => {
                        out.extend_from_slice(chunk.get(from..*start).unwrap_or_default());
                    }
                    // It began in what was held back, which holds nothing else.
                    None => out.clear(),
                }
                from = *end;
            }
            out.extend_from_slice(chunk.get(from..tail).unwrap_or_default());
            out.freeze()
        };
        self.held.extend_from_slice(rest);
        bytes
    }

    /// What leaves of a chunk before the event that begins at `start`.
    fn before(
        &mut self,
        chunk: &Bytes,
        start: Option<usize>,
        cuts: &[(Option<usize>, usize)],
    ) -> Bytes {
        if start.is_none() {
            self.held.clear();
        }
        let good = chunk.slice(..start.unwrap_or(0));
        self.assemble(&good, good.len(), cuts)
    }
}

/// The event that puts an error without an envelope into OpenAI's; `None` for everything else.
fn enveloped(data: &[u8]) -> Option<String> {
    let node = serde_json::from_slice::<Node<'_>>(data).ok()?;
    is_bare_error(&node).then(|| {
        let body = serde_json::json!({"error": node.into_value()});
        format!("data: {body}\n\n")
    })
}

impl Decode for Observer {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.is_over {
            return Ok(());
        }
        if !self.watch.is_begun {
            self.plain.take(&chunk);
        }
        let mut facts = Facts::default();
        let mut cuts = Vec::new();
        if !chunk.is_empty() && std::mem::take(&mut self.cuts_lf) && chunk.first() == Some(&b'\n') {
            cuts.push((Some(0), 1));
        }
        let watch = &mut self.watch;
        let hides = self.usage_chunk == UsageChunk::Hide;
        let (mut malformed, mut bare) = (None, None);
        let tail = self.scanner.feed(&chunk, |event| {
            if malformed.is_some() || bare.is_some() {
                return;
            }
            match watch.event(&event, &mut facts) {
                Ok(Look::Passed) => {}
                Ok(Look::Parsed) => {
                    if watch.reader.failed
                        && let Some(error) = enveloped(event.data)
                    {
                        bare = Some((event.start, error));
                    } else if hides && is_usage_only(event.data) {
                        cuts.push((event.start, event.end));
                    }
                }
                Err(_) => malformed = Some(event.start),
            }
        })?;
        if let Some(start) = malformed {
            let bytes = self.before(&chunk, start, &cuts);
            out.push(Frame::raw(bytes, facts));
            return Err(sse::malformed());
        }
        if let Some((start, error)) = bare {
            let mut bytes = BytesMut::from(&*self.before(&chunk, start, &cuts));
            bytes.extend_from_slice(error.as_bytes());
            self.is_over = true;
            out.push(Frame::raw(bytes.freeze(), facts));
            return Ok(());
        }
        let ends_in_cut = cuts.last().is_some_and(|(_, end)| *end == chunk.len());
        self.cuts_lf = ends_in_cut && chunk.last() == Some(&b'\r');
        let bytes = self.assemble(&chunk, tail, &cuts);
        if !bytes.is_empty() || facts != Facts::default() {
            out.push(Frame::raw(bytes, facts));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.is_over {
            return Ok(());
        }
        let mut facts = Facts::default();
        let mut is_hidden = false;
        let watch = &mut self.watch;
        let hides = self.usage_chunk == UsageChunk::Hide;
        self.scanner.finish(|event| {
            let mut is_half = event.data != DONE && !sse::is_whole(event.data);
            if !is_half {
                is_half = watch.event(&event, &mut facts).is_err();
            }
            is_hidden = is_half || hides && is_usage_only(event.data);
        });
        let held = std::mem::take(&mut self.held).freeze();
        let is_open = !held.is_empty() && !is_hidden;
        let bytes = if is_hidden { Bytes::new() } else { held };
        if !bytes.is_empty() || facts != Facts::default() {
            out.push(Frame::raw(bytes, facts));
        }
        if self.watch.reader.ended || self.watch.reader.failed {
            return Ok(());
        }
        if !self.watch.reader.has_finish() {
            return Err(self.plain.cut_short());
        }
        self.watch.reader.ended = true;
        let facts = {
            let mut facts = Facts::default();
            facts.ended = true;
            facts.meaningful = true;
            facts
        };
        let done: &[u8] = if is_open {
            b"\n\ndata: [DONE]\n\n"
        } else {
            b"data: [DONE]\n\n"
        };
        out.push(Frame::raw(Bytes::from_static(done), facts));
        Ok(())
    }
}

/// The part of an observer that looks at events.
#[derive(Debug, Default)]
struct Watch {
    reader: ChunkReader,
    /// Events are parsed until the answer has begun and is known by model and id.
    is_known: bool,
    is_begun: bool,
    parsed: u32,
    shape: Shape,
}

/// How much of an event was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It says nothing but its text, or comes after the end.
    Passed,
    Parsed,
}

impl Watch {
    /// Looks at one event.
    ///
    /// # Errors
    /// It is not JSON, as far as that was looked at.
    fn event(&mut self, event: &SseEvent<'_>, facts: &mut Facts) -> Result<Look, CallError> {
        if self.reader.ended {
            return Ok(Look::Parsed);
        }
        let data = event.data;
        let settled = self.is_known && self.is_begun && event.name != Some("error");
        if settled {
            if let Some(length) = self.shape.text_length(data) {
                facts.meaningful = true;
                facts.count(length);
                return Ok(Look::Passed);
            }
            if data != DONE && !is_interesting(data) {
                return self.pass(data, facts);
            }
        }
        let events = self.reader.event(event)?;
        let read = Facts::of(&events);
        self.parsed += 1;
        self.is_begun |= read.meaningful;
        self.is_known |= read.model.is_some() || self.parsed >= MAX_SEARCH;
        facts.absorb(read);
        Ok(Look::Parsed)
    }

    /// Looks for nothing but the text.
    fn pass(&mut self, data: &[u8], facts: &mut Facts) -> Result<Look, CallError> {
        if !sse::may_be_object(data) {
            return Err(sse::malformed());
        }
        let (start, length) = text_place(data);
        self.shape.learn(data, start, length);
        facts.meaningful = true;
        facts.count(length);
        Ok(Look::Passed)
    }
}

/// What is looked for in every event, prepared once.
struct Needles {
    finish: Finder<'static>,
    usage: Finder<'static>,
    error: Finder<'static>,
    bare_error: [Finder<'static>; 2],
    texts: [Finder<'static>; 5],
}

static NEEDLES: LazyLock<Needles> = LazyLock::new(|| Needles {
    finish: Finder::new("\"finish_reason\""),
    usage: Finder::new("\"usage\""),
    error: Finder::new("\"error\""),
    bare_error: [
        Finder::new("\"object\":\"error\""),
        Finder::new("\"object\": \"error\""),
    ],
    texts: [
        Finder::new("\"content\":"),
        Finder::new("\"arguments\":"),
        Finder::new("\"reasoning_content\":"),
        Finder::new("\"reasoning\":"),
        Finder::new("\"text\":"),
    ],
});

/// True when an event must be parsed: it may hold usage, a finish reason or an error.
fn is_interesting(data: &[u8]) -> bool {
    let needles = &*NEEDLES;
    has_value(data, &needles.finish)
        || has_value(data, &needles.usage)
        || has_value(data, &needles.error)
        || needles.bare_error.iter().any(|it| it.find(data).is_some())
}

/// True when the quoted word stands as a key of something other than null. Inside a text its quotes would have
/// backslashes, so a text that talks about it is not taken for it.
fn has_value(data: &[u8], quoted: &Finder<'_>) -> bool {
    let mut rest = data;
    while let Some(at) = quoted.find(rest) {
        let after = rest
            .get(at + quoted.needle().len()..)
            .unwrap_or_default()
            .trim_ascii_start();
        if let Some(value) = after.strip_prefix(b":")
            && !value.trim_ascii_start().starts_with(b"null")
        {
            return true;
        }
        rest = after;
    }
    false
}

/// Where the text stands that an event adds, and its length, escapes counted as they stand.
fn text_place(data: &[u8]) -> (usize, usize) {
    for key in &NEEDLES.texts {
        let Some(at) = key.find(data) else {
            continue;
        };
        let value = data
            .get(at + key.needle().len()..)
            .unwrap_or_default()
            .trim_ascii_start();
        if let Some(text) = value.strip_prefix(b"\"") {
            let length = sse::string_length(text);
            if length > 0 {
                return (data.len() - text.len(), length);
            }
        }
    }
    (0, 0)
}

/// True for the chunk that reports usage and nothing else.
fn is_usage_only(data: &[u8]) -> bool {
    if !has_value(data, &NEEDLES.usage) {
        return false;
    }
    let Ok(node) = serde_json::from_slice::<Node<'_>>(data) else {
        return false;
    };
    matches!(node.get("choices"), Some(Node::List(choices)) if choices.is_empty())
        && matches!(node.get("usage"), Some(Node::Object(_)))
        && node.get("error").is_none_or(Node::is_void)
}
