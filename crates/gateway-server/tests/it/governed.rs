//! A store in place of a configuration file, managed by REST.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, chat, command, get, plain_client, post, run, text};

const API: &str = "/api/3.0/mlflow/gateway";

fn start(folder: &TempDir) -> Server {
    Server::start(&["--data", folder.path().join("data").to_str().unwrap()])
}

async fn manage(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = post(server, &format!("{API}{path}"), &body).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn id(answer: &Value, pointer: &str) -> String {
    answer
        .pointer(pointer)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

/// A secret, a model with it, and an endpoint `name` with the model.
async fn endpoint(server: &Server, name: &str) -> (String, String, String) {
    let secret = json!({"secret_name": name, "secret_value": {"api_key": "sk-0123456789"}});
    let secret = manage(server, "/secrets/create", secret).await;
    let secret = id(&secret, "/secret/secret_id");
    let model =
        json!({"name": name, "secret_id": secret, "provider": "simulator", "model_name": "m"});
    let model = manage(server, "/model-definitions/create", model).await;
    let model = id(&model, "/model_definition/model_definition_id");
    let config = json!({"model_definition_id": model, "linkage_type": "PRIMARY"});
    let made = json!({"name": name, "model_configs": [config]});
    let made = manage(server, "/endpoints/create", made).await;
    (secret, model, id(&made, "/endpoint/endpoint_id"))
}

#[tokio::test]
async fn an_endpoint_made_by_rest_answers_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let (status, _) = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
    assert_eq!(status, 404);
    endpoint(&server, "chat").await;
    let (status, answer) = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
    assert_eq!(status, 200, "{answer}");
    drop(server);
    let server = start(&folder);
    let (status, answer) = post(
        &server,
        "/v1/messages",
        &json!({"model": "chat", "max_tokens": 20,
        "messages": [{"role": "user", "content": "Hello"}]}),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_credential_is_shown_masked_and_stored_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    endpoint(&server, "chat").await;
    let (_, listed) = get(&server, &format!("{API}/secrets/list")).await;
    assert_eq!(
        listed["secrets"][0]["masked_values"]["api_key"],
        "sk-...6789"
    );
    drop(server);
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(13).any(|window| window == b"sk-0123456789");
        assert!(!found, "a credential is stored in clear");
    }
}

#[tokio::test]
async fn a_model_that_is_used_stays_and_a_secret_that_goes_leaves_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let (secret, model, endpoint) = endpoint(&server, "chat").await;
    let delete = async |path: &str, body: Value| {
        let url = server.url(&format!("{API}{path}"));
        let answer = plain_client().delete(url).json(&body).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let (status, answer) = delete(
        "/model-definitions/delete",
        json!({"model_definition_id": model}),
    )
    .await;
    assert_eq!(
        (status, answer["error_code"].as_str()),
        (400, Some("INVALID_STATE"))
    );
    assert_eq!(
        delete("/secrets/delete", json!({"secret_id": secret})).await,
        (200, json!({}))
    );
    let (_, shown) = get(
        &server,
        &format!("{API}/model-definitions/get?model_definition_id={model}"),
    )
    .await;
    assert_eq!(shown["model_definition"].get("secret_id"), None);
    assert_eq!(
        delete("/endpoints/delete", json!({"endpoint_id": endpoint}))
            .await
            .0,
        200
    );
    let (status, _) = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn models_share_calls_and_stand_in_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let (_, model, _) = endpoint(&server, "one").await;
    let (_, other, _) = endpoint(&server, "two").await;
    let configs = json!([
        {"model_definition_id": model, "linkage_type": "PRIMARY", "weight": 0.5},
        {"model_definition_id": other, "linkage_type": "PRIMARY", "weight": 0.5},
        {"model_definition_id": other, "linkage_type": "FALLBACK", "fallback_order": 0},
    ]);
    let made = json!({"name": "both", "model_configs": configs, "routing_strategy": "REQUEST_BASED_TRAFFIC_SPLIT",
        "fallback_config": {"strategy": "SEQUENTIAL", "max_attempts": 1}});
    manage(&server, "/endpoints/create", made).await;
    for _ in 0..4 {
        let (status, answer) = post(&server, "/v1/chat/completions", &chat("both", false)).await;
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test]
async fn a_browser_of_another_site_manages_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let url = server.url(&format!("{API}/secrets/list"));
    for (name, value) in [
        ("host", "rebinding.example"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let answer = plain_client()
            .get(&url)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403, "{name}");
    }
}

#[test]
fn a_folder_in_use_a_wrong_key_and_a_strange_url_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let server = start(&folder);
    let refused = run(&["start", "--port", "0", "--data", data]);
    assert!(
        text(&refused.stderr).contains("another server uses the folder"),
        "{}",
        text(&refused.stderr)
    );
    drop(server);
    let refused = command(&["start", "--port", "0", "--data", data])
        .env("GATEWAY_MASTER_KEY", "short")
        .output()
        .unwrap();
    assert!(text(&refused.stderr).contains("GATEWAY_MASTER_KEY: a master key has 32 bytes"));
    let refused = run(&[
        "start",
        "--port",
        "0",
        "--store-url",
        "mysql://user:hunter2@db/x",
    ]);
    let said = text(&refused.stderr);
    assert!(
        said.contains("postgres://") && !said.contains("hunter2"),
        "{said}"
    );
}

#[tokio::test]
async fn a_master_key_is_rotated_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let server = start(&folder);
    endpoint(&server, "before").await;
    let rotated = run(&["secrets", "rotate-key", "--data", data]);
    assert!(rotated.status.success(), "{}", text(&rotated.stderr));
    endpoint(&server, "after").await;
    for name in ["before", "after"] {
        let (status, answer) = post(&server, "/v1/chat/completions", &chat(name, false)).await;
        assert_eq!(status, 200, "{name}: {answer}");
    }
    drop(server);
    std::fs::write(folder.path().join("data/master.key"), "0".repeat(64)).unwrap();
    let refused = run(&["start", "--port", "0", "--data", data]);
    let said = text(&refused.stderr);
    assert!(said.contains("sealed under the master key"), "{said}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn several_gateways_over_one_postgres_follow_each_other() {
    use std::time::{Duration, Instant};

    use gateway_testkit::store::PostgresServer;

    let Some(postgres) = PostgresServer::start() else {
        return;
    };
    let url = postgres.url();
    let gateway = || {
        let mut gateway = command(&["start", "--port", "0", "--store-url", &url]);
        Server::spawn(gateway.env("GATEWAY_MASTER_KEY", "7".repeat(64)))
    };
    let servers = [gateway(), gateway(), gateway()];
    endpoint(&servers[0], "chat").await;
    for server in &servers {
        let begun = Instant::now();
        loop {
            let (status, answer) = post(server, "/v1/chat/completions", &chat("chat", false)).await;
            if status == 200 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // A gateway that starts later has everything at once.
    let late = gateway();
    let (status, _) = post(&late, "/v1/chat/completions", &chat("chat", false)).await;
    assert_eq!(status, 200);
}
