//! Plans without YAML: the same definitions by both doors give the same plan, or the same problems.

use gateway_config::{
    Checked, Definitions, EndpointDefinition, KeyDefinition, ModelDefinition, Plan, PlanError,
    Problem, SecretValue, Settings, Severity,
};
use gateway_schema::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fake::{Fake, World};

const EVERYTHING: &str = include_str!("../golden/everything.yaml");

/// The file with every key there is, as JSON. A credential that is the path of a file is one only in a file.
fn everything() -> Value {
    let text = EVERYTHING.replace("/run/secrets/key", "$REC_ENV_KEY");
    let yaml: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    serde_json::to_value(yaml).unwrap()
}

fn check(definitions: &Definitions) -> Result<Checked, PlanError> {
    Plan::check(definitions, &World::new(), &Fake)
}

/// What both doors must agree on: everything but lines, columns and the spelling of values, in the order of paths.
fn comparable(problems: &[Problem]) -> Vec<(String, bool, String, bool, Option<String>)> {
    let without_position = |text: &str| {
        let text = text.split(" in line ").next().unwrap_or_default();
        text.split(" at /").next().unwrap_or_default().to_owned()
    };
    let mut all: Vec<_> = problems
        .iter()
        .map(|it| {
            let is_error = it.severity == Severity::Error;
            let message = without_position(&it.message);
            (
                it.path.clone(),
                is_error,
                message,
                it.found.is_some(),
                it.allowed.clone(),
            )
        })
        .collect();
    all.sort();
    all
}

/// False where serde has read a list as the fields of a struct.
fn same_kinds(read: &Value, written: &Value) -> bool {
    match (read, written) {
        (Value::Array(_), Value::Object(_)) => false,
        (Value::Array(read), Value::Array(written)) => read
            .iter()
            .zip(written)
            .all(|(read, written)| same_kinds(read, written)),
        (Value::Object(read), Value::Object(written)) => read.iter().all(|(key, read)| {
            written
                .get(key)
                .is_none_or(|written| same_kinds(read, written))
        }),
        _ => true,
    }
}

/// Checks one document by both doors.
fn agree(document: &Value) -> bool {
    let Ok(definitions) = serde_json::from_value::<Definitions>(document.clone()) else {
        return false;
    };
    if !same_kinds(document, &serde_json::to_value(&definitions).unwrap()) {
        return false;
    }
    let by_file = World::new().load(&document.to_string());
    let by_value = check(&definitions);
    match (by_file, by_value) {
        (Ok(file), Ok(value)) => {
            assert_eq!(file.plan, value.plan);
            assert_eq!(
                comparable(&file.warnings.into_problems()),
                comparable(&value.warnings)
            );
        }
        (Err(report), Err(error)) => assert_eq!(
            comparable(&report.into_problems()),
            comparable(error.problems())
        ),
        (file, value) => panic!("the doors disagree on {document}:\n{file:?}\n{value:?}"),
    }
    true
}

#[test]
fn every_key_of_the_file_makes_the_same_plan_from_definitions() {
    let document = everything();
    assert!(agree(&document));
    let by_serde: Definitions = serde_json::from_value(document.clone()).unwrap();
    let by_table = Definitions::from_json(&document).unwrap();
    assert_eq!(by_serde, by_table);
}

#[test]
fn definitions_read_back_what_they_write_except_credentials() {
    let mut definitions: Definitions = serde_json::from_value(everything()).unwrap();
    let text = serde_json::to_string(&definitions).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    // With references in the place of credentials the round trip is exact.
    let reference = SecretValue::stored("OPENAI");
    for endpoint in &mut definitions.endpoints {
        for value in endpoint.headers.values_mut() {
            *value = reference.clone();
        }
        if endpoint.model.config.get("aws_config").is_some() {
            let aws = Settings::default().with("aws_secret_access_key", reference.clone());
            endpoint.model.config.set("aws_config", aws);
        }
    }
    for key in &mut definitions.auth.as_mut().unwrap().keys {
        key.aws.as_mut().unwrap().secret_access_key = reference.clone();
    }
    definitions.stores.as_mut().unwrap().redis = Some(reference.clone());
    let otlp = definitions.telemetry.as_mut().unwrap().otlp.as_mut();
    for value in otlp.unwrap().headers.values_mut() {
        *value = reference.clone();
    }
    let text = serde_json::to_string(&definitions).unwrap();
    assert_eq!(
        serde_json::from_str::<Definitions>(&text).unwrap(),
        definitions
    );
}

#[test]
fn a_literal_credential_is_taken_as_it_is_and_a_masked_one_is_refused() {
    let mut model = ModelDefinition::new("openai");
    // In a file, the first is a reference that leads nowhere and the second the content of a file.
    for credential in ["$not a name", "/run/secrets/key"] {
        model.config = Settings::default().with("openai_api_key", SecretValue::literal(credential));
        let mut definitions = Definitions::default();
        definitions
            .endpoints
            .push(EndpointDefinition::new("a", Operation::Chat, model.clone()));
        let plan = check(&definitions).unwrap().plan;
        assert_eq!(
            plan.endpoints[0].model.options.text("openai_api_key"),
            Some(credential)
        );
        assert!(!plan.to_yaml().unwrap().contains(credential));

        let text = serde_json::to_string(&definitions).unwrap();
        let read_back: Definitions = serde_json::from_str(&text).unwrap();
        let refused = check(&read_back).unwrap_err();
        let [problem] = refused.problems() else {
            panic!("{refused:?}");
        };
        assert_eq!(problem.path, "/endpoints/0/model/config/openai_api_key");
        assert!(problem.message.contains("masked"), "{refused}");
    }
}

#[test]
fn problems_of_definitions_point_at_values_and_name_no_line() {
    let mut definitions = Definitions::default();
    for _ in 0..2 {
        let mut endpoint =
            EndpointDefinition::new("a", Operation::Chat, ModelDefinition::new("simulator"));
        endpoint.fallback.push("nowhere".to_owned());
        definitions.endpoints.push(endpoint);
    }
    let key = || KeyDefinition::new("k", SecretValue::literal("sk-hidden"));
    let auth = definitions.auth.get_or_insert_default();
    auth.keys = vec![key(), key()];
    let refused = check(&definitions).unwrap_err();
    let paths: Vec<&str> = refused
        .problems()
        .iter()
        .map(|it| it.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "/endpoints/1/name",
            "/endpoints/0/fallback/0",
            "/endpoints/1/fallback/0",
            "/auth/keys/1/name",
        ]
    );
    let text = format!(
        "{refused} {}",
        serde_json::to_string(refused.problems()).unwrap()
    );
    assert!(
        !text.contains("line") && !text.contains("sk-hidden"),
        "{text}"
    );
    assert!(
        text.contains("at /endpoints/0/name") && text.contains("at /auth/keys/0"),
        "{text}"
    );
}

/// What is put in the place of values.
fn values() -> Vec<Value> {
    vec![
        json!("chat"),
        json!("backup"),
        json!("vectors"),
        json!("split"),
        json!("nowhere"),
        json!("no name"),
        json!(""),
        json!("llm/v1/chat"),
        json!("llm/v1/embeddings"),
        json!("openai"),
        json!("bedrock"),
        json!("simulator"),
        json!("nobody"),
        json!("$REC_ENV_KEY"),
        json!("$MISSING"),
        json!("{{ secrets.OPENAI }}"),
        json!("{{ secrets.MISSING }}"),
        json!("30s"),
        json!("0s"),
        json!("minute"),
        json!("fortnight"),
        json!("key"),
        json!("header:authorization"),
        json!("header:x-a"),
        json!("ROUND_ROBIN"),
        json!("PRIORITY"),
        json!("2027-02-30"),
        json!("("),
        json!("redis://h"),
        json!(0),
        json!(1),
        json!(7),
        json!(100),
        json!(101),
        json!(-1),
        json!(0.5),
        json!(1e9),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!(["chat"]),
        json!(["chat", "split"]),
        json!({"x-a": "b"}),
        json!({"content-length": "1"}),
        Value::Null,
    ]
}

/// Every pointer into a document.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_doors_agree_on_documents_with_anything_in_them(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(values())), 1..4)
    ) {
        let mut document = everything();
        for (at, value) in changes {
            let mut all = Vec::new();
            pointers(&document, "", &mut all);
            let at = at.get(&all);
            if let (false, Some(place)) = (at.is_empty(), document.pointer_mut(at)) {
                *place = value;
            }
        }
        agree(&document);
    }
}
