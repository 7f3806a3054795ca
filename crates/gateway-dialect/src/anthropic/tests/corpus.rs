//! Every recorded exchange, both directions.

use gateway_schema::chat::StreamEvent;
use gateway_schema::{Losses, Operation, Response};
use serde_json::{Value, json};

use super::super::{
    AnthropicCodec, CompletionDecoder, StreamDecoder, StreamObserver, decode_chat,
    decode_completion, decode_count, decode_error, encode_count,
};
use super::{corpus, decode_for, encode, encode_stream, events, feed, info, json, reader};
use crate::testing::corpus::Exchange;
use crate::testing::streams::{assert_cuts_change_nothing, forwarded, groups, stated};
use crate::{ClientCodec, RequestOptions};

fn streams() -> Vec<Exchange> {
    let mut found = corpus();
    found.retain(|x| x.is("messages") && x.status() == 200 && x.reply().is_string());
    found
}

/// The request as the encoder is documented to write it.
fn normalised(request: &Value) -> Value {
    let mut request = request.clone();
    let fields = request.as_object_mut().unwrap();
    if let Some(format) = fields.remove("output_format") {
        fields.insert("output_config".to_owned(), json!({ "format": format }));
    }
    // Vertex says it in the body; the host decides.
    fields.remove("anthropic_version");
    fields.remove("model");
    reader::plain(&request)
}

#[test]
fn every_recorded_request_is_read_and_written_again_without_loss() {
    for x in corpus() {
        if x.is("completions") || !x.request().is_object() {
            continue;
        }
        let model = x.value["model"].as_str().unwrap();
        let count = x.is("count_tokens");
        let operation = if count {
            Operation::CountTokens
        } else {
            Operation::Chat
        };
        let request =
            decode_for(operation, x.request()).unwrap_or_else(|e| panic!("{}: {e}", x.name));
        let options = RequestOptions::new(model);
        let written = if count {
            encode_count(&request, &options).unwrap()
        } else {
            encode(&request, model)
        };
        assert!(
            written.losses.is_empty(),
            "{}: {:?}",
            x.name,
            written.losses
        );
        assert_eq!(
            normalised(&json(&written.body)),
            normalised(x.request()),
            "{}",
            x.name
        );
        let again = decode_for(operation, &json(&written.body)).unwrap();
        assert_eq!(
            json(&encode_again(&again, model, count)),
            json(&written.body),
            "{}",
            x.name
        );
    }
}

fn encode_again(request: &gateway_schema::chat::ChatRequest, model: &str, count: bool) -> Vec<u8> {
    if count {
        encode_count(request, &RequestOptions::new(model))
            .unwrap()
            .body
            .to_vec()
    } else {
        encode(request, model).body.to_vec()
    }
}

#[test]
fn every_recorded_reply_is_read_and_written_again_without_loss() {
    for x in corpus() {
        if !x.is("messages") || x.status() != 200 || !x.reply().is_object() {
            continue;
        }
        let reply = decode_chat(x.reply().to_string().as_bytes()).unwrap();
        let mut losses = Losses::new();
        let written = AnthropicCodec
            .encode(&Response::Chat(Box::new(reply)), &info(), &mut losses)
            .unwrap();
        assert!(losses.is_empty(), "{}: {losses:?}", x.name);
        assert_eq!(
            reader::plain(&json(&written)),
            reader::plain(x.reply()),
            "{}",
            x.name
        );
    }
}

#[test]
fn every_recorded_stream_is_read_and_written_again_without_loss() {
    for x in streams() {
        let stream = x.reply().as_str().unwrap();
        let (frames, error) = feed(&mut StreamDecoder::new(), stream.as_bytes(), &[]);
        assert_eq!(error, None, "{}", x.name);
        let written = encode_stream(&groups(frames));
        let want = reader::plain(&reader::message(&stream.replace("\r\n", "\n")));
        assert_eq!(
            reader::plain(&reader::message(&written)),
            want,
            "{}",
            x.name
        );
    }
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_events() {
    for x in streams() {
        assert_cuts_change_nothing(&x.name, &x.bytes(), 200, StreamDecoder::new);
    }
}

#[test]
fn the_observer_forwards_the_bytes_and_states_what_the_decoder_states() {
    for x in streams() {
        let stream = x.reply().as_str().unwrap().as_bytes();
        let (decoded, _) = feed(&mut StreamDecoder::new(), stream, &[]);
        let want = stated(decoded);
        let every: Vec<usize> = (1..stream.len()).collect();
        for cuts in [Vec::new(), every] {
            let (frames, error) = feed(&mut StreamObserver::new(), stream, &cuts);
            assert_eq!(error, None, "{}", x.name);
            assert_eq!(forwarded(&frames), stream, "{}", x.name);
            let text: u32 = frames.iter().map(|frame| frame.facts.text_bytes).sum();
            assert!(text > 0, "{}", x.name);
            assert_eq!(stated(frames), want, "{}", x.name);
        }
    }
}

#[test]
fn recorded_completions_are_read_whole_and_streamed() {
    for x in corpus() {
        if !x.is("completions") {
            continue;
        }
        if let Some(stream) = x.reply().as_str() {
            let (frames, error) = feed(&mut CompletionDecoder::new(), stream.as_bytes(), &[]);
            assert_eq!(error, None);
            let text: String = events(frames)
                .into_iter()
                .filter_map(|event| match event {
                    StreamEvent::Text { text, .. } => Some(text),
                    _ => None,
                })
                .collect();
            assert_eq!(text, " Light scatters blue.");
        } else {
            let reply = decode_completion(x.reply().to_string().as_bytes()).unwrap();
            assert_eq!(
                reply.choices[0].text,
                x.reply()["completion"].as_str().unwrap()
            );
        }
    }
}

#[test]
fn recorded_counts_and_errors_are_read() {
    for x in corpus() {
        let body = x.reply().to_string();
        if x.status() >= 400 {
            let error = decode_error(x.status(), Some("application/json"), body.as_bytes());
            let failure = error.upstream_failure().unwrap();
            assert_eq!(
                error.message(),
                x.reply()["error"]["message"].as_str().unwrap()
            );
            assert_eq!(
                failure.error_type.as_deref(),
                x.reply()["error"]["type"].as_str()
            );
            assert_eq!(
                failure.request_id.as_deref(),
                x.reply()["request_id"].as_str()
            );
        } else if x.is("count_tokens") {
            assert_eq!(
                Some(decode_count(body.as_bytes()).unwrap()),
                x.reply()["input_tokens"].as_u64()
            );
        }
    }
}
