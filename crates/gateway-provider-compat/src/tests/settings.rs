//! Settings: MLflow's names, texts that help, secrets that stay secret.

use gateway_provider::TargetSpec;
use gateway_schema::{Operation, Options};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{MODEL, ask_with, call, canonical, chat, options, row, whole};

fn problems(name: &str, value: &Value) -> Vec<String> {
    let row = row(name);
    let spec = TargetSpec::new(name, Some(MODEL.into()), Operation::Chat);
    (row.factory().check)(&spec, &options(value))
        .into_iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

async fn headers(name: &str, value: &Value) -> http::HeaderMap {
    let reply = ScriptedReply::new(200, "application/json", whole("Hi"));
    let call = call(Operation::Chat, false, canonical(chat("Hi")));
    let given = value.as_object().unwrap().clone();
    let asked = ask_with(row(name), given, &json!({}), call, reply).await;
    asked.request().headers().clone()
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    assert_eq!(
        problems("groq", &json!({})),
        ["api_key: api_key is missing: give the API key of Groq as text."]
    );
    assert_eq!(
        problems("mistral", &json!({"api_key": "k"})),
        ["mistral_api_key: mistral_api_key is missing: give the API key of Mistral as text."]
    );
    assert_eq!(
        problems("groq", &json!({"api_key": 7})),
        [
            "api_key: api_key must be text.",
            "api_key: api_key is missing: give the API key of Groq as text."
        ]
    );
    assert_eq!(
        problems("groq", &json!({"api_key": "k", "api_base": "groq.com"})).len(),
        1
    );
    assert_eq!(
        problems(
            "groq",
            &json!({"api_key": "k", "api_base": "https://h/v1?x=1"})
        )
        .len(),
        1
    );
    assert_eq!(
        problems("openai-compatible", &json!({})),
        [
            "api_base: api_base is missing: say where the API is, for instance http://localhost:8000/v1."
        ]
    );
    assert_eq!(
        problems("cloudflare", &json!({"api_key": "k"})),
        ["account_id: account_id is missing: give it, or the whole address as api_base."]
    );
    assert_eq!(
        problems("snowflake", &json!({"api_key": "k", "account": "a/b"})).len(),
        1
    );
    let whole_address = json!({"api_key": "k", "account": "https://a-b.snowflakecomputing.com/"});
    assert!(problems("snowflake", &whole_address).is_empty());
    assert!(
        problems(
            "cloudflare",
            &json!({"api_key": "k", "api_base": "https://h/v1"})
        )
        .is_empty()
    );
    assert!(problems("togetherai", &json!({"togetherai_api_key": "k"})).is_empty());
    assert!(problems("vllm", &json!({})).is_empty());
    assert!(problems("ollama", &json!({})).is_empty());
    // What the environment may hold is not missed before the program runs.
    assert!(problems("databricks-model-serving", &json!({})).is_empty());
    assert_eq!(
        problems("databricks", &json!({"host": "my workspace"})).len(),
        1
    );
}

#[test]
fn a_model_needs_a_name() {
    let spec = TargetSpec::new("groq", None, Operation::Chat);
    let problems = (row("groq").factory().check)(&spec, &options(&json!({"api_key": "k"})));
    assert_eq!(problems.len(), 1);
}

#[tokio::test]
async fn ollama_and_servers_of_ones_own_get_no_header_without_a_key() {
    for value in [json!({}), json!({"api_key": "ollama"})] {
        assert!(
            !headers("ollama", &value)
                .await
                .contains_key("authorization")
        );
    }
    let keyed = headers("ollama", &json!({"api_key": "k"})).await;
    assert_eq!(keyed["authorization"], "Bearer k");
    assert!(
        !headers("vllm", &json!({}))
            .await
            .contains_key("authorization")
    );
    let keyed = headers(
        "openai-compatible",
        &json!({"api_key": "k", "api_base": "http://h"}),
    )
    .await;
    assert_eq!(keyed["authorization"], "Bearer k");
}

#[tokio::test]
async fn portkey_gets_its_key_apart_and_the_providers_as_a_token() {
    let full = json!({"api_key": "pk", "portkey_provider": "@openai-prod", "portkey_config": "pc-1",
        "provider_api_key": "up"});
    let sent = headers("portkey", &full).await;
    assert_eq!(sent["x-portkey-api-key"], "pk");
    assert_eq!(sent["x-portkey-provider"], "@openai-prod");
    assert_eq!(sent["x-portkey-config"], "pc-1");
    assert_eq!(sent["authorization"], "Bearer up");
    assert!(sent["authorization"].is_sensitive());
    let bare = headers("portkey", &json!({"api_key": "pk"})).await;
    assert!(!bare.contains_key("authorization"));
}

#[tokio::test]
async fn settings_of_platforms_become_their_headers() {
    let sent = headers(
        "snowflake",
        &json!({"api_key": "k", "account": "a", "token_type": "KEYPAIR_JWT"}),
    )
    .await;
    assert_eq!(sent["x-snowflake-authorization-token-type"], "KEYPAIR_JWT");
    let sent = headers("hf", &json!({"api_key": "k", "bill_to": "my-org"})).await;
    assert_eq!(sent["x-hf-bill-to"], "my-org");
}

#[test]
fn settings_do_not_print_secrets() {
    let spec = TargetSpec::new("portkey", Some(MODEL.into()), Operation::Chat);
    let given = json!({"api_key": "hush-1", "provider_api_key": "hush-2"});
    let options = Options::new(given.as_object().unwrap().clone());
    let read = crate::options::Settings::read(row("portkey").preset, &spec, &options, None);
    let text = format!("{read:?}");
    assert!(!text.contains("hush"), "{text}");
}
