//! Each dialect, both ways: a request of 1 KB, a reply of 1 KB, a stream of 61 pieces of text.
//!
//! What is read is made by the dialect's own writing side, so that every dialect has the same to do.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use gateway_dialect::{
    ClientCodec, EncodedRequest, ReplyInfo, RequestOptions, anthropic, bedrock, cohere, gemini,
    mlflow, openai, openai_responses,
};
use gateway_schema::chat::{ChatRequest, ChatResponse, StreamEvent};
use gateway_schema::stream::{Decode, Frame, FrameData};
use gateway_schema::{CallError, Losses, Operation, Request, Response};

use super::Once;
use crate::request::Ask;
use crate::shapes::Shape;

type EncodeChat = fn(&ChatRequest, &RequestOptions<'_>) -> Result<EncodedRequest, CallError>;
type DecodeChat = fn(&[u8]) -> Result<ChatResponse, CallError>;

/// One dialect: what reads and writes on the client's side, and what does on the provider's.
struct Sides {
    client: &'static dyn ClientCodec,
    encode: Option<EncodeChat>,
    decode: Option<DecodeChat>,
    decoder: Option<fn() -> Box<dyn Decode>>,
}

static GEMINI: gemini::GeminiCodec = gemini::GeminiCodec::EVENTS;
static MLFLOW: mlflow::MlflowCodec = mlflow::MlflowCodec::by_model();

fn sides(dialect: &str) -> Result<Sides, String> {
    let none = Sides {
        client: &openai::OpenAi,
        encode: None,
        decode: None,
        decoder: None,
    };
    Ok(match dialect {
        "openai" => Sides {
            encode: Some(|request, options| {
                let request = Request::Chat(Box::new(request.clone()));
                openai::encode_request(&request, options, &openai::Quirks::OPENAI)
            }),
            decode: Some(openai::decode_chat_response),
            decoder: Some(|| Box::new(openai::StreamDecoder::new())),
            ..none
        },
        "openai_responses" => Sides {
            client: &openai_responses::OpenAiResponses,
            ..none
        },
        "anthropic" => Sides {
            client: &anthropic::AnthropicCodec,
            encode: Some(anthropic::encode_chat),
            decode: Some(anthropic::decode_chat),
            decoder: Some(|| Box::new(anthropic::StreamDecoder::new())),
        },
        "gemini" => Sides {
            client: &GEMINI,
            encode: Some(gemini::encode_chat),
            decode: Some(gemini::decode_chat),
            decoder: Some(|| Box::new(gemini::StreamDecoder::new())),
        },
        "bedrock" => Sides {
            client: &bedrock::BedrockCodec,
            encode: Some(bedrock::encode_chat),
            decode: Some(bedrock::decode_chat),
            decoder: Some(|| Box::new(bedrock::StreamDecoder::new())),
        },
        "cohere" => Sides {
            encode: Some(cohere::encode_chat),
            ..none
        },
        "mlflow" => Sides {
            client: &MLFLOW,
            ..none
        },
        _ => return Err(format!("no dialect is called {dialect}")),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn told(error: CallError) -> String {
    error.message().to_owned()
}

fn request() -> Result<ChatRequest, String> {
    let ask = Ask {
        shape: Shape::OpenAi,
        model: "m".to_owned(),
        bytes: 1024,
        stream: false,
        key: String::new(),
        distinct: false,
    };
    openai::decode_chat_request(ask.body().as_bytes()).map_err(told)
}

fn reply() -> Result<ChatResponse, String> {
    openai::decode_chat_response(Shape::OpenAi.whole(1024).as_bytes()).map_err(told)
}

fn info() -> ReplyInfo {
    ReplyInfo::new("m", "p", "0123456789abcdef0123456789abcdef", 1_741_569_952)
        .with_include_usage(true)
}

fn groups() -> Result<Vec<Vec<StreamEvent>>, String> {
    let mut decoder = openai::StreamDecoder::new();
    let mut frames = Vec::new();
    for event in Shape::OpenAi.events(61) {
        decoder
            .feed(Bytes::from(event), &mut frames)
            .map_err(told)?;
    }
    decoder.end(&mut frames).map_err(told)?;
    let events = frames.into_iter().filter_map(|frame| match frame.data {
        FrameData::Events(events) => Some(events),
        FrameData::Raw(_) => None,
    });
    Ok(events.collect())
}

/// A provider's side writes a request.
pub(super) fn encode_request(dialect: &str) -> Result<Once, String> {
    let encode = sides(dialect)?.encode.ok_or("it writes none")?;
    let request = request()?;
    Ok(Box::new(move || {
        drop(black_box(encode(&request, &RequestOptions::new("model"))));
    }))
}

/// A client's side reads a request.
pub(super) fn decode_request(dialect: &str) -> Result<Once, String> {
    let sides = sides(dialect)?;
    let body = match (dialect, sides.encode) {
        ("openai_responses", _) => Bytes::from_static(
            br#"{"model":"m","input":[{"role":"user","content":"Tell me what there is to be told about it, at some length and in words that are understood."}],"max_output_tokens":256,"temperature":0.7}"#,
        ),
        (_, Some(encode)) => {
            let made = encode(&request()?, &RequestOptions::new("model")).map_err(told)?;
            made.body
        }
        _ => return Err("nothing writes what it reads".to_owned()),
    };
    let client = sides.client;
    client.decode(Operation::Chat, &body).map_err(told)?;
    Ok(Box::new(move || {
        drop(black_box(client.decode(Operation::Chat, &body)));
    }))
}

/// A client's side writes a reply.
pub(super) fn encode_reply(dialect: &str) -> Result<Once, String> {
    let client = sides(dialect)?.client;
    let reply = Response::Chat(Box::new(reply()?));
    let info = info();
    Ok(Box::new(move || {
        drop(black_box(client.encode(&reply, &info, &mut Losses::new())));
    }))
}

/// A provider's side reads a reply.
pub(super) fn decode_reply(dialect: &str) -> Result<Once, String> {
    let sides = sides(dialect)?;
    let decode = sides.decode.ok_or("it reads none")?;
    let reply = Response::Chat(Box::new(reply()?));
    let body = sides.client.encode(&reply, &info(), &mut Losses::new());
    let body = body.map_err(told)?;
    decode(&body).map_err(told)?;
    Ok(Box::new(move || drop(black_box(decode(&body)))))
}

/// A client's side writes a stream.
pub(super) fn encode_stream(dialect: &str) -> Result<Once, String> {
    let client = sides(dialect)?.client;
    let (groups, info) = (groups()?, info());
    Ok(Box::new(move || {
        black_box(written(client, &groups, &info));
    }))
}

fn written(client: &dyn ClientCodec, groups: &[Vec<StreamEvent>], info: &ReplyInfo) -> Vec<Bytes> {
    let mut encoder = client.encoder(Operation::Chat, info);
    let mut out = BytesMut::new();
    let mut chunks = Vec::new();
    for events in groups {
        encoder.encode(events, &mut out);
        chunks.push(out.split().freeze());
    }
    encoder.end(&mut out);
    chunks.push(out.freeze());
    chunks
}

/// A provider's side reads a stream, an event at a time.
pub(super) fn decode_stream(dialect: &str) -> Result<Once, String> {
    let sides = sides(dialect)?;
    let decoder = sides.decoder.ok_or("it reads none")?;
    let chunks = written(sides.client, &groups()?, &info());
    Ok(Box::new(move || feed(&mut *decoder(), &chunks)))
}

/// An OpenAI stream that is forwarded and watched.
pub(super) fn observe_stream(tokens: usize) -> Once {
    let events = Shape::OpenAi.events(tokens);
    let chunks: Vec<Bytes> = events.into_iter().map(Bytes::from).collect();
    Box::new(move || {
        let mut observer = openai::Observer::new(openai::UsageChunk::Forward);
        feed(&mut observer, &chunks);
    })
}

/// An OpenAI reply that is forwarded and looked at.
pub(super) fn observe_reply() -> Once {
    let body = Shape::OpenAi.whole(1024);
    Box::new(move || drop(black_box(openai::observe(body.as_bytes()))))
}

fn feed(decoder: &mut dyn Decode, chunks: &[Bytes]) {
    let mut frames: Vec<Frame> = Vec::new();
    for chunk in chunks {
        drop(black_box(decoder.feed(chunk.clone(), &mut frames)));
        frames.clear();
    }
    drop(black_box(decoder.end(&mut frames)));
}
