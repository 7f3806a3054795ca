//! What must hold for any bytes that a stranger sends.
//!
//! * Nothing panics.
//! * A stream gives the same events however it is cut, and ends well or badly alike.
//! * What was read and written once is read and written the same for ever after.

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::{ChatRequest, ChatResponse, Fold, StreamEvent};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::stream::{Decode, Frame, FrameData};
use gateway_schema::{CallError, Losses, Operation, Request, Response};

use serde_json::Value;

use super::at_random;
use crate::bedrock::invoke::{self, InvokeDecoder, Vendor};
use crate::event_stream::EventStreamScanner;
use crate::{
    ClientCodec, EncodedRequest, ReplyInfo, RequestOptions, anthropic, bedrock, cohere, gemini,
    mlflow, openai, openai_responses,
};

type NewDecoder = fn() -> Box<dyn Decode>;
type WriteRequest = fn(&ChatRequest) -> Result<EncodedRequest, CallError>;
type ReadReply = fn(&[u8]) -> Result<ChatResponse, CallError>;

/// Everything of a dialect that reads what others wrote.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The dialect.
    pub name: &'static str,
    codec: Option<fn() -> Box<dyn ClientCodec>>,
    request: Option<WriteRequest>,
    reply: Option<ReadReply>,
    stream: Option<NewDecoder>,
    /// Other readers of streams, of which only the cut is checked.
    streams: &'static [NewDecoder],
    /// Other readers of bodies, which only must not panic.
    bodies: &'static [fn(&[u8])],
}

const PROBES: [Probe; 7] = [
    Probe {
        name: "openai",
        codec: Some(|| Box::new(openai::OpenAi)),
        request: Some(|request| {
            let options = RequestOptions::new("gpt-4.1");
            Ok(openai::encode_chat_request(
                request,
                &options,
                &openai::Quirks::OPENAI,
            ))
        }),
        reply: Some(openai::decode_chat_response),
        stream: Some(|| Box::new(openai::StreamDecoder::new())),
        streams: &[
            || Box::new(openai::Observer::new(openai::UsageChunk::Forward)),
            || Box::new(openai::Observer::new(openai::UsageChunk::Hide)),
        ],
        bodies: &[
            |body| drop(openai::decode_completion_request(body)),
            |body| drop(openai::decode_completion_response(body)),
            |body| drop(openai::decode_embedding_request(body)),
            |body| drop(openai::decode_embedding_response(body)),
            |body| drop(openai::observe(body)),
            |body| drop(openai::decode_error(500, Some("application/json"), body)),
        ],
    },
    Probe {
        name: "anthropic",
        codec: Some(|| Box::new(anthropic::AnthropicCodec)),
        request: Some(|request| {
            anthropic::encode_chat(request, &RequestOptions::new("claude-sonnet-4-0"))
        }),
        reply: Some(anthropic::decode_chat),
        stream: Some(|| Box::new(anthropic::StreamDecoder::new())),
        streams: &[|| Box::new(anthropic::StreamObserver::new())],
        bodies: &[
            |body| drop(anthropic::decode_completion(body)),
            |body| drop(anthropic::decode_count(body)),
            |body| drop(anthropic::observe_chat(body)),
            |body| drop(anthropic::decode_error(529, None, body)),
        ],
    },
    Probe {
        name: "gemini",
        codec: Some(|| Box::new(gemini::GeminiCodec::EVENTS)),
        request: Some(|request| {
            gemini::encode_chat(request, &RequestOptions::new("gemini-2.5-flash"))
        }),
        reply: Some(gemini::decode_chat),
        stream: Some(|| Box::new(gemini::StreamDecoder::new())),
        streams: &[|| Box::new(gemini::StreamObserver::new())],
        bodies: &[
            |body| drop(gemini::decode_count(body)),
            |body| drop(gemini::decode_embedding(body)),
            |body| drop(gemini::decode_predict(body)),
            |body| drop(gemini::observe_chat(body)),
            |body| drop(gemini::decode_error(400, None, body)),
        ],
    },
    Probe {
        name: "bedrock",
        codec: Some(|| Box::new(bedrock::BedrockCodec)),
        request: Some(|request| {
            let options = RequestOptions::new("anthropic.claude-sonnet-4-20250514-v1:0");
            bedrock::encode_chat(request, &options)
        }),
        reply: Some(bedrock::decode_chat),
        stream: Some(|| Box::new(bedrock::StreamDecoder::new())),
        streams: &[
            || Box::new(bedrock::StreamObserver::new()),
            || Box::new(InvokeDecoder::new(Vendor::Llama)),
            || Box::new(InvokeDecoder::new(Vendor::Ai21)),
            || Box::new(InvokeDecoder::new(Vendor::Claude)),
        ],
        bodies: &[
            |body| drop(bedrock::decode_count(body)),
            |body| drop(bedrock::observe_chat(body)),
            |body| drop(bedrock::decode_error(400, None, None, body)),
            |body| drop(invoke::decode_rerank(&question(), body)),
        ],
    },
    Probe {
        name: "cohere",
        codec: Some(|| Box::new(cohere::CohereCodec)),
        request: Some(|request| {
            cohere::encode_chat(request, &RequestOptions::new("command-a-03-2025"))
        }),
        reply: Some(cohere::decode_chat),
        stream: Some(|| Box::new(cohere::StreamDecoder::new())),
        streams: &[|| Box::new(cohere::v1::StreamDecoder::new())],
        bodies: &[
            |body| drop(cohere::decode_rerank(body, &question())),
            |body| drop(cohere::decode_embedding(body)),
            |body| drop(cohere::decode_error(400, None, body)),
        ],
    },
    Probe {
        name: "openai-responses",
        codec: Some(|| Box::new(openai_responses::OpenAiResponses)),
        request: None,
        reply: None,
        stream: None,
        streams: &[|| Box::new(openai_responses::StreamObserver::new())],
        bodies: &[
            |body| drop(openai_responses::observe(body)),
            |body| drop(openai_responses::own_items(body)),
            |body| drop(openai_responses::tool_forms(Some(body), Some(body))),
            |body| drop(openai_responses::decode_error(400, None, body)),
        ],
    },
    Probe {
        name: "mlflow",
        codec: Some(|| Box::new(mlflow::MlflowCodec::by_model())),
        request: None,
        reply: None,
        stream: None,
        streams: &[],
        bodies: &[
            |body| drop(mlflow::MlflowCodec::by_model().decode(Operation::Completion, body)),
            |body| drop(mlflow::MlflowCodec::by_model().decode(Operation::Embedding, body)),
            |body| drop(mlflow::strict_json(body)),
            |body| drop(mlflow::not_json(body)),
        ],
    },
];

fn question() -> RerankRequest {
    RerankRequest::new("q", Vec::new())
}

/// The probe of a dialect.
pub fn probe(name: &str) -> Option<Probe> {
    PROBES.into_iter().find(|probe| probe.name == name)
}

impl Probe {
    /// The probes of all dialects.
    pub const fn all() -> [Self; 7] {
        PROBES
    }

    /// Checks everything that reads, with `data` in each role: what begins with `q` is a request, with `r` a reply,
    /// with `s` a stream, and anything else is all of them. The second byte says how streams are cut.
    pub fn check(&self, data: &[u8]) {
        let [role, seed, body @ ..] = data else {
            return;
        };
        match role {
            b'q' => self.check_request(body),
            b'r' => self.check_reply(body),
            b's' => self.check_stream(body, u64::from(*seed)),
            _ => {
                self.check_request(body);
                self.check_reply(body);
                self.check_stream(body, u64::from(*seed));
            }
        }
    }

    /// True when `data` in its role can be read at all; roles that the dialect has no reader for count as read.
    pub fn reads(&self, data: &[u8]) -> bool {
        let [role, _, body @ ..] = data else {
            return false;
        };
        match role {
            b'q' => self
                .codec
                .is_none_or(|new| new().decode(Operation::Chat, body).is_ok()),
            b'r' => self.reply.is_none_or(|read| read(body).is_ok()),
            _ => {
                let mut readers = self.stream.iter().chain(self.streams);
                readers.any(|new| !feed(&mut *new(), &[Bytes::copy_from_slice(body)]).failed)
            }
        }
    }

    /// A request that can be read can be written for its own provider, and is stable from then on.
    pub fn check_request(&self, body: &[u8]) {
        let Some(codec) = self.codec.map(|new| new()) else {
            return;
        };
        let read = |body: &[u8]| match codec.decode(Operation::Chat, body) {
            Ok(decoded) => match decoded.value {
                Request::Chat(chat) => Some(*chat),
                _ => None,
            },
            Err(_) => None,
        };
        let (Some(request), Some(write)) = (read(body), self.request) else {
            return;
        };
        let Ok(first) = write(&request) else { return };
        let Some(again) = read(&first.body) else {
            // Providers take forms that clients of the same dialect may not use; that is no fault.
            return;
        };
        if let Ok(second) = write(&again) {
            same("request", &first.body, &second.body);
        }
    }

    /// A reply that can be read can be written for its own clients, and is stable from then on.
    pub fn check_reply(&self, body: &[u8]) {
        for read in self.bodies {
            read(body);
        }
        let Some(Ok(reply)) = self.reply.map(|read| read(body)) else {
            return;
        };
        let (Some(codec), Some(read)) = (self.codec.map(|new| new()), self.reply) else {
            return;
        };
        let write = |reply: ChatResponse| {
            let reply = Response::Chat(Box::new(reply));
            codec.encode(&reply, &info(), &mut Losses::new())
        };
        let Ok(first) = write(reply) else { return };
        let Ok(again) = read(&first) else {
            // Only an answer that says nothing at all may be no answer.
            return;
        };
        if let Ok(second) = write(again) {
            same("reply", &first, &second);
        }
    }

    /// A stream is the same however it is cut; written for its own clients it is stable from then on.
    ///
    /// # Panics
    /// When it is not.
    pub fn check_stream(&self, body: &[u8], seed: u64) {
        for new in self.stream.iter().chain(self.streams) {
            let whole = feed(&mut *new(), &[Bytes::copy_from_slice(body)]);
            for longest in [1, 7, 64] {
                let cut = feed(&mut *new(), &at_random(body, longest, seed));
                assert_eq!(
                    cut.failed, whole.failed,
                    "a cut changed how the stream ends"
                );
                assert_eq!(cut.groups, whole.groups, "a cut changed the events");
                if !whole.failed {
                    assert_eq!(cut.raw, whole.raw, "a cut changed the bytes");
                }
            }
        }
        let (Some(new), Some(codec)) = (self.stream, self.codec.map(|new| new())) else {
            return;
        };
        let write = |groups: &[Vec<StreamEvent>]| {
            let mut encoder = codec.encoder(Operation::Chat, &info());
            let mut out = BytesMut::new();
            for group in groups {
                encoder.encode(group, &mut out);
            }
            encoder.end(&mut out);
            out.freeze()
        };
        let read = feed(&mut *new(), &[Bytes::copy_from_slice(body)]);
        if read.failed || read.says_error() {
            return;
        }
        let first = write(&read.groups);
        let again = feed(&mut *new(), std::slice::from_ref(&first));
        assert!(!again.failed, "what was written cannot be read: {first:?}");
        let second = write(&again.groups);
        let third = feed(&mut *new(), std::slice::from_ref(&second));
        // How events share chunks may settle with the first writing; what they say must not change.
        assert_eq!(
            again.answer(),
            third.answer(),
            "a stream says something else each time it is written"
        );
    }
}

/// Checks the scanner of AWS event streams: no panic, and the same messages however the bytes are cut.
///
/// # Panics
/// When there are others.
pub fn event_stream(data: &[u8]) {
    let [seed, body @ ..] = data else { return };
    let scan = |chunks: &[Bytes]| {
        let mut scanner = EventStreamScanner::new();
        let mut seen = Vec::new();
        let mut fault = false;
        for chunk in chunks {
            let fed = scanner.feed(chunk, |message| {
                let names = [":event-type", ":exception-type", ":message-type"];
                let headers = names.map(|name| message.header(name).map(str::to_owned));
                seen.push((headers, message.payload.to_vec()));
            });
            if fed.is_err() {
                fault = true;
                break;
            }
        }
        (seen, fault, !fault && scanner.is_between_messages())
    };
    let whole = scan(&[Bytes::copy_from_slice(body)]);
    for longest in [1, 5, 40] {
        let cut = scan(&at_random(body, longest, u64::from(*seed)));
        assert_eq!(cut, whole, "a cut changed the messages");
    }
}

fn info() -> ReplyInfo {
    ReplyInfo::new("model", "provider", "0123456789abcdef0123456789abcdef", 1)
        .with_include_usage(true)
}

/// What a decoder made of a stream.
struct Read {
    groups: Vec<Vec<StreamEvent>>,
    raw: Vec<u8>,
    failed: bool,
}

impl Read {
    /// The whole answer.
    fn answer(&self) -> Option<ChatResponse> {
        let mut fold = Fold::new();
        for event in self.groups.iter().flatten() {
            fold.push(event.clone());
        }
        fold.finish().ok()
    }

    fn says_error(&self) -> bool {
        let mut events = self.groups.iter().flatten();
        events.any(|event| matches!(event, StreamEvent::Error(_)))
    }
}

fn feed(decoder: &mut dyn Decode, chunks: &[Bytes]) -> Read {
    let mut frames: Vec<Frame> = Vec::new();
    let fed = chunks
        .iter()
        .try_for_each(|chunk| decoder.feed(chunk.clone(), &mut frames));
    let failed = fed.and_then(|()| decoder.end(&mut frames)).is_err();
    let mut read = Read {
        groups: Vec::new(),
        raw: Vec::new(),
        failed,
    };
    for frame in frames {
        match frame.data {
            FrameData::Events(events) => read.groups.push(events),
            FrameData::Raw(bytes) => read.raw.extend_from_slice(&bytes),
        }
    }
    read
}

/// What bytes say: lines, with JSON in them parsed, because the order of members means nothing.
fn lines(bytes: &[u8]) -> Vec<Result<Value, &[u8]>> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let json = line.strip_prefix(b"data: ").unwrap_or(line);
            serde_json::from_slice(json).map_err(|_| line)
        })
        .collect()
}

fn same(what: &str, one: &[u8], other: &[u8]) {
    if one == other {
        return;
    }
    let (one, other) = (lines(one), lines(other));
    let longest = one.len().max(other.len());
    let differs = (0..longest).find(|at| one.get(*at) != other.get(*at));
    assert!(
        differs.is_none(),
        "a {what} changes each time it is written:\n{:?}\n{:?}",
        differs.and_then(|at| one.get(at)),
        differs.and_then(|at| other.get(at)),
    );
}
