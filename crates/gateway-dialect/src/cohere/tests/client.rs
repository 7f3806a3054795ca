//! What clients say, and what they are told.

use bytes::BytesMut;
use gateway_schema::chat::{
    ChatRequest, ChatResponse, Choice, Citation, Content, ContentForm, Finish, FinishReason, Media,
    Part, Role, StreamEvent, Tool, ToolChoice,
};
use gateway_schema::embedding::{
    Embedding, EmbeddingEncoding, EmbeddingInput, EmbeddingResponse, EmbeddingTask, Vector,
};
use gateway_schema::rerank::{RerankResponse, RerankResult};
use gateway_schema::{Dialect, ErrorKind, Losses, Operation, Request, Response, Usage};
use serde_json::{Value, json};

use super::super::{CohereCodec, encode_chat};
use super::{corpus, json};
use crate::{ClientCodec, ReplyInfo, RequestOptions};

fn info() -> ReplyInfo {
    ReplyInfo::new("m", "p", "0123", 1)
}

fn decode(body: &Value) -> Result<Request, gateway_schema::CallError> {
    decode_as(Operation::Chat, body)
}

fn decode_as(operation: Operation, body: &Value) -> Result<Request, gateway_schema::CallError> {
    let decoded = CohereCodec.decode(operation, body.to_string().as_bytes())?;
    Ok(decoded.value)
}

fn chat(body: &Value) -> ChatRequest {
    match decode(body).unwrap() {
        Request::Chat(chat) => *chat,
        other => panic!("{other:?}"),
    }
}

fn written(response: &Response) -> (Value, Vec<String>) {
    let mut losses = Losses::new();
    let body = CohereCodec.encode(response, &info(), &mut losses).unwrap();
    let losses = losses.iter().map(|loss| loss.path.clone()).collect();
    (json(&body), losses)
}

fn answered(parts: Vec<Part>, reason: FinishReason) -> Response {
    let mut choice = Choice::default();
    choice.parts = parts;
    choice.finish = Some(Finish::with_raw(reason, "whatever"));
    let mut reply = ChatResponse::default();
    reply.choices = vec![choice];
    reply.usage = Some(Usage::new(7, 3));
    Response::Chat(Box::new(reply))
}

#[test]
fn every_parameter_of_a_turn_finds_its_place() {
    let request = chat(&json!({
        "model": "e", "stream": true, "max_tokens": 9, "temperature": 0.5, "p": 0.75, "k": 5, "seed": 1,
        "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop_sequences": ["x"], "logprobs": true,
        "safety_mode": "STRICT", "citation_options": {"mode": "FAST"}, "tool_choice": "REQUIRED", "strict_tools": true,
        "thinking": {"type": "enabled", "token_budget": 100},
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
    }));
    let sampling = &request.sampling;
    assert_eq!(
        (sampling.max_tokens, sampling.top_k, sampling.seed),
        (Some(9), Some(5), Some(1))
    );
    assert_eq!(
        (sampling.temperature, sampling.top_p),
        (Some(0.5), Some(0.75))
    );
    assert_eq!(
        (sampling.frequency_penalty, sampling.presence_penalty),
        (Some(0.1), Some(0.2))
    );
    assert_eq!(sampling.stop, ["x"]);
    assert!(request.stream && request.logprobs == Some(true));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    let Some([Tool::Function(tool)]) = request.tools.as_deref() else {
        panic!("{:?}", request.tools);
    };
    assert_eq!((tool.name.as_str(), tool.strict), ("f", Some(true)));
    let reasoning = request.reasoning.as_ref().unwrap();
    assert_eq!(
        (reasoning.enabled, reasoning.budget_tokens),
        (Some(true), Some(100))
    );
    let own: Vec<&String> = request.extra.fields().keys().collect();
    assert_eq!(own, ["safety_mode", "citation_options"]);
    // And goes out again as it came, but for the name of the model.
    let out = encode_chat(
        &request,
        &RequestOptions::new("command-a-reasoning-08-2025"),
    )
    .unwrap();
    assert!(out.losses.is_empty(), "{:?}", out.losses);
    let out = json(&out.body);
    for (key, value) in [
        ("p", json!(0.75)),
        ("k", json!(5)),
        ("strict_tools", json!(true)),
        ("thinking", json!({"type": "enabled", "token_budget": 100})),
        ("safety_mode", json!("STRICT")),
        (
            "response_format",
            json!({"type": "json_object", "json_schema": {"type": "object"}}),
        ),
    ] {
        assert_eq!(out[key], value, "{key}");
    }
}

#[test]
fn a_round_with_tools_is_read_with_its_plan_calls_citations_and_results() {
    let citation = json!({"start": 0, "end": 2, "text": "15", "sources": [{"type": "tool", "id": "c1:0", "tool_output": {"content": "15"}}]});
    let request = chat(&json!({"model": "e", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"id": "d1", "data": {"text": "15 degrees"}}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "15 degrees"}], "citations": [citation]},
        {"role": "user", "content": "Thanks"},
    ]}));
    let kinds: Vec<(Role, usize)> = request
        .messages
        .iter()
        .map(|message| (message.role.clone(), message.parts.len()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Role::User, 2),
            (Role::Assistant, 2),
            (Role::Tool, 1),
            (Role::Assistant, 2),
            (Role::User, 1)
        ]
    );
    let image = &request.messages[0].parts[1].content;
    assert!(
        matches!(image, Content::Image { media: Media::Base64 { data, .. }, .. } if data == "AAAA")
    );
    assert_eq!(request.messages[1].form, ContentForm::Absent);
    let Content::ToolResult(result) = &request.messages[2].parts[0].content else {
        panic!("{:?}", request.messages[2]);
    };
    assert!(matches!(
        &result.parts[0].content,
        Content::Document { media: Media::Text(text), .. } if text == "15 degrees"
    ));
    let Content::Text { citations, .. } = &request.messages[3].parts[1].content else {
        panic!("{:?}", request.messages[3]);
    };
    assert_eq!(citations[0].raw, Some((Dialect::COHERE, citation)));
    let out = encode_chat(&request, &RequestOptions::new("command-a-03-2025")).unwrap();
    let out = json(&out.body);
    assert_eq!(out["messages"][1]["tool_plan"], "I will look.");
    assert_eq!(
        out["messages"][2]["content"][0]["document"],
        json!({"id": "d1", "data": {"text": "15 degrees"}})
    );
}

#[test]
fn documents_stand_before_the_last_question_and_go_back_where_they_were() {
    let documents = json!([
        "A bare one.",
        {"data": {"text": "Plain.", "title": "T"}},
        {"id": "d", "data": {"snippet": "Odd.", "year": "1993"}},
    ]);
    let request = chat(&json!({"model": "e", "documents": documents, "messages": [
        {"role": "user", "content": "First"}, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Second"},
    ]}));
    assert_eq!(request.messages[0].parts.len(), 1);
    let parts = &request.messages[2].parts;
    assert_eq!(parts.len(), 4);
    let Content::Document {
        title,
        context,
        citations,
        ..
    } = &parts[2].content
    else {
        panic!("{parts:?}");
    };
    assert_eq!((title, *citations), (&None, Some(true)));
    assert_eq!(context.as_deref(), Some(r#"{"year":"1993"}"#));
    assert!(parts[1].extra.is_empty() && !parts[2].extra.is_empty());
    let out = encode_chat(&request, &RequestOptions::new("command-a-03-2025")).unwrap();
    let out = json(&out.body);
    assert_eq!(
        out["documents"],
        json!([
            {"data": {"text": "A bare one."}},
            {"data": {"text": "Plain.", "title": "T"}},
            {"id": "d", "data": {"snippet": "Odd.", "year": "1993"}},
        ])
    );
    assert_eq!(
        out["messages"][2]["content"],
        json!([{"type": "text", "text": "Second"}])
    );
}

#[test]
fn every_wrong_field_is_told_with_its_path() {
    let wrong = |operation, body: &Value| -> Vec<String> {
        let error = decode_as(operation, body).unwrap_err();
        let faults = error.field_errors().iter();
        faults.map(gateway_schema::FieldError::dotted).collect()
    };
    let body = json!({
        "temperature": "hot", "tool_choice": "some", "tools": [{"type": "function"}], "response_format": {"type": "xml"},
        "documents": [{"id": 1}],
        "messages": [{"role": "bot", "content": "x"}, {"role": "tool", "content": "x"}, {"role": "user"},
            {"role": "assistant", "tool_calls": [{"id": "1"}]}, {"role": "user", "content": [{"type": "text"}]}],
    });
    assert_eq!(
        wrong(Operation::Chat, &body),
        [
            "temperature",
            "tool_choice",
            "tools[0].function",
            "response_format.type",
            "documents[0].data",
            "messages[0].role",
            "messages[1].tool_call_id",
            "messages[2].content",
            "messages[3].tool_calls[0].function.name",
            "messages[4].content[0].text",
        ]
    );
    assert_eq!(wrong(Operation::Chat, &json!({"model": "e"})), ["messages"]);
    assert_eq!(
        wrong(Operation::Rerank, &json!({"documents": [1]})),
        ["documents[0]", "query"]
    );
    assert_eq!(wrong(Operation::Embedding, &json!({})), ["texts"]);
}

#[test]
fn an_answer_of_anybody_is_one_that_the_official_client_reads() {
    let mut cited = Citation::new();
    cited.url = Some("https://x.org".to_owned());
    cited.title = Some("X".to_owned());
    cited.span = Some((0, 5));
    let mut text = Part::text("Häuser sind.");
    if let Content::Text { citations, .. } = &mut text.content {
        citations.push(cited);
    }
    let parts = vec![
        Part::thinking("hm"),
        text,
        Part::tool_call("c1", "f", ""),
        Part::new(Content::RedactedThinking {
            data: "x".to_owned(),
            id: None,
        }),
    ];
    let (body, losses) = written(&answered(parts, FinishReason::Stop));
    let source = json!({"type": "document", "id": "https://x.org", "document": {"id": "https://x.org", "title": "X", "url": "https://x.org"}});
    assert_eq!(
        body,
        json!({
            "id": "0123",
            "finish_reason": "TOOL_CALL",
            "message": {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Häuser sind."}],
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                "citations": [{"start": 0, "end": 5, "text": "Häuse", "sources": [source], "type": "TEXT_CONTENT", "content_index": 1}],
            },
            "usage": {"billed_units": {"input_tokens": 7, "output_tokens": 3}, "tokens": {"input_tokens": 7, "output_tokens": 3}},
        })
    );
    assert_eq!(losses, ["choices[0].content[3]"]);
}

#[test]
fn recorded_replies_are_written_again_as_they_were() {
    for exchange in corpus("/v2/chat") {
        if exchange.is_stream() || exchange.status() != 200 {
            continue;
        }
        let reply = super::super::decode_chat(&exchange.bytes()).unwrap();
        let (again, losses) = written(&Response::Chat(Box::new(reply)));
        let mut recorded = exchange.reply().clone();
        // A plan is reasoning once it was read.
        let plan = recorded["message"]
            .as_object_mut()
            .unwrap()
            .remove("tool_plan");
        if let Some(plan) = plan {
            recorded["message"]["content"] = json!([{"type": "thinking", "thinking": plan}]);
        }
        let images = recorded["usage"]["tokens"]
            .as_object_mut()
            .unwrap()
            .remove("image_tokens");
        assert!(images.is_none_or(|count| count.is_u64()));
        assert_eq!(again, recorded, "{}", exchange.name);
        assert!(losses.is_empty(), "{}: {losses:?}", exchange.name);
    }
}

/// The events of a stream, by their kinds, and the terminator.
fn streamed(groups: &[Vec<StreamEvent>]) -> (Vec<Value>, String) {
    let mut encoder = CohereCodec.encoder(Operation::Chat, &info());
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    read(&out)
}

fn read(out: &[u8]) -> (Vec<Value>, String) {
    let text = String::from_utf8(out.to_vec()).unwrap();
    let mut events = Vec::new();
    let mut last = String::new();
    for event in text.split_terminator("\n\n") {
        match event.split_once('\n') {
            Some((name, data)) => {
                let value: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(name, format!("event: {}", value["type"].as_str().unwrap()));
                events.push(value);
            }
            None => event.clone_into(&mut last),
        }
    }
    (events, last)
}

#[test]
fn a_stream_opens_and_closes_what_it_speaks_of() {
    let choice = 0;
    let groups = vec![
        vec![StreamEvent::Thinking {
            choice,
            text: "hm".to_owned(),
        }],
        vec![StreamEvent::Text {
            choice,
            text: "Hel".to_owned(),
        }],
        vec![StreamEvent::Text {
            choice,
            text: "lo".to_owned(),
        }],
        vec![StreamEvent::Citation {
            choice,
            citation: Citation::new(),
        }],
        vec![StreamEvent::ToolCall {
            choice,
            call: 0,
            id: Some("a".to_owned()),
            name: "f".to_owned(),
            arguments: "{\"x\"".to_owned(),
        }],
        vec![StreamEvent::ToolArguments {
            choice,
            call: 0,
            fragment: ":1}".to_owned(),
        }],
        vec![StreamEvent::ToolCall {
            choice,
            call: 1,
            id: None,
            name: "g".to_owned(),
            arguments: String::new(),
        }],
        vec![StreamEvent::Usage(Usage::new(7, 3))],
        vec![StreamEvent::End],
    ];
    let (events, last) = streamed(&groups);
    let seen: Vec<(&str, Option<u64>)> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["index"].as_u64()))
        .collect();
    assert_eq!(
        seen,
        [
            ("message-start", None),
            ("content-start", Some(0)),
            ("content-delta", Some(0)),
            ("content-end", Some(0)),
            ("content-start", Some(1)),
            ("content-delta", Some(1)),
            ("content-delta", Some(1)),
            ("citation-start", Some(0)),
            ("citation-end", Some(0)),
            ("content-end", Some(1)),
            ("tool-call-start", Some(0)),
            ("tool-call-delta", Some(0)),
            ("tool-call-delta", Some(0)),
            ("tool-call-end", Some(0)),
            ("tool-call-start", Some(1)),
            ("tool-call-end", Some(1)),
            ("message-end", None),
        ]
    );
    let cited = &events[7]["delta"]["message"]["citations"];
    assert_eq!(
        (&cited["start"], &cited["end"], &cited["text"]),
        (&json!(0), &json!(5), &json!("Hello"))
    );
    assert_eq!(
        events[16]["delta"],
        json!({"finish_reason": "TOOL_CALL", "usage": {
            "billed_units": {"input_tokens": 7, "output_tokens": 3}, "tokens": {"input_tokens": 7, "output_tokens": 3}}})
    );
    assert_eq!(last, "data: [DONE]");
}

#[test]
fn a_stream_that_breaks_ends_in_an_error() {
    let mut encoder = CohereCodec.encoder(Operation::Chat, &info());
    let mut out = BytesMut::new();
    encoder.error(&json!({"message": "Gone."}), &mut out);
    let (events, last) = read(&out);
    assert_eq!(events[0]["type"], "message-end");
    assert_eq!(
        events[0]["delta"],
        json!({"finish_reason": "ERROR", "error": "Gone."})
    );
    assert_eq!(last, "data: [DONE]");
    let mut decoder = super::super::StreamDecoder::new();
    let (events, _) = super::feed(&mut decoder, &out, &[]);
    assert!(matches!(events.as_slice(), [StreamEvent::Error(error)] if error.message == "Gone."));
}

#[test]
fn vectors_are_asked_for_and_told_in_coheres_words() {
    let body = json!({"model": "e", "input_type": "search_query", "output_dimension": 256, "truncate": "END",
        "embedding_types": ["base64"], "inputs": [{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]});
    let Request::Embedding(request) = decode_as(Operation::Embedding, &body).unwrap() else {
        panic!("no embedding");
    };
    assert_eq!(
        request.input,
        EmbeddingInput::Texts(vec!["a\nb".to_owned()])
    );
    assert_eq!(request.task, Some(EmbeddingTask::Query));
    assert_eq!(
        (request.encoding, request.dimensions),
        (Some(EmbeddingEncoding::Base64), Some(256))
    );
    assert_eq!(request.extra.fields().len(), 1);
    for picture in [
        json!({"images": ["data:image/png;base64,AAAA"]}),
        json!({"inputs": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
    ] {
        let error = decode_as(Operation::Embedding, &picture).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    let mut response = EmbeddingResponse::default();
    response.embeddings = vec![
        Embedding {
            index: 1,
            vector: Vector::Floats(vec![2.0]),
        },
        Embedding {
            index: 0,
            vector: Vector::Floats(vec![1.0]),
        },
    ];
    response.usage = Some(Usage::new(4, 0));
    let (body, _) = written(&Response::Embedding(Box::new(response)));
    assert_eq!(body["embeddings"], json!({"float": [[1.0], [2.0]]}));
    assert_eq!(body["meta"]["billed_units"]["input_tokens"], 4);
}

#[test]
fn ranks_are_told_with_the_searches_that_are_paid_for() {
    let mut response = RerankResponse::default();
    response.results = vec![RerankResult {
        index: 1,
        score: 0.5,
        document: None,
    }];
    let mut usage = Usage::default();
    usage.search_units = Some(2);
    response.usage = Some(usage);
    let (body, losses) = written(&Response::Rerank(Box::new(response)));
    assert_eq!(
        body,
        json!({"id": "0123", "results": [{"index": 1, "relevance_score": 0.5}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 2}}})
    );
    assert!(losses.is_empty());
}

#[test]
fn recorded_requests_are_read_and_written_again() {
    for exchange in corpus("/v2/chat") {
        let asked = &exchange.value["request"]["body"];
        let request = chat(asked);
        let model = asked["model"].as_str().unwrap();
        let out = encode_chat(&request, &RequestOptions::new(model)).unwrap();
        let out = json(&out.body);
        let name = &exchange.name;
        for (key, value) in asked.as_object().unwrap() {
            match key.as_str() {
                "stream" => assert_eq!(out.get(key).is_some(), value == true, "{name}"),
                "messages" => {
                    let count = |list: &Value| list.as_array().unwrap().len();
                    assert_eq!(count(&out[key]), count(value), "{name}");
                }
                "tools" => {
                    let names = |tools: &Value| -> Vec<Value> {
                        let tools = tools.as_array().unwrap().iter();
                        tools.map(|tool| tool["function"].clone()).collect()
                    };
                    for (one, other) in names(&out[key]).iter().zip(names(value)) {
                        assert_eq!(one["name"], other["name"], "{name}");
                        assert_eq!(one["parameters"], other["parameters"], "{name}");
                    }
                }
                // No documents are as good as none.
                _ if value == &json!([]) => assert_eq!(out.get(key), None, "{name} {key}"),
                _ => assert_eq!(out.get(key), Some(value), "{name} {key}"),
            }
        }
    }
}
