//! MLflow's URLs: the recorded management exchanges, validation before the call, lenient bodies, streams.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gateway_http::{
    Destination, Directory, Edge, EdgeConfig, EndpointInfo, EndpointLimit, Entry, Health, Snapshot,
    TimeOrderedIds,
};
use gateway_provider::{Lane, Reply, ReplyBody, Whole};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason, Part, StreamEvent};
use gateway_schema::stream::Frame;
use gateway_schema::{
    CallError, Dialect, ErrorKind, Mapping, Operation, Request as Asked, Response,
};
use gateway_testkit::ManualClock;
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{Script, get, post, reply, send, send_to, stream_of};

const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hello"}]}"#;
const INVOKE: &str = "/gateway/chat/invocations";

/// The endpoints of the recorded management exchanges.
struct Recorded;

impl Snapshot for Recorded {
    fn find(&self, name: &str) -> Option<Entry> {
        let mut all = self.endpoints();
        all.extend(self.routes());
        let found = all.into_iter().find(|it| it.name.as_str() == name);
        found.map(Entry::from)
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        let model = |name: &str| Some(name.into());
        let tgi = "huggingface-text-generation-inference";
        vec![
            Arc::new(
                EndpointInfo::endpoint(
                    "crud-chat",
                    Operation::Chat,
                    "openai",
                    model("gpt-4o-mini"),
                )
                .with_limit(Some(EndpointLimit::new(5, "minute", None))),
            ),
            Arc::new(EndpointInfo::endpoint(
                "crud-emb",
                Operation::Embedding,
                "openai",
                model("text-embedding-3-small"),
            )),
            Arc::new(EndpointInfo::endpoint(
                "crud.tgi",
                Operation::Completion,
                tgi,
                None,
            )),
        ]
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        let to = Destination {
            name: "crud-chat".into(),
            traffic_percentage: 100,
        };
        let route = EndpointInfo::route("crud-route", Operation::Chat, vec![to], "TRAFFIC_SPLIT");
        vec![Arc::new(route)]
    }
}

impl Directory for Recorded {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(Self)
    }

    fn health(&self) -> Health {
        Health::new(true)
    }
}

fn recorded_edge() -> Edge<Script> {
    let clock = Arc::new(ManualClock::new());
    let ids = Arc::new(TimeOrderedIds::new(clock.clone()));
    let config = EdgeConfig::new();
    Edge::new(Script::default(), config, Arc::new(Recorded), clock, ids)
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_json(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// True when `got` holds everything of `want`.
fn holds(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => want
            .iter()
            .all(|(name, want)| got.get(name).is_some_and(|got| holds(want, got))),
        // The recorded document lists methods only.
        (Value::Array(want), Value::Object(got)) => want
            .iter()
            .all(|name| got.contains_key(name.as_str().unwrap())),
        _ => want == got,
    }
}

#[tokio::test]
async fn management_urls_answer_as_recorded() {
    // The other deviations of these cases are the configuration's alone.
    let different = ["mgmt-not-found", "mgmt-list-endpoints-bad-token"];
    let folder = project().join("xtask/conformance/mlflow-recorded");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("mgmt-") || different.contains(&name.as_str()) {
            continue;
        }
        seen += 1;
        let case = read_json(&path);
        let (request, want) = (&case["request"], &case["gateway_reply"]);
        let body = match &request["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let ask = Request::builder()
            .method(method)
            .uri(request["path"].as_str().unwrap())
            .header("content-type", "application/json")
            .body(Bytes::from(body))
            .unwrap();
        let got = send_to(recorded_edge(), ask).await;
        let mut want_body = want["body"].clone();
        if name == "mgmt-openapi" {
            want_body["info"]["version"] = env!("CARGO_PKG_VERSION").into();
        }
        assert_eq!(json!(got.status.as_u16()), want["status"], "{name}");
        for header in ["allow", "location"] {
            let want = want["headers_of_interest"][header].as_str().unwrap_or("");
            assert!(want.ends_with(got.header(header)), "{name}: {header}");
        }
        if !want_body.is_string() && !want_body.is_null() {
            assert!(holds(&want_body, &got.json()), "{name}: {}", got.text());
        }
    }
    assert!(seen > 14, "{seen}");
}

#[tokio::test]
async fn a_traffic_route_is_shown_with_its_shares() {
    let got = send_to(recorded_edge(), get("/api/3.0/gateway/route/crud-route")).await;
    let want = json!({
        "name": "crud-route", "task_type": "llm/v1/chat", "routing_strategy": "TRAFFIC_SPLIT",
        "destinations": [{"name": "crud-chat", "traffic_percentage": 100}],
    });
    assert_eq!(got.json(), want);
    let page = send_to(recorded_edge(), get("/docs")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("<title>MLflow AI Gateway</title>"));
}

#[tokio::test]
async fn every_alias_hands_on_what_the_endpoint_answers_with_mlflows_mapping() {
    for path in [
        INVOKE,
        "/endpoints/chat/invocations",
        "/gateway/chat/mlflow/invocations",
        "/llm/v1/chat/chat",
        "/gateway/split/invocations",
    ] {
        let script = Script::default();
        send(&script, post(path, HELLO)).await;
        let call = script.call();
        assert_eq!(call.operation, Operation::Chat, "{path}");
        assert_eq!(call.context.mapping, Mapping::Mlflow, "{path}");
        assert_eq!(call.payload.dialect(), Some(Dialect::MLFLOW), "{path}");
    }
}

#[tokio::test]
async fn wrong_fields_are_told_before_the_call_is_handed_on() {
    let script = Script::default();
    let got = send(&script, post(INVOKE, r#"{"messages":[],"n":0}"#)).await;
    assert_eq!(got.status, 422);
    assert_eq!(got.json()["detail"][0]["loc"], json!(["body", "n"]));
    assert_eq!(got.json()["detail"][1]["type"], "too_short");
    let broken = send(&script, post(INVOKE, "{oops")).await;
    assert_eq!(broken.json()["detail"][0]["loc"], json!(["body", 1]));
    let model = send(
        &script,
        post(INVOKE, r#"{"messages":[{"role":"a"}],"model":"x"}"#),
    )
    .await;
    assert_eq!(model.status, 422);
    assert!(model.json()["detail"].is_string());
    let mut form = post(INVOKE, "a=b");
    let media = "application/x-www-form-urlencoded".parse().unwrap();
    form.headers_mut().insert("content-type", media);
    let form = send(&script, form).await;
    assert_eq!(form.json()["detail"][0]["type"], "model_attributes_type");
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn bodies_and_words_that_only_python_accepts_are_accepted() {
    let script = Script::default();
    let body = r#"{"messages":[{"role":"user","content":"a"}],"seed":NaN,"stream":"yes"}"#;
    send(&script, post(INVOKE, body)).await;
    let call = script.call();
    assert!(call.stream);
    let Asked::Chat(chat) = &call.canonical().unwrap().value else {
        panic!("not chat")
    };
    assert_eq!((chat.sampling.seed, chat.stream), (None, true));
}

#[tokio::test]
async fn unknown_names_and_wrong_methods_are_answered_in_mlflows_shape() {
    let script = Script::default();
    let got = send(&script, post("/gateway/chta/invocations", HELLO)).await;
    assert_eq!(got.status, 404);
    assert!(got.json()["detail"].as_str().unwrap().contains("'chat'"));
    let got = send(&script, get(INVOKE)).await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "POST"));
    assert_eq!(got.json(), json!({"detail": "Method Not Allowed"}));
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn a_stream_has_no_terminator_and_breaks_with_an_error_event() {
    let asking = HELLO.replacen('{', "{\"stream\":true,", 1);
    let finish = StreamEvent::Finish {
        choice: 0,
        finish: Finish::new(FinishReason::Stop),
    };
    let good = vec![
        Ok(Frame::events(vec![text("Hi")])),
        Ok(Frame::events(vec![finish, StreamEvent::End])),
    ];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI, good)));
    let got = send(&script, post(INVOKE, asking.clone())).await;
    assert_eq!(
        got.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(got.text().matches("data: ").count(), 2);
    assert!(!got.text().contains("[DONE]"));
    let broken = vec![
        Ok(Frame::events(vec![text("Hi")])),
        Err(CallError::upstream(
            ErrorKind::Timeout,
            "The provider fell silent.",
        )),
    ];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI, broken)));
    let got = send(&script, post(INVOKE, asking)).await;
    let last = got.text().trim_end().rsplit("data: ").next().unwrap();
    let want =
        json!({"error": {"message": "504: The provider fell silent.", "type": "HTTPException"}});
    assert_eq!(serde_json::from_str::<Value>(last).unwrap(), want);
}

fn whole(text: &str) -> Reply {
    let mut choice = Choice::default();
    choice.parts = vec![Part::text(text)];
    choice.finish = Some(Finish::new(FinishReason::Stop));
    let mut chat = ChatResponse::default();
    chat.choices = vec![choice];
    let mut reply = reply(
        Dialect::ANTHROPIC,
        ReplyBody::Whole(Whole::Canonical(Response::Chat(Box::new(chat)))),
    );
    reply.lane = Lane::Cross;
    reply
}

#[tokio::test]
async fn the_tracking_servers_url_states_durations_and_answers_400_with_a_text() {
    let url = "/gateway/chat/mlflow/invocations";
    let script = Script::answering(Ok(whole("Hi")));
    let got = send(&script, post(url, HELLO)).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], "Hi");
    assert_eq!(got.json()["provider"], "openai");
    assert!(!got.header("x-mlflow-gateway-duration-ms").is_empty());
    for (body, start) in [
        ("{oops", "Invalid JSON payload: Expecting property name"),
        (
            r#"{"messages":[]}"#,
            "Invalid chat payload: 1 validation error",
        ),
        (
            r#"{"prompt":"x"}"#,
            "Invalid request: payload format must be",
        ),
    ] {
        let got = send(&script, post(url, body)).await;
        assert_eq!(got.status, 400);
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(start), "{detail}");
    }
}
