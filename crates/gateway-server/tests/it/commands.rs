//! `check`, `schema`, `version`.

use crate::harness::{folder, run, simulators, text};

#[test]
fn check_says_fine_or_everything_that_is_wrong() {
    let (_folder, path) = folder(&simulators(&["chat"], "seed: 1"));
    let path = path.to_str().unwrap();
    let output = run(&["check", "--config-path", path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("fine (1 endpoints, 0 routes)"));

    let (_folder, path) = folder("endponits: []\n");
    let path = path.to_str().unwrap();
    let output = run(&["check", "--config-path", path]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(report.contains(&format!("{path}:1:1:")), "{report}");
    assert!(report.contains("did you mean `endpoints`?"), "{report}");
}

#[test]
fn check_asks_the_provider_about_its_settings() {
    let faults = "faults: [{kind: explode}, {kind: cut, rate: 7}]";
    let (_folder, path) = folder(&simulators(&["chat"], faults));
    let output = run(&["check", "--config-path", path.to_str().unwrap()]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        report.contains("faults.0.kind") && report.contains("faults.1.rate"),
        "{report}"
    );
    assert!(report.contains("config.yaml:2:"), "{report}");
}

#[test]
fn strict_refuses_what_is_otherwise_a_warning() {
    let (_folder, path) = folder(&format!("{}extra: 1\n", simulators(&["chat"], "")));
    let path = path.to_str().unwrap();
    let lenient = run(&["check", "--config-path", path]);
    assert!(lenient.status.success());
    assert!(text(&lenient.stderr).contains("extra"));
    let strict = run(&["check", "--config-path", path, "--strict"]);
    assert_eq!(strict.status.code(), Some(2));
}

#[test]
fn schema_and_version_are_printed() {
    let schema = run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema.to_string().contains("time_to_first_token"));
    let version = run(&["version"]);
    assert!(text(&version.stdout).starts_with("gateway-server "));
}
