//! Every recorded exchange, both directions.

use gateway_schema::stream::Facts;
use gateway_schema::{Losses, Operation, Response};
use serde_json::{Value, json};

use super::super::{
    BedrockCodec, StreamDecoder, StreamObserver, decode_chat, decode_count, decode_error,
    encode_count, observe_chat,
};
use super::{
    corpus, decode, encode, encode_stream, events, feed, parsed, plain, reply_of, stream_of,
};
use crate::testing::corpus::Exchange;
use crate::testing::streams::{assert_cuts_change_nothing, forwarded, groups, total};
use crate::{ClientCodec, ReplyInfo, RequestOptions};

fn conversations() -> Vec<Exchange> {
    let mut found = corpus();
    found.retain(|x| x.is("converse") || x.is("converse_stream"));
    found
}

fn streams() -> Vec<Exchange> {
    let mut found = corpus();
    found.retain(|x| x.is("converse_stream") && x.status() == 200);
    found
}

/// The request as the encoder is documented to write it: neighbours of the same role are one turn, schemas are compared
/// as JSON.
fn normalised(request: &Value) -> Value {
    let mut request = request.clone();
    let mut turns: Vec<Value> = Vec::new();
    for message in request["messages"].as_array().unwrap() {
        let content = message["content"].as_array().unwrap().clone();
        match turns.last_mut() {
            Some(last) if last["role"] == message["role"] => {
                last["content"].as_array_mut().unwrap().extend(content);
            }
            _ => turns.push(message.clone()),
        }
    }
    request["messages"] = turns.into();
    if let Some(schema) =
        request.pointer_mut("/outputConfig/textFormat/structure/jsonSchema/schema")
    {
        *schema = serde_json::from_str(schema.as_str().unwrap()).unwrap();
    }
    plain(&request)
}

#[test]
fn every_recorded_request_is_read_and_written_again_without_loss() {
    for x in conversations() {
        let request = decode(x.request()).unwrap_or_else(|e| panic!("{}: {e}", x.name));
        let written = encode(&request, x.model());
        assert!(
            written.losses.is_empty(),
            "{}: {:?}",
            x.name,
            written.losses
        );
        assert_eq!(
            normalised(&parsed(&written.body)),
            normalised(x.request()),
            "{}",
            x.name
        );
        let again = decode(&parsed(&written.body)).unwrap();
        assert_eq!(encode(&again, x.model()).body, written.body, "{}", x.name);
    }
}

#[test]
fn every_recorded_reply_is_read_and_written_again_without_loss() {
    for x in conversations() {
        if x.status() != 200 || !x.reply().is_object() {
            continue;
        }
        let body = x.reply().to_string();
        let reply = decode_chat(body.as_bytes()).unwrap();
        let facts = observe_chat(body.as_bytes()).unwrap();
        assert_eq!(facts.usage.as_deref(), reply.usage.as_ref(), "{}", x.name);
        assert_eq!(
            facts.finish,
            reply.choices[0].finish.as_ref().map(|finish| finish.reason)
        );
        let mut losses = Losses::new();
        let info = ReplyInfo::new("m", "bedrock", "0", 1);
        let written = BedrockCodec
            .encode(&Response::Chat(Box::new(reply)), &info, &mut losses)
            .unwrap();
        assert!(losses.is_empty(), "{}: {losses:?}", x.name);
        assert_eq!(plain(&parsed(&written)), plain(x.reply()), "{}", x.name);
    }
}

#[test]
fn every_recorded_stream_is_read_and_written_again_without_loss() {
    for x in streams() {
        let stream = stream_of(&x);
        let (frames, error) = feed(&mut StreamDecoder::new(), &stream, &[]);
        assert_eq!(error, None, "{}", x.name);
        let groups = groups(frames);
        let mut expected = reply_of(&stream);
        // The counts are always written; a guardrail's stop may come without.
        if expected.get("usage").is_none() {
            expected["usage"] =
                json!({"inputTokens": 0.0, "outputTokens": 0.0, "totalTokens": 0.0});
        }
        assert_eq!(reply_of(&encode_stream(&groups)), expected, "{}", x.name);
    }
}

#[test]
fn every_split_of_a_recorded_stream_gives_the_same_events() {
    for x in streams() {
        assert_cuts_change_nothing(&x.name, &stream_of(&x), 400, StreamDecoder::new);
    }
}

#[test]
fn a_recorded_stream_that_is_cut_anywhere_does_not_end_well() {
    for x in streams() {
        let stream = stream_of(&x);
        let step = (stream.len() / 200).max(1);
        for at in (0..stream.len()).step_by(step) {
            for decoder in [
                &mut StreamDecoder::new() as &mut dyn gateway_schema::stream::Decode,
                &mut StreamObserver::new(),
            ] {
                let (_, error) = feed(decoder, &stream[..at], &[]);
                assert_eq!(
                    error.unwrap().code(),
                    Some("stream_cut"),
                    "{} at {at}",
                    x.name
                );
            }
        }
    }
}

#[test]
fn an_observer_leaves_the_bytes_alone_and_states_the_facts() {
    for x in streams() {
        let stream = stream_of(&x);
        let cuts: Vec<usize> = (0..stream.len()).step_by(37).collect();
        let (frames, error) = feed(&mut StreamObserver::new(), &stream, &cuts);
        assert_eq!(error, None, "{}", x.name);
        let (whole, _) = feed(&mut StreamDecoder::new(), &stream, &[]);
        let expected = Facts::of(&events(whole));
        assert_eq!(forwarded(&frames), stream);
        let facts = total(frames);
        assert_eq!(facts.usage, expected.usage, "{}", x.name);
        assert_eq!(facts.finish, expected.finish);
        assert!(facts.ended && facts.meaningful);
        if !x.name.contains("nova-2") {
            assert_eq!(facts.text_bytes, expected.text_bytes, "{}", x.name);
        }
    }
}

#[test]
fn recorded_counts_and_errors_are_read() {
    for x in corpus() {
        let body = x.reply().to_string();
        if x.status() >= 400 {
            let error = decode_error(
                x.status(),
                x.header("x-amzn-errortype"),
                x.header("content-type"),
                body.as_bytes(),
            );
            assert_eq!(error.message(), x.reply()["message"].as_str().unwrap());
            if let Some(name) = x.header("x-amzn-errortype") {
                let failure = error.upstream_failure().unwrap();
                assert_eq!(failure.error_type.as_deref(), name.split(':').next());
            }
        } else if x.is("count_tokens") {
            let count = decode_count(body.as_bytes()).unwrap();
            assert_eq!(Some(count), x.reply()["inputTokens"].as_u64());
            let text = x.request().to_string();
            let request = BedrockCodec
                .decode(Operation::CountTokens, text.as_bytes())
                .unwrap();
            let gateway_schema::Request::Chat(chat) = request.value else {
                panic!("not a chat")
            };
            let written = encode_count(&chat, &RequestOptions::new(x.model())).unwrap();
            assert_eq!(
                plain(&parsed(&written.body)),
                plain(x.request()),
                "{}",
                x.name
            );
        }
    }
}
