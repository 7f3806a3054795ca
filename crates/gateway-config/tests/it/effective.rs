//! The effective configuration: complete, readable again, and without credentials.

use crate::fake::{World, plan};

const EVERYTHING: &str = include_str!("../golden/everything.yaml");

#[test]
fn what_is_written_out_is_read_again_as_the_same_plan() {
    let first = plan(EVERYTHING);
    let text = first.to_yaml().unwrap();
    for secret in ["sk-from-env", "sk-from-file", "sk-from-secrets", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
    let again = World::new().load(
        &text
            .replacen("[secret]", "one", 1)
            .replace("redis: '[secret]'", "redis: 'redis://x'"),
    );
    let again = match again {
        Ok(loaded) => loaded,
        Err(report) => panic!("{text}\n{report}"),
    };
    assert!(again.warnings.is_empty(), "{}", again.warnings);
    let second = again.plan.to_yaml().unwrap();
    assert_eq!(text, second);
}

#[test]
fn the_effective_configuration_says_every_default() {
    let text = plan("endpoints: []").to_yaml().unwrap();
    assert_eq!(text, include_str!("../golden/effective-empty.yaml"));
}

#[test]
fn a_password_in_the_url_of_a_setting_is_not_written_out() {
    let text = "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: openai, name: m, config:
        {openai_api_key: k, openai_api_base: 'http://user:hunter2@host/v1'}}}]";
    let text = plan(text).to_yaml().unwrap();
    assert!(text.contains("http://[secret]@host/v1"), "{text}");
}
