//! Databricks: addresses, tokens, and where both come from.

use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Deps, Provider, TargetSpec};
use gateway_schema::{ErrorKind, Operation};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use serde_json::{Value, json};

use super::{call, canonical, chat, options, row, whole};

struct Stage {
    transport: ScriptedTransport,
    clock: Arc<ManualClock>,
    environment: FixedEnvironment,
}

impl Stage {
    fn new() -> Self {
        Self {
            transport: ScriptedTransport::new(),
            clock: Arc::new(ManualClock::new()),
            environment: FixedEnvironment::new(),
        }
    }

    fn build(&self, model: &str, given: &Value) -> Result<Arc<dyn Provider>, Vec<String>> {
        let deps = Deps::new(
            Arc::new(self.transport.clone()),
            Arc::clone(&self.clock) as Arc<_>,
            Arc::new(self.environment.clone()),
        );
        let spec = TargetSpec::new("databricks", Some(model.into()), Operation::Chat);
        let build = row("databricks").factory().build;
        build(&spec, &options(given), &deps)
            .map_err(|problems| problems.into_iter().map(|problem| problem.path).collect())
    }

    fn answers(&self) {
        self.transport
            .push(ScriptedReply::new(200, "application/json", whole("Hi")));
    }

    fn grants(&self, token: &str, seconds: u64) {
        let grant = json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds});
        self.transport.push(ScriptedReply::json(200, &grant));
    }
}

async fn ask(provider: &Arc<dyn Provider>) -> Result<(), gateway_schema::CallError> {
    let call = call(Operation::Chat, false, canonical(chat("Hi")));
    Arc::clone(provider).call(call).await.map(|_| ())
}

#[tokio::test]
async fn names_with_two_dots_go_by_the_gateway_of_the_workspace() {
    for (model, host, address) in [
        (
            "m",
            "https://h",
            "https://h/serving-endpoints/chat/completions",
        ),
        (
            "a.b",
            "h.net/",
            "https://h.net/serving-endpoints/chat/completions",
        ),
        (
            "a.b.c",
            "https://h",
            "https://h/ai-gateway/mlflow/v1/chat/completions",
        ),
        (
            "m",
            "https://h/serving-endpoints/",
            "https://h/serving-endpoints/chat/completions",
        ),
    ] {
        let stage = Stage::new();
        stage.answers();
        let provider = stage
            .build(model, &json!({"host": host, "token": "t"}))
            .unwrap();
        ask(&provider).await.unwrap();
        assert_eq!(stage.transport.requests()[0].uri(), address);
        assert_eq!(
            stage.transport.requests()[0].headers()["authorization"],
            "Bearer t"
        );
    }
}

#[tokio::test]
async fn a_service_principal_gets_one_token_and_a_new_one_before_its_end() {
    let stage = Stage::new();
    let given = json!({"host": "https://h", "client_id": "id", "client_secret": "hush"});
    let provider = stage.build("m", &given).unwrap();
    stage.grants("t1", 3600);
    stage.answers();
    stage.answers();
    ask(&provider).await.unwrap();
    ask(&provider).await.unwrap();
    stage.clock.advance(Duration::from_secs(3500));
    stage.grants("t2", 3600);
    stage.answers();
    ask(&provider).await.unwrap();
    let requests = stage.transport.requests();
    let seen: Vec<(String, &str)> = requests
        .iter()
        .map(|request| {
            let value = request.headers()["authorization"].to_str().unwrap();
            (request.uri().path().to_owned(), value)
        })
        .collect();
    let chat = "/serving-endpoints/chat/completions".to_owned();
    let token = "/oidc/v1/token".to_owned();
    assert_eq!(
        seen,
        [
            (token.clone(), "Basic aWQ6aHVzaA=="),
            (chat.clone(), "Bearer t1"),
            (chat.clone(), "Bearer t1"),
            (token, "Basic aWQ6aHVzaA=="),
            (chat, "Bearer t2"),
        ]
    );
    let asked = &requests[0];
    assert_eq!(asked.body(), "grant_type=client_credentials&scope=all-apis");
    assert!(asked.headers()["authorization"].is_sensitive());
    assert_eq!(
        asked.headers()["content-type"],
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_used_again() {
    let stage = Stage::new();
    let given = json!({"host": "https://h", "client_id": "id", "client_secret": "s"});
    let provider = stage.build("m", &given).unwrap();
    stage.grants("t1", 3600);
    stage.transport.push(ScriptedReply::json(
        401,
        &json!({"error_code": 401, "message": "Invalid Token"}),
    ));
    assert_eq!(
        ask(&provider).await.unwrap_err().kind(),
        ErrorKind::Unauthenticated
    );
    stage.grants("t2", 3600);
    stage.answers();
    ask(&provider).await.unwrap();
    let last = stage.transport.last_request().unwrap();
    assert_eq!(last.headers()["authorization"], "Bearer t2");
}

#[tokio::test]
async fn a_principal_that_is_refused_says_so_without_its_secret() {
    for (status, body, kind) in [
        (
            401,
            json!({"error": "invalid_client"}),
            ErrorKind::Unauthenticated,
        ),
        (503, json!({}), ErrorKind::Unavailable),
        (200, json!({"token": "no"}), ErrorKind::Upstream),
        (
            200,
            json!({"access_token": "bad\nvalue"}),
            ErrorKind::Upstream,
        ),
    ] {
        let stage = Stage::new();
        let given = json!({"host": "https://h", "client_id": "id", "client_secret": "hush"});
        let provider = stage.build("m", &given).unwrap();
        stage.transport.push(ScriptedReply::json(status, &body));
        let error = ask(&provider).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!format!("{error:?}").contains("hush"));
        assert_eq!(stage.transport.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_not_written_comes_from_the_environment() {
    let mut stage = Stage::new();
    assert_eq!(
        stage.build("m", &json!({})).err().unwrap(),
        ["host", "token"]
    );
    stage.environment = FixedEnvironment::new()
        .with_var("DATABRICKS_HOST", "adb-1.net")
        .with_var("DATABRICKS_TOKEN", "from-env");
    stage.answers();
    let provider = stage.build("m", &json!({})).unwrap();
    ask(&provider).await.unwrap();
    let request = stage.transport.last_request().unwrap();
    assert_eq!(request.uri().host(), Some("adb-1.net"));
    assert_eq!(request.headers()["authorization"], "Bearer from-env");
    // A principal that is written counts before a token of the environment.
    stage.grants("t1", 60);
    stage.answers();
    let given = json!({"client_id": "id", "client_secret": "s"});
    ask(&stage.build("m", &given).unwrap()).await.unwrap();
    let request = stage.transport.last_request().unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer t1");
    assert_eq!(
        stage.build("m", &json!({"client_id": "id"})).err().unwrap(),
        ["token"]
    );
}
