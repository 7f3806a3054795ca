//! What was really sent by the service.

use gateway_schema::chat::{Content, FinishReason, StreamEvent};
use gateway_schema::embedding::Vector;
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{ErrorKind, Origin};
use serde_json::Value;

use super::super::{StreamDecoder, decode_chat, decode_embedding, decode_error, decode_rerank, v1};
use super::{corpus, feed, json};
use crate::testing::streams::assert_cuts_change_nothing;

#[test]
fn recorded_replies_are_read_whole() {
    for exchange in corpus("/v2/chat") {
        if exchange.is_stream() || exchange.status() != 200 {
            continue;
        }
        let name = &exchange.name;
        let reply = decode_chat(&exchange.bytes()).unwrap();
        let recorded = exchange.reply();
        assert_eq!(reply.id.as_deref(), recorded["id"].as_str(), "{name}");
        let choice = &reply.choices[0];
        let raw = choice.finish.as_ref().unwrap().raw.as_deref();
        assert_eq!(raw, recorded["finish_reason"].as_str(), "{name}");
        let usage = reply.usage.unwrap();
        let tokens = &recorded["usage"]["tokens"];
        assert_eq!(usage.input_tokens, tokens["input_tokens"].as_u64());
        assert_eq!(usage.output_tokens, tokens["output_tokens"].as_u64());
        let cached = recorded["usage"]["cached_tokens"].as_u64();
        assert_eq!(usage.cache_read_tokens, cached, "{name}");
        let (mut text, mut thinking, mut calls, mut cited) =
            (String::new(), String::new(), Vec::new(), 0);
        for part in &choice.parts {
            match &part.content {
                Content::Text {
                    text: said,
                    citations,
                } => {
                    text.push_str(said);
                    cited += citations.iter().filter(|one| one.raw.is_some()).count();
                }
                Content::Thinking { text, .. } => thinking.push_str(text),
                Content::ToolCall(call) => calls.push(call.arguments.clone()),
                other => panic!("{name}: {other:?}"),
            }
        }
        let message = &recorded["message"];
        let said = |key: &str| -> String {
            let parts = message["content"].as_array().into_iter().flatten();
            parts.filter_map(|part| part[key].as_str()).collect()
        };
        assert_eq!(text, said("text"), "{name}");
        let plan = message["tool_plan"].as_str().unwrap_or_default();
        assert_eq!(thinking, format!("{plan}{}", said("thinking")), "{name}");
        let list = |key: &str| message[key].as_array().map_or(0, Vec::len);
        assert_eq!(
            (calls.len(), cited),
            (list("tool_calls"), list("citations")),
            "{name}"
        );
    }
}

#[test]
fn citations_stand_at_their_text_and_name_their_source() {
    let Some(exchange) = corpus("/v2/chat")
        .into_iter()
        .find(|exchange| exchange.name.ends_with("_32efcc06.json"))
    else {
        return;
    };
    let reply = decode_chat(&exchange.bytes()).unwrap();
    let parts = &reply.choices[0].parts;
    let Content::Text { text, citations } = &parts[1].content else {
        panic!("{parts:?}");
    };
    let first = &citations[0];
    assert_eq!(first.url.as_deref(), Some("https://example.com/ruby-facts"));
    assert_eq!(first.title.as_deref(), Some("Ruby Facts"));
    let (start, end) = first.span.unwrap();
    let cited: String = text
        .chars()
        .skip(usize::try_from(start).unwrap())
        .take(usize::try_from(end - start).unwrap())
        .collect();
    assert_eq!(cited, "Yukihiro Matsumoto");
}

#[test]
fn recorded_streams_are_the_same_wherever_they_are_cut() {
    for exchange in corpus("/v2/chat") {
        if !exchange.is_stream() {
            continue;
        }
        let name = &exchange.name;
        let bytes = exchange.bytes();
        let whole = feed(&mut StreamDecoder::new(), &bytes, &[]);
        assert_eq!(whole.1, None, "{name}");
        assert!(
            matches!(
                whole.0.last(),
                Some(StreamEvent::End | StreamEvent::Error(_))
            ),
            "{name}"
        );
        assert_cuts_change_nothing(name, &bytes, 300, StreamDecoder::new);
    }
}

#[test]
fn recorded_streams_say_what_the_events_say() {
    for exchange in corpus("/v2/chat") {
        if !exchange.is_stream() {
            continue;
        }
        let name = &exchange.name;
        let (events, _) = feed(&mut StreamDecoder::new(), &exchange.bytes(), &[]);
        let mut want = (String::new(), String::new(), String::new(), 0);
        let text = String::from_utf8(exchange.bytes()).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("data: {")) {
            let event = json(format!("{{{line}").as_bytes());
            let message = &event["delta"]["message"];
            let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            want.0 += &said(&message["content"]["text"]);
            want.1 += &said(&message["tool_plan"]);
            want.1 += &said(&message["content"]["thinking"]);
            want.2 += &said(&message["tool_calls"]["function"]["arguments"]);
            want.3 += usize::from(event["type"] == "citation-start");
        }
        let mut got = (String::new(), String::new(), String::new(), 0);
        for event in &events {
            match event {
                StreamEvent::Text { text, .. } => got.0 += text,
                StreamEvent::Thinking { text, .. } => got.1 += text,
                StreamEvent::ToolCall { arguments, .. } => got.2 += arguments,
                StreamEvent::ToolArguments { fragment, .. } => got.2 += fragment,
                StreamEvent::Citation { citation, .. } => {
                    got.3 += usize::from(citation.raw.is_some());
                }
                _ => {}
            }
        }
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_stream_that_ends_in_an_error_is_an_error() {
    let Some(exchange) = corpus("/v2/chat")
        .into_iter()
        .find(|exchange| exchange.name.ends_with("_19ec0c3f.json"))
    else {
        return;
    };
    let (events, error) = feed(&mut StreamDecoder::new(), &exchange.bytes(), &[]);
    assert_eq!(error, None);
    let Some(StreamEvent::Error(said)) = events.last() else {
        panic!("{:?}", events.last());
    };
    assert_eq!(said.error_type.as_deref(), Some("INVALID_TOOL_GENERATION"));
    assert!(said.message.contains("invalid tool generation"));
    assert!(!events.contains(&StreamEvent::End));
}

#[test]
fn recorded_errors_are_sorted_and_keep_their_words() {
    for path in ["/v2/chat", "/v2/embed", "/v1/chat"] {
        for exchange in corpus(path) {
            if exchange.status() == 200 {
                continue;
            }
            let name = &exchange.name;
            let error = decode_error(
                exchange.status(),
                Some("application/json"),
                &exchange.bytes(),
            );
            assert_eq!(error.origin(), Origin::Upstream, "{name}");
            assert_eq!(
                Some(error.message()),
                exchange.reply()["message"].as_str(),
                "{name}"
            );
            let kind = match (exchange.status(), exchange.reply()["error_type"].as_str()) {
                (_, Some("TOO_MANY_TOKENS")) => ErrorKind::ContextLength,
                (401, _) => ErrorKind::Unauthenticated,
                (404, _) => ErrorKind::NotFound,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(error.kind(), kind, "{name}");
        }
    }
}

#[test]
fn recorded_vectors_and_ranks_are_read() {
    for path in ["/v2/embed", "/v1/embed"] {
        for exchange in corpus(path) {
            if exchange.status() != 200 {
                continue;
            }
            let reply = decode_embedding(&exchange.bytes()).unwrap();
            assert_eq!(reply.embeddings.len(), 1, "{}", exchange.name);
            assert!(
                matches!(&reply.embeddings[0].vector, Vector::Floats(list) if list.len() > 100)
            );
            assert!(reply.usage.unwrap().input_tokens.is_some());
        }
    }
    for path in ["/v2/rerank", "/v1/rerank"] {
        for exchange in corpus(path) {
            let documents = exchange.value["request"]["body"]["documents"].clone();
            let mut request =
                RerankRequest::new("q", documents.as_array().cloned().unwrap_or_default());
            request.return_documents = Some(true);
            let reply = decode_rerank(&exchange.bytes(), &request).unwrap();
            let recorded = &exchange.reply()["results"][0];
            let best = &reply.results[0];
            assert_eq!(u64::from(best.index), recorded["index"].as_u64().unwrap());
            assert_eq!(
                best.document.as_ref().unwrap()["text"],
                request.documents[best.index as usize]
            );
        }
    }
}

#[test]
fn recorded_streams_of_the_first_version_are_the_same_wherever_they_are_cut() {
    for exchange in corpus("/v1/chat") {
        if !exchange.is_stream() {
            continue;
        }
        let bytes = exchange.bytes();
        let whole = feed(&mut v1::StreamDecoder::new(), &bytes, &[]);
        assert_eq!(whole.1, None);
        assert_eq!(whole.0.last(), Some(&StreamEvent::End));
        let finished = whole.0.iter().any(|event| {
            matches!(event, StreamEvent::Finish { finish, .. }
                if finish.reason == FinishReason::Other && finish.raw.as_deref() == Some("COMPLETE"))
        });
        assert!(finished, "{}", exchange.name);
        assert_cuts_change_nothing(&exchange.name, &bytes, 300, v1::StreamDecoder::new);
    }
}
