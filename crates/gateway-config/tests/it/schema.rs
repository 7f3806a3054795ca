//! The JSON Schema holds every key that is accepted, with a description.

use gateway_config::{Kind, ProviderEntry, Providers, json_schema};
use serde_json::Value;

use crate::fake::{Fake, World, quiet};

const EVERYTHING: &str = include_str!("../golden/everything.yaml");

/// Every object schema at `at`, whatever alternatives lead to it.
fn objects<'v>(at: &'v Value, out: &mut Vec<&'v Value>) {
    if at.get("properties").is_some() || at.get("additionalProperties").is_some() {
        out.push(at);
    }
    for alternative in at["anyOf"].as_array().into_iter().flatten() {
        objects(alternative, out);
    }
}

/// Checks that every key of a document is described by the schema.
fn covered(value: &Value, schemas: &[&Value], path: &str) {
    match value {
        Value::Object(map) => {
            let mut found = Vec::new();
            for schema in schemas {
                objects(schema, &mut found);
            }
            if found.is_empty() {
                return; // anything goes here, as in `response_format`
            }
            for (key, value) in map {
                let here = format!("{path}.{key}");
                let known: Vec<&Value> = found
                    .iter()
                    .filter_map(|schema| schema["properties"].get(key))
                    .collect();
                let free: Vec<&Value> = found
                    .iter()
                    .filter(|schema| schema["properties"].is_null())
                    .filter_map(|schema| schema.get("additionalProperties"))
                    .filter(|schema| schema.is_object())
                    .collect();
                assert!(
                    !known.is_empty() || !free.is_empty(),
                    "{here} is not in the schema"
                );
                for schema in &known {
                    assert!(
                        schema["description"]
                            .as_str()
                            .is_some_and(|text| text.len() > 5),
                        "{here} is not described"
                    );
                }
                covered(value, &[known, free].concat(), &here);
            }
        }
        Value::Array(items) => {
            let inner: Vec<&Value> = schemas
                .iter()
                .flat_map(|schema| {
                    std::iter::once(*schema).chain(schema["anyOf"].as_array().into_iter().flatten())
                })
                .filter_map(|schema| schema.get("items"))
                .collect();
            for (index, item) in items.iter().enumerate() {
                covered(item, &inner, &format!("{path}[{index}]"));
            }
        }
        _ => {}
    }
}

/// Every key of every object schema, with its path.
fn keys(schema: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let here = format!("{path}.{key}");
        out.push((here.clone(), value.clone()));
        keys(value, &here, out);
    }
    for inner in [schema.get("items"), schema.get("additionalProperties")]
        .into_iter()
        .flatten()
    {
        keys(inner, path, out);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        keys(alternative, path, out);
    }
}

#[test]
fn every_accepted_key_is_in_the_schema_and_the_other_way_round() {
    let schema = json_schema(&Fake);
    quiet(EVERYTHING);
    let document: Value = serde_yaml::from_str(EVERYTHING).unwrap();
    covered(&document, &[&schema], "");

    // Each key of the schema stands in the file that has everything, so that each is known to be accepted.
    let mut described = Vec::new();
    keys(&schema, "", &mut described);
    let mut written = Vec::new();
    paths(&document, "", &mut written);
    for (path, value) in described {
        assert!(
            value["description"]
                .as_str()
                .is_some_and(|text| text.len() > 5),
            "{path} is not described"
        );
        // Settings and defaults are the providers' and the requests' own; the older form has the keys of an endpoint.
        let older = written.contains(&path.replacen(".routes", ".endpoints", 1));
        if !path.contains(".config.") && !path.ends_with(".route_type") && !older {
            assert!(
                written.contains(&path),
                "{path} is in the schema but not in everything.yaml"
            );
        }
    }
}

fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let here = format!("{path}.{key}");
                out.push(here.clone());
                paths(value, &here, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, path, out)),
        _ => {}
    }
}

#[test]
fn a_key_that_is_not_in_the_schema_is_unknown_to_the_reader() {
    let mut schema = Vec::new();
    keys(&json_schema(&Fake), "", &mut schema);
    let text = "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: simulator, colour: x, config: {colour: x}},
        colour: x, limit: {calls: 1, renewal_period: day, colour: x}, cache: {colour: x}, retry: {colour: x},
        timeout: {colour: x}, breaker: {colour: x}}]\ncolour: x\nserver: {colour: x}\nstores: {colour: x}\ntelemetry: {colour: x}";
    let loaded = World::new().load(text).unwrap();
    let unknown: Vec<_> = loaded
        .warnings
        .diagnostics()
        .iter()
        .filter(|found| found.kind == Kind::UnknownKey)
        .collect();
    assert_eq!(unknown.len(), 12, "{}", loaded.warnings);
    assert!(schema.iter().all(|(path, _)| !path.ends_with(".colour")));
}

#[test]
fn settings_of_every_provider_are_in_the_schema() {
    let schema = json_schema(&Fake);
    let config =
        &schema["properties"]["endpoints"]["items"]["properties"]["model"]["properties"]["config"];
    for ProviderEntry { name, options, .. } in Fake.entries() {
        for option in options {
            let text = config["properties"][option.name]["description"]
                .as_str()
                .unwrap();
            assert!(text.contains(name), "{name} {}", option.name);
        }
    }
}
