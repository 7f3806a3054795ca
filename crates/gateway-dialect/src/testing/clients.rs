//! What must hold between any client and any provider, whatever bytes a stranger sends.
//!
//! * A body that a client's codec reads as whatever it may be is written for every provider, or refused, and what is
//!   written is JSON.
//! * A stream that a provider's decoder reads is written for every client.

use bytes::{Bytes, BytesMut};
use gateway_schema::stream::{Decode, FrameData};
use gateway_schema::{CallError, Operation, Request};
use serde_json::Value;

use crate::bedrock::invoke::{self, Embedder, Vendor};
use crate::{
    ClientCodec, EncodedRequest, ReplyInfo, RequestOptions, ToolForm, ToolKind, anthropic, bedrock,
    cohere, gemini, mlflow, openai, openai_responses, rerank, tgi,
};

/// Everything that reads what clients send, by the letter that a test's first byte has.
pub(super) const CODECS: [(u8, &dyn ClientCodec); 11] = [
    (b'o', &openai::OpenAi),
    (b'r', &openai_responses::OpenAiResponses),
    (b'a', &anthropic::AnthropicCodec),
    (b'g', &gemini::GeminiCodec::EVENTS),
    (b'y', &gemini::GeminiCodec::ARRAY),
    (b'h', &gemini::GeminiCodec::BATCH),
    (b'b', &bedrock::BedrockCodec),
    (b'c', &cohere::CohereCodec),
    (b'k', &rerank::RerankCodec),
    (b'm', &mlflow::MlflowCodec::by_model()),
    (b'u', &mlflow::UnifiedCodec),
];

/// The operations, by the letter that the second byte has.
pub(super) const OPERATIONS: [(u8, Operation); 5] = [
    (b'c', Operation::Chat),
    (b't', Operation::Completion),
    (b'e', Operation::Embedding),
    (b'k', Operation::Rerank),
    (b'n', Operation::CountTokens),
];

type NewDecoder = fn() -> Box<dyn Decode>;

/// The streams of providers, by the letter that the second byte has when the first is `s`.
const STREAMS: [(u8, NewDecoder); 7] = [
    (b'o', || Box::new(openai::StreamDecoder::new())),
    (b'a', || Box::new(anthropic::StreamDecoder::new())),
    (b'g', || Box::new(gemini::StreamDecoder::new())),
    (b'b', || Box::new(bedrock::StreamDecoder::new())),
    (b'c', || Box::new(cohere::StreamDecoder::new())),
    (b'k', || Box::new(cohere::v1::StreamDecoder::new())),
    (b't', || {
        Box::new(tgi::StreamDecoder::new(vec!["\nUser:".to_owned()]))
    }),
];

/// Checks a body or a stream: see the head of this module's file.
///
/// # Panics
/// When something does not hold.
pub fn clients(data: &[u8]) {
    let [one, two, body @ ..] = data else { return };
    if *one == b's' {
        if let Some((_, new)) = STREAMS.iter().find(|(letter, _)| letter == two) {
            stream(&mut *new(), body);
        }
        return;
    }
    let codec = CODECS.iter().find(|(letter, _)| letter == one);
    let operation = OPERATIONS.iter().find(|(letter, _)| letter == two);
    if let (Some((_, codec)), Some((_, operation))) = (codec, operation)
        && let Ok(decoded) = codec.decode(*operation, body)
    {
        for written in write(&decoded.value).into_iter().flatten() {
            let json = serde_json::from_slice::<Value>(&written.body);
            assert!(json.is_ok(), "no JSON: {:?}", written.body);
        }
    }
}

/// The request for every provider.
fn write(request: &Request) -> Vec<Result<EncodedRequest, CallError>> {
    let options = RequestOptions::new("claude-sonnet-4-5");
    let quirks = &openai::Quirks::OPENAI;
    match request {
        Request::Chat(chat) => vec![
            Ok(openai::encode_chat_request(chat, &options, quirks)),
            anthropic::encode_chat(chat, &options),
            anthropic::encode_count(chat, &options),
            gemini::encode_chat(chat, &options),
            gemini::encode_count(chat, &options),
            bedrock::encode_chat(chat, &options),
            bedrock::encode_count(chat, &options),
            cohere::encode_chat(chat, &options),
            cohere::v1::encode_chat(chat, &options),
            tgi::encode_chat(chat, tgi::Template::Plain),
            tgi::encode_chat(chat, tgi::Template::Llama2),
            tgi::encode_chat(chat, tgi::Template::Llama3),
        ],
        Request::Completion(text) => vec![
            Ok(openai::encode_completion_request(text, &options, quirks)),
            anthropic::encode_completion(text, &options),
            cohere::encode_completion_by_chat(text, &options),
            cohere::v1::encode_completion(text, &options),
            tgi::encode_completion(text),
            invoke::encode_completion(text, Vendor::Claude, &options),
            invoke::encode_completion(text, Vendor::Llama, &options),
            invoke::encode_completion(text, Vendor::Ai21, &options),
        ],
        Request::Embedding(texts) => vec![
            Ok(openai::encode_embedding_request(texts, &options, quirks)),
            gemini::encode_embedding(texts, &options).map(|written| written.encoded),
            gemini::encode_predict(texts),
            cohere::encode_embedding(texts, &options),
            cohere::v1::encode_embedding(texts, &options),
            invoke::encode_embedding(texts, Embedder::Cohere),
            invoke::encode_embedding(texts, Embedder::Titan),
        ],
        Request::Rerank(ranks) => vec![
            Ok(rerank::encode(ranks, &options, rerank::Form::Common)),
            Ok(rerank::encode(ranks, &options, rerank::Form::Texts)),
            Ok(rerank::encode(ranks, &options, rerank::Form::Passages)),
            cohere::encode_rerank(ranks, &options),
            invoke::encode_rerank(ranks),
        ],
        _ => Vec::new(),
    }
}

/// A provider's stream for every client, with whatever end it has.
fn stream(decoder: &mut dyn Decode, body: &[u8]) {
    let mut frames = Vec::new();
    let fed = decoder.feed(Bytes::copy_from_slice(body), &mut frames);
    let failed = fed.and_then(|()| decoder.end(&mut frames)).is_err();
    let kinds = [ToolKind::Custom, ToolKind::LocalShell, ToolKind::ToolSearch];
    let forms = ["patch", "shell", "search"].into_iter().zip(kinds);
    let forms = forms.map(|(name, kind)| ToolForm::new(name, kind));
    let info = ReplyInfo::new("model", "provider", "0123456789abcdef0123456789abcdef", 1)
        .with_include_usage(true)
        .with_tool_forms(forms.collect());
    for (_, codec) in CODECS {
        let mut encoder = codec.encoder(Operation::Chat, &info);
        let mut out = BytesMut::new();
        for frame in &frames {
            if let FrameData::Events(events) = &frame.data {
                encoder.encode(events, &mut out);
            }
        }
        if failed {
            encoder.error(
                &serde_json::json!({"error": {"message": "broken"}}),
                &mut out,
            );
        } else {
            encoder.end(&mut out);
        }
    }
}
