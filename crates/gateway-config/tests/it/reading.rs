//! Text to tree: places, aliases, merges, duplicate keys, and what YAML 1.1 and 1.2 read differently.

use gateway_config::{Kind, Severity, Source, Strictness, load};

use crate::fake::{Fake, World, only_error, plan, quiet, refused};

const CHAT: &str = "endpoint_type: llm/v1/chat, model: {provider: simulator, name: m}";

#[test]
fn a_problem_stands_at_the_value_it_is_about() {
    let text = "endpoints:\n  - name: a\n    endpoint_type: llm/v1/images\n    model: {provider: simulator}\n";
    let (line, column, path, report) = only_error(text);
    assert_eq!((line, column), (3, 20));
    assert_eq!(path, "endpoints[0].endpoint_type");
    assert!(
        report.starts_with("config.yaml:3:20: error: endpoints[0].endpoint_type: "),
        "{report}"
    );
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_counts_for_nothing() {
    let text =
        "\u{feff}endpoints: [{name: \"ü b\", endpoint_type: nö, model: {provider: simulator}}]\n";
    let report = refused(text);
    let places: Vec<_> = report
        .errors()
        .map(|error| error.place.position())
        .collect();
    assert_eq!(places, [(1, 20), (1, 42)]);
}

#[test]
fn a_missing_key_stands_at_the_map_that_lacks_it() {
    let text = "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n";
    assert_eq!(only_error(text).0, 2);
    assert_eq!(only_error(text).2, "endpoints[0].model");
}

#[test]
fn broken_yaml_is_told_with_its_place() {
    let report = refused("endpoints: [\n");
    let error = report.errors().next().unwrap();
    assert_eq!(error.kind, Kind::Syntax);
    assert_eq!(error.place.position().0, 2);
    assert!(report.to_string().contains("not valid YAML"));
}

#[test]
fn an_empty_text_a_list_and_two_documents_are_refused() {
    assert!(
        refused("")
            .to_string()
            .contains("the configuration is empty")
    );
    assert!(
        refused("# nothing\n")
            .to_string()
            .contains("the configuration is empty")
    );
    assert!(refused("- a\n").to_string().contains("must be a map"));
    assert!(
        refused("a: 1\n---\nb: 2\n")
            .to_string()
            .contains("more than one document")
    );
    assert!(
        refused("endpoints:\n")
            .to_string()
            .contains("`endpoints` has no value")
    );
}

#[test]
fn json_is_yaml() {
    let text = r#"{"endpoints": [{"name": "a", "endpoint_type": "llm/v1/chat",
        "model": {"provider": "simulator", "name": "m", "config": {"seed": 7}}}]}"#;
    assert_eq!(
        quiet(text).endpoints[0].model.options.get("seed").unwrap(),
        7
    );
}

#[test]
fn aliases_and_merges_are_followed_and_keys_of_the_map_win() {
    let text = "
x-base: &base
  endpoint_type: llm/v1/chat
  model: {provider: simulator, name: base}
  strict: true
x-slow: &slow {timeout: {total: 5m}, strict: false}
endpoints:
  - name: one
    <<: *base
    model: {provider: simulator, name: own}
  - {<<: [*base, *slow], name: two}
";
    let plan = quiet(text);
    let [one, two] = plan.endpoints.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(one.model.name.as_ref().unwrap().as_str(), "own");
    assert!(one.strict);
    assert_eq!(two.model.name.as_ref().unwrap().as_str(), "base");
    assert!(two.strict, "the earlier merge wins");
    assert_eq!(two.timeouts.total.as_secs(), 300);
}

#[test]
fn aliases_that_would_fill_the_memory_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let many = vec![format!("*a{before}"); 10].join(", ");
        text = format!("{text}a{level}: &a{level} [{many}]\n");
    }
    assert!(
        refused(&text)
            .to_string()
            .contains("expand to too large a document")
    );
    assert!(refused("a: &a [*a]\n").to_string().contains("contains it"));
    assert!(refused("a: *nowhere\n").errors().count() == 1);
    let deep = format!("a: {}{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(refused(&deep).errors().next().unwrap().kind, Kind::Syntax);
}

#[test]
fn the_last_of_two_equal_keys_counts_and_the_first_is_named() {
    let text =
        format!("endpoints:\n  - {{name: a, {CHAT}}}\nendpoints:\n  - {{name: b, {CHAT}}}\n");
    let loaded = World::new().load(&text).unwrap();
    assert_eq!(loaded.plan.endpoints[0].name.as_str(), "b");
    let warning = loaded.warnings.warnings().next().unwrap();
    assert_eq!(warning.kind, Kind::DuplicateKey);
    assert_eq!(warning.place.position(), (3, 1));
    assert!(warning.message.contains("line 1"));
}

#[test]
fn strictness_refuses_unknown_and_duplicate_keys_and_nothing_else() {
    let strict = |text: &str| {
        load(
            Source::new("c", text),
            &World::new(),
            &Fake,
            Strictness::Strict,
        )
    };
    assert!(strict("endpoints: []\nversion: 3\n").is_err());
    assert!(strict("endpoints: []\nendpoints: []\n").is_err());
    assert!(strict("endpoints: []\nx-version: 3\n").is_ok());
    let older = "routes:\n  - {name: a, route_type: llm/v1/chat, model: {provider: simulator}}\n";
    let loaded = strict(older).unwrap();
    assert_eq!(loaded.warnings.diagnostics()[0].severity, Severity::Warning);
}

#[test]
fn words_that_yaml_1_1_takes_for_booleans_are_text_where_text_is_meant() {
    let text = format!(
        "endpoints:\n  - {{name: no, {CHAT}}}\n  - {{name: 2024-02-01, {CHAT}}}\n  - {{name: 0123, {CHAT}}}\n"
    );
    let plan = quiet(&text);
    let names: Vec<_> = plan
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.as_str())
        .collect();
    assert_eq!(names, ["no", "2024-02-01", "0123"]);
    let (_, _, _, report) = only_error(&format!("endpoints:\n  - {{name: true, {CHAT}}}\n"));
    assert!(report.contains("write it in quotes: \"true\""), "{report}");
}

#[test]
fn tags_of_yaml_itself_are_honoured_and_others_refused() {
    let text = format!("endpoints:\n  - {{name: !!str true, {CHAT}}}\n");
    assert_eq!(plan(&text).endpoints[0].name.as_str(), "true");
    assert!(
        refused("endpoints: !!python/tuple []\n")
            .to_string()
            .contains("is not known")
    );
    assert!(
        refused("endpoints: !mine []\n")
            .to_string()
            .contains("`!mine` is not known")
    );
}

#[test]
fn equal_content_makes_equal_plans_wherever_it_stands() {
    let one = plan(&format!("endpoints:\n  - {{name: a, {CHAT}}}\n"));
    let moved = plan(&format!(
        "# moved\n\nendpoints:\n\n  - {{name: a, {CHAT}}}\n"
    ));
    let other = plan(&format!("endpoints:\n  - {{name: b, {CHAT}}}\n"));
    assert_eq!(one, moved);
    assert_ne!(one, other);
    assert_ne!(one.endpoints[0].place.line, moved.endpoints[0].place.line);
}
