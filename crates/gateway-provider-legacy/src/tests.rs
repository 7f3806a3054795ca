//! The providers on a scripted transport.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_provider::{Call, Context, Factory, Payload, Reply, ReplyBody, TargetSpec, Whole};
use gateway_schema::chat::{ChatRequest, FinishReason, Message, Role};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::{
    CallError, EndpointName, ErrorKind, Mapping, Operation, Options, Request, RequestId, Response,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Value, json};

use crate::{AI21_LABS, HUGGING_FACE, MOSAIC_ML, PALM};

/// One exchange with one provider.
struct Scene {
    factory: Factory,
    model: &'static str,
    mapping: Mapping,
    reply: ScriptedReply,
}

/// What was sent, what came back, and what was lost.
struct Seen {
    request: Option<http::Request<Bytes>>,
    result: Result<Reply, CallError>,
    losses: Vec<String>,
}

impl Seen {
    fn body(&self) -> Value {
        serde_json::from_slice(self.request.as_ref().unwrap().body()).unwrap()
    }

    fn refusal(&self) -> (ErrorKind, Option<u16>, &str) {
        assert!(self.request.is_none(), "nothing must be sent");
        let error = self.result.as_ref().unwrap_err();
        (error.kind(), error.status(), error.message())
    }

    fn answer(self) -> Response {
        match self.result.unwrap().body {
            ReplyBody::Whole(Whole::Canonical(response)) => response,
            _ => panic!("a whole answer is expected"),
        }
    }
}

impl Scene {
    fn new(factory: Factory, model: &'static str, mapping: Mapping, reply: &Value) -> Self {
        Self {
            factory,
            model,
            mapping,
            reply: ScriptedReply::new(200, "application/json", reply.to_string()),
        }
    }

    async fn ask(self, operation: Operation, stream: bool, request: Request) -> Seen {
        let transport = ScriptedTransport::new().then(self.reply);
        let mut options = json!({"hf_server_url": "http://mock.invalid/tgi"});
        for spec in self.factory.options.iter().filter(|spec| spec.required) {
            if spec.name.ends_with("_key") {
                options[spec.name] = "k".into();
            }
        }
        let options = Options::new(options.as_object().unwrap().clone());
        let spec = TargetSpec::new(self.factory.name, Some(self.model.into()), operation);
        let provider = (self.factory.build)(&spec, &options, &deps(&transport)).unwrap();
        let mut context = Context::new(
            RequestId::from("r"),
            EndpointName::from("e"),
            Instant::now(),
        );
        context.mapping = self.mapping;
        let journal = context.journal.clone();
        let call = Call::new(context, operation, stream, Payload::from_request(request));
        let result = Arc::clone(&provider).call(call).await;
        let losses = journal
            .notes()
            .losses
            .iter()
            .map(|loss| loss.path.clone())
            .collect();
        Seen {
            request: transport.requests().pop(),
            result,
            losses,
        }
    }
}

fn completion(change: impl FnOnce(&mut CompletionRequest)) -> Request {
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    change(&mut request);
    Request::Completion(Box::new(request))
}

fn chat(messages: Vec<Message>) -> Request {
    Request::Chat(Box::new(ChatRequest::new(messages)))
}

fn generated(finish: &str) -> Value {
    json!({"generated_text": "out", "details": {"finish_reason": finish, "generated_tokens": 1,
        "prefill": [{"id": 0}, {"id": 1}]}})
}

#[tokio::test]
async fn text_generation_inference_conforms() {
    Suite::new(HUGGING_FACE)
        .option("hf_server_url", "http://mock.invalid/tgi")
        .option("hf_api_key", "hf_conformance")
        .names_no_model()
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", generated("eos_token").to_string())
                .answers("out"),
        )
        .run()
        .await;
}

#[tokio::test]
async fn ai21_labs_conforms() {
    let answer = json!({"id": "1", "prompt": {"text": "Say hello", "tokens": [1, 2]},
        "completions": [{"data": {"text": "Hello", "tokens": [1]}, "finishReason": {"reason": "endoftext"}}]});
    Suite::new(AI21_LABS)
        .model("j2-ultra")
        .option("ai21labs_api_key", "ai21-conformance")
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", answer.to_string())
                .answers("Hello"),
        )
        .run()
        .await;
}

#[tokio::test]
async fn mosaic_ml_conforms() {
    let text = json!({"outputs": ["Hello"]}).to_string();
    Suite::new(MOSAIC_ML)
        .model("llama2-70b-chat")
        .option("mosaicml_api_key", "mosaic-conformance")
        .sample(
            Sample::chat("Say hello")
                .whole("application/json", text.clone())
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", text)
                .answers("Hello"),
        )
        .sample(Sample::embedding("Hello").whole(
            "application/json",
            json!({"outputs": [[0.5, 1]]}).to_string(),
        ))
        .run()
        .await;
}

#[tokio::test]
async fn palm_conforms() {
    let said = json!({"candidates": [{"author": "1", "content": "Hello"}], "messages": []});
    let written = json!({"candidates": [{"output": "Hello"}]});
    let vectors = json!({"embeddings": [{"value": [1.0]}]});
    Suite::new(PALM)
        .model("chat-bison")
        .option("palm_api_key", "palm-conformance")
        .sample(
            Sample::chat("Say hello")
                .whole("application/json", said.to_string())
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", written.to_string())
                .answers("Hello"),
        )
        .sample(Sample::embedding("Hello").whole("application/json", vectors.to_string()))
        .run()
        .await;
}

#[tokio::test]
async fn mlflows_conversions_apply_on_mlflows_urls_only() {
    let warm = |request: &mut CompletionRequest| {
        request.sampling.temperature = Some(0.5);
        request.sampling.max_tokens = Some(7);
    };
    for (mapping, temperature) in [(Mapping::Mlflow, 25.0), (Mapping::Faithful, 0.5)] {
        let scene = Scene::new(HUGGING_FACE, "falcon", mapping, &generated("length"));
        let seen = scene
            .ask(Operation::Completion, false, completion(warm))
            .await;
        assert_eq!(
            seen.body(),
            json!({"inputs": "p", "parameters": {"max_new_tokens": 7, "temperature": temperature,
                "details": true, "decoder_input_details": true}})
        );
        assert!(seen.losses.is_empty());
        let Response::Completion(reply) = seen.answer() else {
            panic!("a completion is expected");
        };
        let usage = reply.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(2), Some(1))
        );
        let finish = reply.choices[0].finish.as_ref().unwrap();
        assert_eq!(finish.reason, FinishReason::Length);
    }
}

#[tokio::test]
async fn a_temperature_of_zero_is_the_likeliest_token_outside_mlflow() {
    let zero = completion(|request| {
        request.sampling.temperature = Some(0.0);
        request.sampling.top_p = Some(1.0);
    });
    let scene = Scene::new(
        HUGGING_FACE,
        "falcon",
        Mapping::Faithful,
        &generated("length"),
    );
    let seen = scene.ask(Operation::Completion, false, zero).await;
    assert_eq!(
        seen.body()["parameters"],
        json!({"details": true, "decoder_input_details": true})
    );
    assert!(seen.losses.is_empty());
}

#[tokio::test]
async fn what_a_vendor_has_no_name_for_is_reported() {
    let request = completion(|request| {
        request.suffix = Some("s".to_owned());
        request.sampling.seed = Some(1);
        request.sampling.presence_penalty = Some(0.5);
        request.sampling.frequency_penalty = Some(0.0);
        request.sampling.temperature = Some(1.5);
    });
    let scene = Scene::new(
        PALM,
        "text-bison",
        Mapping::Faithful,
        &json!({"candidates": [{"output": "o"}]}),
    );
    let seen = scene.ask(Operation::Completion, false, request).await;
    assert_eq!(
        seen.losses,
        ["temperature", "presence_penalty", "seed", "suffix"]
    );
    assert_eq!(
        seen.body(),
        json!({"temperature": 1.0, "prompt": {"text": "p"}})
    );
}

#[tokio::test]
async fn instructions_are_palms_context_outside_mlflow() {
    let messages = || vec![Message::system("S"), Message::user("u")];
    let answer = json!({"candidates": [{"content": "o"}]});
    let scene = Scene::new(PALM, "chat-bison", Mapping::Faithful, &answer);
    let seen = scene.ask(Operation::Chat, false, chat(messages())).await;
    assert_eq!(
        seen.body(),
        json!({"prompt": {"messages": [{"content": "u", "author": "user"}], "context": "S"}})
    );
    let scene = Scene::new(PALM, "chat-bison", Mapping::Mlflow, &answer);
    let seen = scene.ask(Operation::Chat, false, chat(messages())).await;
    let first = &seen.body()["prompt"]["messages"][0];
    assert_eq!(first, &json!({"content": "S", "author": "system"}));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_sent() {
    let nothing = json!({});
    let scene = Scene::new(AI21_LABS, "j2-mid", Mapping::Mlflow, &nothing);
    let seen = scene
        .ask(Operation::Completion, true, completion(|_| ()))
        .await;
    assert_eq!(
        seen.refusal(),
        (
            ErrorKind::Unsupported,
            Some(501),
            "The completions streaming route is not implemented for AI21Labs models."
        )
    );
    let scene = Scene::new(HUGGING_FACE, "falcon", Mapping::Mlflow, &nothing);
    let seen = scene
        .ask(Operation::Chat, false, chat(vec![Message::user("u")]))
        .await;
    assert_eq!(
        seen.refusal(),
        (
            ErrorKind::Unsupported,
            Some(501),
            "The chat route is not implemented for Hugging Face Text Generation Inference models."
        )
    );
    let two = || completion(|request| request.sampling.n = Some(2));
    let scene = Scene::new(HUGGING_FACE, "falcon", Mapping::Faithful, &nothing);
    let seen = scene.ask(Operation::Completion, false, two()).await;
    assert_eq!(seen.refusal().0, ErrorKind::Unsupported);
    let message = Message::new(Role::Tool, Vec::new());
    let scene = Scene::new(MOSAIC_ML, "llama2-7b", Mapping::Mlflow, &nothing);
    let seen = scene.ask(Operation::Chat, false, chat(vec![message])).await;
    assert_eq!(seen.refusal().1, Some(422));
    assert!(seen.refusal().2.contains("Invalid role tool inputted"));
}

#[tokio::test]
async fn a_limit_that_mosaic_ml_reports_as_its_own_fault_is_the_callers() {
    let mut scene = Scene::new(MOSAIC_ML, "mpt-7b", Mapping::Mlflow, &json!({}));
    let message =
        json!({"message": "Error: max output tokens is limited to 4096 but 5000 was requested"});
    scene.reply = ScriptedReply::new(500, "application/json", message.to_string());
    let seen = scene
        .ask(Operation::Completion, false, completion(|_| ()))
        .await;
    let error = seen.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert_eq!(error.upstream_failure().unwrap().status, Some(422));
}

#[test]
fn models_that_mlflow_refuses_are_refused_with_its_words() {
    let options = json!({"mosaicml_api_key": "k", "ai21labs_api_key": "k"});
    let options = Options::new(options.as_object().unwrap().clone());
    let check = |factory: Factory, model: &str, operation| -> Vec<String> {
        let spec = TargetSpec::new(factory.name, Some(model.into()), operation);
        let problems = (factory.check)(&spec, &options).into_iter();
        problems.map(|problem| problem.message).collect()
    };
    assert!(
        check(MOSAIC_ML, "mpt-7b", Operation::Chat)[0]
            .starts_with("An invalid model has been specified for the chat route. 'mpt-7b'.")
    );
    assert!(check(MOSAIC_ML, "mpt-7b", Operation::Completion).is_empty());
    assert!(check(MOSAIC_ML, "Llama2-70b", Operation::Chat).is_empty());
    assert!(
        check(AI21_LABS, "j3", Operation::Completion)[0]
            .starts_with("An Unsupported AI21Labs model has been specified: 'j3'.")
    );
}
