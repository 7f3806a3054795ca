//! Every configuration that MLflow was recorded with: the same are accepted, the same are refused, and what is
//! accepted means the same. Where we differ on purpose, the reason stands here.

use std::path::{Path, PathBuf};

use gateway_config::{Endpoint, Plan};
use gateway_schema::Operation;
use serde_json::{Value, json};

use crate::fake::World;

/// Refused by MLflow, accepted here.
const ACCEPTED_HERE: [(&str, &str); 3] = [
    (
        "config-err-api-key-number",
        "an unquoted key of digits is text where text is meant",
    ),
    (
        "config-err-route-strategy",
        "ROUND_ROBIN is a strategy here",
    ),
    (
        "config-err-azure-version-unquoted-date",
        "an unquoted date is text where text is meant",
    ),
];

fn recordings() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    [
        "xtask/conformance/mlflow-recorded",
        "conformance/mlflow-recorded",
        "../shared/reference/mlflow-recorded",
    ]
    .iter()
    .map(|path| root.join(path))
    .find(|path| path.is_dir())
}

fn cases(wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let Some(directory) = recordings() else {
        println!("skipped: recordings absent");
        return Vec::new();
    };
    let mut cases: Vec<Value> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
        .filter(|case| wanted(case))
        .collect();
    cases.sort_by_key(|case| case["name"].as_str().unwrap().to_owned());
    cases
}

fn world(case: &Value) -> World {
    let mut world = World::new();
    for (name, value) in case["env"].as_object().into_iter().flatten() {
        world = world.with_env(name, value.as_str().unwrap());
    }
    world
}

#[test]
fn what_mlflow_accepts_is_accepted_and_what_it_refuses_is_refused() {
    let mut wrong = Vec::new();
    for case in cases(|case| case["kind"] == "config-check") {
        let name = case["name"].as_str().unwrap();
        let text = case["config_yaml"].as_str().unwrap();
        let ours = world(&case).load(text);
        let expected = case["result"]["ok"] == true
            || ACCEPTED_HERE.iter().any(|(excepted, _)| *excepted == name);
        match ours {
            Ok(_) if !expected => wrong.push(format!("{name}: accepted")),
            Err(report) if expected => wrong.push(format!("{name}: refused\n{report}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_accepted_means_the_same_as_with_mlflow() {
    for case in cases(|case| case["kind"] == "config-check" && case["result"]["ok"] == true) {
        let name = case["name"].as_str().unwrap();
        let loaded = world(&case)
            .load(case["config_yaml"].as_str().unwrap())
            .unwrap();
        let parsed = &case["result"]["parsed"];
        let endpoints: Vec<Value> = loaded.plan.endpoints.iter().map(endpoint).collect();
        let wanted = parsed["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), wanted.len(), "{name}");
        for (ours, theirs) in endpoints.iter().zip(wanted) {
            assert_same(name, ours, theirs);
        }
        assert_eq!(routes(&loaded.plan), parsed["routes"], "{name}");
    }
}

#[test]
fn the_text_that_mlflow_refuses_with_is_found_again_where_it_says_what_is_wrong() {
    // Name, and words of MLflow's message that ours keeps.
    let kept = [
        (
            "config-err-duplicate",
            "Duplicate names found in endpoint / route configurations",
        ),
        (
            "config-err-route-duplicates-endpoint",
            "Duplicate names found in endpoint / route configurations",
        ),
        (
            "config-err-route-sum",
            "the traffic percentage sum of destinations must be 100",
        ),
        (
            "config-err-route-destination",
            "has an invalid destination name 'zz'",
        ),
        (
            "config-err-route-task",
            "but got endpoint type 'llm/v1/embeddings'",
        ),
        ("config-err-route-type-key", "Use 'endpoint_type' instead."),
    ];
    for case in cases(|case| kept.iter().any(|(name, _)| case["name"] == *name)) {
        let report = world(&case)
            .load(case["config_yaml"].as_str().unwrap())
            .unwrap_err()
            .to_string();
        let (_, words) = kept.iter().find(|(name, _)| case["name"] == *name).unwrap();
        assert!(report.contains(words), "{}: {report}", case["name"]);
        assert!(case["result"]["message"].as_str().unwrap().contains(words));
    }
}

#[test]
fn every_configuration_that_a_recording_was_made_with_is_accepted() {
    for case in cases(|case| case["kind"] == "gateway-start") {
        let text = case["config_yaml"].as_str().unwrap();
        // Providers that the small table of this test does not have.
        if ["deepseek", "portkey"]
            .iter()
            .any(|name| text.contains(name))
        {
            continue;
        }
        let loaded = world(&case).load(text);
        assert!(loaded.is_ok(), "{}: {}", case["name"], loaded.unwrap_err());
    }
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let model = &endpoint.model;
    let config: serde_json::Map<String, Value> = model
        .options
        .names()
        .map(|name| {
            (
                name.to_owned(),
                model.options.get(name).cloned().unwrap_or(Value::Null),
            )
        })
        .collect();
    json!({
        "name": endpoint.name,
        "endpoint_type": match endpoint.operation {
            Operation::Chat => "llm/v1/chat",
            Operation::Completion => "llm/v1/completions",
            _ => "llm/v1/embeddings",
        },
        "model": {"name": model.name, "provider": model.provider_alias, "config": config},
        "limit": endpoint.limit.as_ref().map(|limit| json!({
            "calls": limit.calls, "renewal_period": limit.renewal_period, "key": limit.key,
        })),
    })
}

fn routes(plan: &Plan) -> Value {
    if plan.routes.is_empty() {
        return Value::Null;
    }
    serde_json::to_value(&plan.routes).unwrap()
}

/// What we read is what MLflow read, apart from defaults that it fills in and the provider fills in here.
fn assert_same(case: &str, ours: &Value, theirs: &Value) {
    for key in ["name", "endpoint_type", "limit"] {
        assert_eq!(ours[key], theirs[key], "{case}: {key}");
    }
    for key in ["name", "provider"] {
        assert_eq!(ours["model"][key], theirs["model"][key], "{case}: {key}");
    }
    let defaults = [
        ("openai_api_type", "openai"),
        ("openai_api_base", "https://api.openai.com/v1"),
    ];
    for (key, theirs) in theirs["model"]["config"].as_object().unwrap() {
        let ours = &ours["model"]["config"][key];
        let default = defaults
            .iter()
            .any(|(name, value)| name == key && theirs == value);
        // `auth_mode` is removed by the provider.
        if key == "litellm_auth_config" {
            assert_eq!(ours["api_key"], theirs["api_key"], "{case}");
        } else if !(ours.is_null() && default) {
            assert_eq!(ours, theirs, "{case}: {key}");
        }
    }
}
