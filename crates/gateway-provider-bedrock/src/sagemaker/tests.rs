use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use gateway_dialect::ClientCodec;
use gateway_dialect::event_stream::{write_event, write_exception};
use gateway_dialect::openai::OpenAi;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Payload, Provider, Reply, ReplyBody, TargetSpec, Whole};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Options, Request, Response};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Value, json};

use super::SAGEMAKER;

const EVENTS: &str = "application/vnd.amazon.eventstream";
const SSE: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"}}]}\n\n\
    data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\n\
    data: [DONE]\n\n";

fn config() -> Value {
    json!({"aws_region_name": "us-east-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s"})
}

fn provider(config: &Value, transport: &ScriptedTransport) -> Arc<dyn Provider> {
    let spec = TargetSpec::new("sagemaker", Some("my-llm".into()), Operation::Chat);
    let options = Options::new(config.as_object().unwrap().clone());
    (SAGEMAKER.build)(&spec, &options, &deps(transport)).unwrap()
}

fn context() -> Context {
    Context::new("r".into(), "e".into(), Instant::now())
}

fn native(body: &'static str, stream: bool) -> Call {
    let body = Bytes::from_static(body.as_bytes());
    let envelope = Envelope::scan(&body).unwrap();
    let decode = &|operation, body: &[u8]| OpenAi.decode(operation, body);
    let payload = Payload::from_bytes(Dialect::OPENAI, body, envelope, decode);
    Call::new(context(), Operation::Chat, stream, payload)
}

fn foreign(stream: bool) -> Call {
    let mut request = ChatRequest::new(vec![Message::user("Hello")]);
    request.stream = stream;
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    Call::new(context(), Operation::Chat, stream, payload)
}

/// A stream of the container's bytes, cut into parts of so many bytes.
fn parts(size: usize) -> Bytes {
    let mut out = BytesMut::new();
    for part in SSE.as_bytes().chunks(size) {
        write_event(&mut out, "PayloadPart", part);
    }
    out.freeze()
}

async fn gathered(reply: Reply) -> Result<(Vec<u8>, Option<u64>), CallError> {
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream");
    };
    let (mut bytes, mut input) = (Vec::new(), None);
    while let Some(frame) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let frame = frame?;
        if let FrameData::Raw(raw) = &frame.data {
            bytes.extend_from_slice(raw);
        }
        let usage = frame.facts.usage.as_ref();
        input = usage.and_then(|usage| usage.input_tokens).or(input);
    }
    Ok((bytes, input))
}

#[tokio::test]
async fn a_request_goes_to_the_endpoint_signed_for_sagemaker() {
    let answer = json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}});
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &answer));
    let mut config = config();
    config["inference_component"] = json!("part");
    config["served_model"] = json!("lmi");
    let call = native("{\"model\":\"chat\",\"messages\":[]}", false);
    let reply = provider(&config, &transport).call(call).await.unwrap();
    let ReplyBody::Whole(Whole::Raw { body, facts, .. }) = reply.body else {
        panic!("the container's own bytes");
    };
    assert_eq!(body, answer.to_string());
    assert_eq!(facts.usage.unwrap().input_tokens, Some(9));
    let sent = transport.last_request().unwrap();
    assert_eq!(
        sent.uri(),
        "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/my-llm/invocations"
    );
    assert_eq!(sent.body(), "{\"model\":\"lmi\",\"messages\":[]}");
    assert_eq!(
        sent.headers()["x-amzn-sagemaker-inference-component"],
        "part"
    );
    let authorization = sent.headers()["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("/us-east-1/sagemaker/aws4_request"),
        "{authorization}"
    );
    let reply = provider(&config, &transport)
        .call(foreign(false))
        .await
        .unwrap();
    assert!(matches!(
        reply.body,
        ReplyBody::Whole(Whole::Canonical(Response::Chat(_)))
    ));
}

#[tokio::test]
async fn a_stream_is_unwrapped_wherever_its_parts_are_cut() {
    for size in [1, 7, 40, 10_000] {
        let transport =
            ScriptedTransport::new().always(ScriptedReply::new(200, EVENTS, parts(size)));
        let body = "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[]}";
        let reply = provider(&config(), &transport)
            .call(native(body, true))
            .await;
        let (bytes, input) = gathered(reply.unwrap()).await.unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), SSE, "{size}");
        assert_eq!(input, Some(9));
        let sent = transport.last_request().unwrap();
        assert!(sent.uri().path().ends_with("/invocations-response-stream"));
        let reply = provider(&config(), &transport).call(foreign(true)).await;
        assert_eq!(gathered(reply.unwrap()).await.unwrap().1, Some(9));
    }
}

#[tokio::test]
async fn errors_of_the_container_and_of_sagemaker_are_told_apart() {
    let model = json!({"ErrorCode": "CLIENT_ERROR_FROM_MODEL", "OriginalStatusCode": 422,
        "OriginalMessage": "{\"error\":{\"message\":\"too long\"}}", "Message": "Received client error"});
    let transport = ScriptedTransport::new()
        .always(ScriptedReply::json(424, &model).header("x-amzn-errortype", "ModelError"));
    let call = || native("{\"messages\":[]}", false);
    let error = provider(&config(), &transport)
        .call(call())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.message().contains("too long"), "{}", error.message());
    let gone = json!({"message": "Endpoint my-llm of account 1 not found."});
    let transport = ScriptedTransport::new()
        .always(ScriptedReply::json(400, &gone).header("x-amzn-errortype", "ValidationError"));
    let error = provider(&config(), &transport)
        .call(call())
        .await
        .unwrap_err();
    assert!(error.message().contains("not found"), "{}", error.message());
    let mut broken = BytesMut::from(&parts(60)[..]);
    broken.truncate(parts(60).len() / 2);
    let mut failing = BytesMut::new();
    write_event(&mut failing, "PayloadPart", SSE.split_at(80).0.as_bytes());
    write_exception(
        &mut failing,
        "ModelStreamError",
        b"{\"Message\":\"it died\"}",
    );
    for body in [broken.freeze(), failing.freeze()] {
        let transport = ScriptedTransport::new().always(ScriptedReply::new(200, EVENTS, body));
        let reply = provider(&config(), &transport)
            .call(native("{\"messages\":[],\"stream\":true}", true))
            .await;
        let outcome = match reply {
            Ok(reply) => gathered(reply).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "a stream that breaks is not a good end");
    }
}

#[test]
fn settings_may_have_mlflows_names_and_a_bearer_token_is_refused() {
    let spec = TargetSpec::new("sagemaker", Some("e".into()), Operation::Chat);
    let check = |value: Value| {
        let options = Options::new(value.as_object().unwrap().clone());
        (SAGEMAKER.check)(&spec, &options)
    };
    assert_eq!(check(config()), []);
    assert_eq!(
        check(json!({"aws_role_name": "arn:aws:iam::1:role/x", "aws_region_name": "eu-west-1"})),
        []
    );
    assert_eq!(
        check(json!({"aws_config": {"aws_region": "eu-west-1"}})),
        []
    );
    assert!(!check(json!({"aws_access_key_id": "AKID"})).is_empty());
    assert!(!check(json!({"aws_config": {"aws_bearer_token": "x"}})).is_empty());
}

fn tgi() -> Value {
    let mut config = config();
    config["body_format"] = json!("tgi");
    config["prompt_template"] = json!("chatml");
    config
}

#[tokio::test]
async fn a_container_that_knows_no_chat_is_asked_in_its_own_format() {
    let answer = json!([{"generated_text": "Hi", "details": {"finish_reason": "eos_token", "generated_tokens": 2}}]);
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &answer));
    let body = "{\"model\":\"chat\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    let reply = provider(&tgi(), &transport).call(native(body, false)).await;
    let ReplyBody::Whole(Whole::Canonical(Response::Chat(chat))) = reply.unwrap().body else {
        panic!("an answer that was read");
    };
    assert_eq!(chat.usage.unwrap().output_tokens, Some(2));
    assert_eq!(
        chat.choices[0].parts[0],
        gateway_schema::chat::Part::text("Hi")
    );
    let sent = transport.last_request().unwrap();
    assert!(sent.uri().path().ends_with("/endpoints/my-llm/invocations"));
    let sent: Value = serde_json::from_slice(sent.body()).unwrap();
    assert_eq!(
        sent,
        json!({"inputs": "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
            "parameters": {"max_new_tokens": 5, "stop": ["<|im_end|>"], "details": true}})
    );
    // It has neither tools nor vectors, and says so before anything is sent.
    let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}";
    let error = provider(&tgi(), &transport)
        .call(native(body, false))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), transport.requests().len()),
        (ErrorKind::Unsupported, 1)
    );
}

#[tokio::test]
async fn a_stream_of_tokens_is_unwrapped_wherever_its_parts_are_cut() {
    let said = "data:{\"index\":1,\"token\":{\"id\":1,\"text\":\"Hi\",\"special\":false},\"generated_text\":null,\"details\":null}\n\n\
        data:{\"index\":2,\"token\":{\"id\":2,\"text\":\"<|im_end|>\",\"special\":true},\"generated_text\":\"Hi\",\
        \"details\":{\"finish_reason\":\"eos_token\",\"generated_tokens\":2,\"input_length\":9}}\n\n";
    for size in [1, 7, 10_000] {
        let mut parts = BytesMut::new();
        for part in said.as_bytes().chunks(size) {
            write_event(&mut parts, "PayloadPart", part);
        }
        let reply = ScriptedReply::new(200, EVENTS, parts.freeze());
        let transport = ScriptedTransport::new().always(reply);
        let reply = provider(&tgi(), &transport).call(foreign(true)).await;
        assert_eq!(gathered(reply.unwrap()).await.unwrap().1, Some(9), "{size}");
        let sent: Value = serde_json::from_slice(transport.last_request().unwrap().body()).unwrap();
        assert_eq!(sent["stream"], true);
    }
}

#[test]
fn what_a_container_speaks_is_one_of_two_and_only_one_needs_a_template() {
    let spec = TargetSpec::new("sagemaker", Some("e".into()), Operation::Chat);
    let check = |key: &str, value: &str| {
        let mut options = tgi();
        options[key] = json!(value);
        let found = (SAGEMAKER.check)(&spec, &Options::new(options.as_object().unwrap().clone()));
        found.first().map(|problem| problem.message.clone())
    };
    assert_eq!(check("body_format", "tgi"), None);
    assert!(
        check("body_format", "openai")
            .unwrap()
            .contains("prompt_template is for")
    );
    assert!(
        check("body_format", "triton")
            .unwrap()
            .contains("openai or tgi")
    );
    assert!(check("prompt_template", "gpt").unwrap().contains("llama3"));
}
