//! Requests, replies and streams in the words of the server's own documents.

use bytes::Bytes;
use gateway_schema::chat::{
    ChatRequest, FinishReason, Fold, FunctionTool, Message, ResponseFormat, Tool,
};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::stream::{Decode, FrameData};
use gateway_schema::{CallError, Request, Retry};
use serde_json::{Value, json};

use super::*;
use crate::testing::at_random;

fn turns() -> Vec<Message> {
    vec![
        Message::system("Be brief."),
        Message::user("Hi"),
        Message::new(
            gateway_schema::chat::Role::Assistant,
            vec![gateway_schema::chat::Part::text("Hello")],
        ),
        Message::user("Why?"),
    ]
}

fn inputs(template: Template, messages: Vec<Message>) -> String {
    let encoded = encode_chat(&ChatRequest::new(messages), template).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    body["inputs"].as_str().unwrap().to_owned()
}

#[test]
fn turns_are_written_as_each_model_was_taught_to_read_them() {
    let lone = vec![Message::user("Hi")];
    assert_eq!(inputs(Template::Plain, lone.clone()), "Hi");
    assert_eq!(inputs(Template::Mistral, lone), "[INST] Hi [/INST]");
    for (template, want) in [
        (
            Template::Plain,
            "Be brief.\nUser: Hi\nAssistant: Hello\nUser: Why?\nAssistant:",
        ),
        (
            Template::ChatMl,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n\
             <|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            Template::Llama2,
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello</s>[INST] Why? [/INST]",
        ),
        (
            Template::Llama3,
            "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            Template::Mistral,
            "[INST] Be brief.\n\nHi [/INST] Hello</s>[INST] Why? [/INST]",
        ),
        (
            Template::Zephyr,
            "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n<|user|>\nWhy?</s>\n<|assistant|>\n",
        ),
    ] {
        assert_eq!(inputs(template, turns()), want);
    }
    for name in Template::NAMES {
        assert!(Template::named(name).is_some());
    }
}

#[test]
fn parameters_go_by_the_servers_names_and_what_it_lacks_is_told() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.sampling.max_tokens = Some(9);
    request.sampling.temperature = Some(0.0);
    request.sampling.top_p = Some(1.0);
    request.sampling.presence_penalty = Some(0.5);
    request.sampling.stop = vec!["X".to_owned()];
    request.logprobs = Some(true);
    request.stream = true;
    request.response_format = Some(ResponseFormat::JsonObject);
    let encoded = encode_chat(&request, Template::Plain).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body,
        json!({"inputs": "Hi", "stream": true, "parameters": {"max_new_tokens": 9, "do_sample": false, "stop": ["X"],
            "grammar": {"type": "json", "value": {"type": "object"}}, "details": true}})
    );
    let all = Request::Chat(Box::new(request.clone()));
    assert_eq!(stops(&all, Template::ChatMl), ["X", "<|im_end|>"]);
    let lost: Vec<_> = encoded
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(lost, ["messages", "presence_penalty", "logprobs"]);
    request.sampling.n = Some(2);
    let refused = encode_chat(&request, Template::Plain).unwrap_err();
    assert_eq!(refused.retry(), Retry::Elsewhere);
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.tools = Some(vec![Tool::Function(FunctionTool::new("f"))]);
    let refused = encode_chat(&request, Template::Plain).unwrap_err();
    assert!(refused.message().starts_with("tools:"));
    let mut text = CompletionRequest::new(Prompt::Text("Once".to_owned()));
    text.echo = Some(true);
    text.sampling.temperature = Some(0.5);
    let encoded = encode_completion(&text).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["parameters"],
        json!({"temperature": 0.5, "do_sample": true, "return_full_text": true, "details": true})
    );
    let many = CompletionRequest::new(Prompt::Texts(vec!["a".to_owned(), "b".to_owned()]));
    assert!(encode_completion(&many).is_err());
}

#[test]
fn whole_replies_are_read_in_every_shape_and_lose_the_stop_sequence() {
    let stops = ["\nUser:".to_owned()];
    let details = json!({"finish_reason": "stop_sequence", "generated_tokens": 4, "prefill": [{}, {}], "seed": null, "tokens": []});
    for body in [
        json!([{"generated_text": "Hello\nUser:", "details": details}]),
        json!({"generated_text": "Hello\nUser:", "details": details}),
    ] {
        let reply = decode_chat(body.to_string().as_bytes(), &stops).unwrap();
        assert_eq!(
            reply.choices[0].parts[0],
            gateway_schema::chat::Part::text("Hello")
        );
        let finish = reply.choices[0].finish.as_ref().unwrap();
        assert_eq!(finish.reason, FinishReason::StopSequence);
        let usage = reply.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(2), Some(4))
        );
    }
    let text = decode_completion(br#"[{"generation":"Hello"}]"#, &[]).unwrap();
    assert_eq!(text.choices[0].text, "Hello");
    assert!(text.usage.is_none());
    let error = decode_chat(
        br#"{"error":"CUDA out of memory","error_type":"generation"}"#,
        &[],
    );
    assert_eq!(error.unwrap_err().message(), "CUDA out of memory");
    assert!(decode_chat(b"{}", &[]).is_err());
}

/// A stream as the server writes it, for these tokens.
fn stream(tokens: &[(&str, bool)], end: &Value, sse: bool) -> String {
    let mut out = String::new();
    for (index, (text, special)) in tokens.iter().enumerate() {
        let is_last = index + 1 == tokens.len();
        let mut event = json!({"index": index + 1, "token": {"id": 1, "text": text, "logprob": -0.1, "special": special},
            "generated_text": null, "details": null});
        if is_last {
            event["generated_text"] = json!("whatever");
            event["details"] = end.clone();
        }
        let (before, after) = if sse { ("data:", "\n\n") } else { ("", "\n") };
        for piece in [before, &event.to_string(), after] {
            out.push_str(piece);
        }
    }
    out
}

fn decode(
    chunks: &[Bytes],
    stops: &[&str],
) -> (String, Option<FinishReason>, Result<(), CallError>) {
    let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut decoder = StreamDecoder::new(stops);
    let mut frames = Vec::new();
    let fed = chunks
        .iter()
        .try_for_each(|chunk| decoder.feed(chunk.clone(), &mut frames));
    let ended = fed.and_then(|()| decoder.end(&mut frames));
    let mut fold = Fold::new();
    for frame in frames {
        if let FrameData::Events(events) = frame.data {
            for event in events {
                fold.push(event);
            }
        }
    }
    let Ok(reply) = fold.finish() else {
        return (String::new(), None, ended);
    };
    let choice = reply.choices.first();
    let text = choice.map(|choice| {
        let texts = choice.parts.iter().filter_map(|part| match &part.content {
            gateway_schema::chat::Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    });
    let finish = choice.and_then(|choice| Some(choice.finish.as_ref()?.reason));
    (text.unwrap_or_default(), finish, ended)
}

#[test]
fn streams_say_the_same_however_they_are_written_and_cut() {
    let end = json!({"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 2, "seed": null});
    let tokens = [("Hel", false), ("lo \u{e4}", false), ("</s>", true)];
    for sse in [true, false] {
        let body = stream(&tokens, &end, sse);
        for longest in [1, 3, 1000] {
            let chunks = at_random(body.as_bytes(), longest, 7);
            let (text, finish, ended) = decode(&chunks, &[]);
            assert_eq!(
                (text.as_str(), finish),
                ("Hello \u{e4}", Some(FinishReason::Stop))
            );
            ended.unwrap();
        }
    }
}

#[test]
fn a_stop_sequence_is_held_back_until_it_is_none() {
    let whole = |body: String, stops: &[&str]| {
        let (text, ..) = decode(&[Bytes::from(body)], stops);
        text
    };
    let met = json!({"finish_reason": "stop_sequence", "generated_tokens": 3});
    let tokens = [("Hello\n", false), ("Us", false), ("er:", false)];
    assert_eq!(whole(stream(&tokens, &met, true), &["\nUser:"]), "Hello");
    // Not the end of the text: it was only alike.
    let done = json!({"finish_reason": "length", "generated_tokens": 3});
    let tokens = [("Hello\n", false), ("Us", false), ("ually \n", false)];
    assert_eq!(
        whole(stream(&tokens, &done, true), &["\nUser:"]),
        "Hello\nUsually \n"
    );
    // What cannot be a stop sequence is not kept waiting.
    let mut decoder = StreamDecoder::new(vec!["\nUser:".to_owned()]);
    let mut frames = Vec::new();
    let first = Bytes::from_static(b"data:{\"token\":{\"text\":\"Hi\\n\",\"special\":false}}\n\n");
    decoder.feed(first, &mut frames).unwrap();
    let FrameData::Events(events) = &frames[0].data else {
        panic!("events");
    };
    let text = gateway_schema::chat::StreamEvent::Text {
        choice: 0,
        text: "Hi".to_owned(),
    };
    assert!(events.contains(&text));
}

#[test]
fn a_stream_that_fails_or_breaks_is_no_good_end() {
    let said = "data:{\"token\":{\"text\":\"Hi\",\"special\":false}}\n\n";
    let error = format!(
        "{said}data:{{\"error\":\"Request failed during generation\",\"error_type\":\"generation\"}}\n\n"
    );
    let mut decoder = StreamDecoder::new(Vec::new());
    let mut frames = Vec::new();
    decoder.feed(Bytes::from(error), &mut frames).unwrap();
    decoder.end(&mut frames).unwrap();
    let FrameData::Events(events) = &frames[1].data else {
        panic!("events");
    };
    assert!(
        matches!(&events[0], gateway_schema::chat::StreamEvent::Error(error) if error.message.contains("failed"))
    );
    for body in [said, "data:{\"tok", ""] {
        let (_, _, ended) = decode(&[Bytes::from(body)], &[]);
        assert!(ended.is_err(), "{body}");
    }
}
