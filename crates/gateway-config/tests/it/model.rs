//! `model`: providers, settings, references, defaults, and that no credential is ever seen.

use gateway_config::{Kind, Report};

use crate::fake::{World, only_error, plan, quiet, refused};

fn openai(config: &str) -> String {
    format!(
        "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    \
         model:\n      provider: openai\n      name: gpt\n      config:\n        {}\n",
        config.replace('\n', "\n        ")
    )
}

#[track_caller]
fn key_of(config: &str) -> String {
    let plan = plan(&openai(config));
    plan.endpoints[0]
        .model
        .options
        .text("openai_api_key")
        .unwrap()
        .to_owned()
}

#[test]
fn a_provider_is_found_whatever_the_case_and_the_separator() {
    for (written, name, alias) in [
        ("OpenAI", "openai", "openai"),
        ("AZURE", "openai", "azure"),
        ("Amazon_Bedrock", "bedrock", "amazon-bedrock"),
        ("SAP_AI-core", "sap-ai-core", "sap-ai-core"),
    ] {
        let config = "{openai_api_key: k, aws_config: {}}";
        let text = format!(
            "endpoints: [{{name: a, endpoint_type: llm/v1/chat, model: {{provider: {written}, config: {config}}}}}]"
        );
        let model = &plan(&text).endpoints[0].model;
        assert_eq!(model.provider.as_str(), name);
        assert_eq!(model.provider_alias.as_str(), alias);
    }
}

#[test]
fn an_unknown_provider_is_told_with_the_nearest_one() {
    let (line, column, path, report) =
        only_error(&openai("openai_api_key: k").replace("openai\n", "opneai\n"));
    assert_eq!((line, column), (5, 17));
    assert_eq!(path, "endpoints[0].model.provider");
    assert!(report.contains("The provider 'opneai' is not supported."));
    assert!(report.contains("did you mean `openai`?"));
}

#[test]
fn only_allowed_providers_pass_the_policy() {
    let world = |list: &str| World::new().with_env("MLFLOW_GATEWAY_ALLOWED_PROVIDERS", list);
    assert!(world("").load(&openai("openai_api_key: k")).is_ok());
    assert!(
        world("Anthropic, OPENAI")
            .load(&openai("openai_api_key: k"))
            .is_ok()
    );
    let report = world("anthropic,nobody")
        .load(&openai("openai_api_key: k"))
        .unwrap_err();
    let error = report.errors().next().unwrap();
    assert_eq!(
        error.message,
        "Provider 'openai' is not allowed by the current gateway provider policy."
    );
    assert!(
        report
            .to_string()
            .contains("lists 'nobody', which is no provider")
    );
}

#[test]
fn a_credential_comes_from_a_variable_a_file_a_secret_or_is_itself() {
    assert_eq!(key_of("openai_api_key: sk-1"), "sk-1");
    assert_eq!(key_of("openai_api_key: $REC_ENV_KEY"), "sk-from-env");
    assert_eq!(key_of("openai_api_key: ${REC_ENV_KEY}"), "sk-from-env");
    assert_eq!(key_of("openai_api_key: /run/secrets/key"), "sk-from-file");
    assert_eq!(
        key_of("openai_api_key: keyfile.txt"),
        "sk-from-relative-file"
    );
    assert_eq!(
        key_of("openai_api_key: '{{ secrets.OPENAI }}'"),
        "sk-from-secrets"
    );
    assert_eq!(
        key_of("openai_api_key: '{{secrets.OPENAI}}'"),
        "sk-from-secrets"
    );
    assert_eq!(
        key_of("openai_api_key: 12345678901234567890"),
        "12345678901234567890"
    );
    assert_eq!(key_of("openai_api_key: 0123"), "0123");
}

#[test]
fn references_resolve_in_every_text_of_the_settings() {
    let world = World::new()
        .with_env("BASE", "http://base")
        .with_file("openai", "a file that is not meant")
        .with_file("/etc/org", "org-1\n");
    let text = openai(
        "openai_api_key: k\nopenai_api_base: $BASE\nopenai_organization: /etc/org\nopenai_api_type: openai",
    );
    let model = &world.load(&text).unwrap().plan.endpoints[0].model;
    assert_eq!(model.options.text("openai_api_base"), Some("http://base"));
    assert_eq!(model.options.text("openai_organization"), Some("org-1"));
    assert_eq!(
        model.options.text("openai_api_type"),
        Some("openai"),
        "a name is not a path"
    );

    let text = "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: bedrock, name: m, config:
        {aws_config: {aws_access_key_id: 123, aws_secret_access_key: '{{ secrets.OPENAI }}', aws_region: $BASE,
        session_length_seconds: 900}}}}]";
    let plan = world.load(text).unwrap().plan;
    let aws = plan.endpoints[0].model.options.get("aws_config").unwrap();
    assert_eq!(aws["aws_access_key_id"], "123");
    assert_eq!(aws["aws_secret_access_key"], "sk-from-secrets");
    assert_eq!(aws["aws_region"], "http://base");
    assert_eq!(aws["session_length_seconds"], 900);
}

#[test]
fn references_that_lead_nowhere_are_errors_that_do_not_repeat_a_password() {
    let message = |config: &str| {
        let report = refused(&openai(config));
        let error = report.errors().next().unwrap();
        assert_eq!(error.kind, Kind::Reference);
        assert_eq!(error.path, "endpoints[0].model.config.openai_api_key");
        assert_eq!(error.place.position(), (8, 25));
        report.to_string()
    };
    assert!(
        message("openai_api_key: $NOT_SET").contains("Environment variable 'NOT_SET' is not set")
    );
    assert!(message("openai_api_key: $EMPTY").contains("Environment variable 'EMPTY' is empty"));
    assert!(!message("openai_api_key: $ecretPassword").contains("ecretPassword"));
    assert!(!message("openai_api_key: $ecret-Password").contains("Password"));
    assert!(
        message("openai_api_key: '{{ secrets.OTHER }}'")
            .contains("the secret 'OTHER' is not known")
    );
    assert!(message("openai_api_key: '{{ secert.OTHER }}'").contains("write `{{ secrets.NAME }}`"));
    assert!(message("openai_api_key: /run/secrets/broken").contains("permission denied"));
}

#[test]
fn a_list_of_credentials_makes_one_account_for_each() {
    let plan = quiet(&openai(
        "openai_api_key: [sk-1, $REC_ENV_KEY]\nopenai_api_base: http://x",
    ));
    let keys: Vec<_> = plan.endpoints[0]
        .model
        .accounts()
        .map(|options| {
            (
                options.text("openai_api_key").unwrap(),
                options.text("openai_api_base").unwrap(),
            )
        })
        .collect();
    assert_eq!(keys, [("sk-1", "http://x"), ("sk-from-env", "http://x")]);
}

#[test]
fn request_parameters_below_config_are_defaults() {
    let plan = quiet(&openai(
        "openai_api_key: k\ntemperature: 0.7\nmax_tokens: '100'\nstop: END\nresponse_format: {type: json_object}",
    ));
    let model = &plan.endpoints[0].model;
    let defaults = serde_json::to_value(&model.defaults).unwrap();
    assert_eq!(
        defaults,
        serde_json::json!({
            "temperature": 0.7, "max_tokens": 100, "stop": ["END"], "response_format": {"type": "json_object"},
        })
    );
    assert_eq!(
        model.options.names().collect::<Vec<_>>(),
        ["openai_api_key"]
    );
    let (_, _, path, _) = only_error(&openai("openai_api_key: k\ntemperature: hot"));
    assert_eq!(path, "endpoints[0].model.config.temperature");
    let (_, _, _, report) = only_error(&openai("openai_api_key: k\ntop_p: 7"));
    assert!(report.contains("a number from 0 to 1"), "{report}");
}

#[test]
fn a_parameter_that_means_nothing_for_the_operation_is_ignored_with_a_warning() {
    let text = openai("openai_api_key: k\ntemperature: 0.5\ndimensions: 3")
        .replace("llm/v1/chat", "llm/v1/embeddings");
    let loaded = World::new().load(&text).unwrap();
    assert_eq!(
        loaded.plan.endpoints[0]
            .model
            .defaults
            .keys()
            .collect::<Vec<_>>(),
        ["dimensions"]
    );
    assert_eq!(loaded.warnings.warnings().count(), 1);
}

#[test]
fn an_unknown_setting_is_a_warning_with_the_nearest_key() {
    let report = refused(&openai("openai_api_kye: sk-very-secret"));
    let text = report.to_string();
    assert!(text.contains("did you mean `openai_api_key`?"), "{text}");
    assert!(text.contains("`openai_api_key` is missing"), "{text}");
    assert!(text.contains("is `openai_api_kye` meant?"), "{text}");
    assert!(!text.contains("sk-very-secret"));
}

#[test]
fn a_setting_beside_the_name_is_told_where_it_belongs() {
    let text = "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: openai, openai_api_key: sk-very-secret}}]";
    let text = refused(text).to_string();
    assert!(
        text.contains("move it to `endpoints[0].model.config.openai_api_key`"),
        "{text}"
    );
    assert!(!text.contains("sk-very-secret"));
}

#[test]
fn what_the_provider_says_stands_at_the_setting() {
    let (line, column, path, _) = only_error(&openai("openai_api_key: k\nopenai_api_type: foo"));
    assert_eq!((line, column), (9, 26));
    assert_eq!(path, "endpoints[0].model.config.openai_api_type");
    let text = "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: bedrock, name: m, config:
        {aws_config: {aws_region: 7}}}}]";
    let (line, _, path, _) = only_error(text);
    assert_eq!(line, 2);
    assert_eq!(path, "endpoints[0].model.config.aws_config.aws_region");
}

#[test]
fn settings_have_the_type_their_provider_gives_them() {
    let simulator = |config: &str| {
        format!(
            "endpoints: [{{name: a, endpoint_type: llm/v1/chat, model: {{provider: simulator, config: {config}}}}}]"
        )
    };
    let plan = quiet(&simulator("{seed: '7', rate: .5, faulty: yes}"));
    let options = &plan.endpoints[0].model.options;
    assert_eq!(options.get("seed").unwrap(), 7);
    assert_eq!(options.get("rate").unwrap(), 0.5);
    assert_eq!(options.get("faulty").unwrap(), true);
    for wrong in [
        "{seed: 1.5}",
        "{seed: many}",
        "{rate: fast}",
        "{faulty: 7}",
        "{seed: [1]}",
    ] {
        assert_eq!(refused(&simulator(wrong)).errors().count(), 1, "{wrong}");
    }
    let vertex = |betas: &str| {
        let text = format!(
            "endpoints: [{{name: a, endpoint_type: llm/v1/chat, model: {{provider: vertex-ai, config:
             {{vertex_project: p, vertex_anthropic_betas: {betas}}}}}}}]"
        );
        quiet(&text).endpoints[0]
            .model
            .options
            .get("vertex_anthropic_betas")
            .cloned()
    };
    assert_eq!(vertex("'a, b'"), Some(serde_json::json!(["a", "b"])));
    assert_eq!(vertex("[a, 1]"), Some(serde_json::json!(["a", "1"])));
    assert_eq!(vertex("''"), Some(serde_json::json!([])));
    assert_eq!(vertex("null"), None);
}

#[test]
fn the_older_form_is_translated() {
    let text = "routes:
  - name: old
    route_type: llm/v1/completions
    model:
      provider: openai
      name: gpt-3.5-turbo
      openai_api_key: '{{ secrets.OPENAI }}'
      config: {max_tokens: 100}
    limit: {renewal_period: minute, calls: 5}
  - name: new
    task_type: llm/v1/completions
    destinations: [{name: old, traffic_percentage: 100}]
";
    let loaded = World::new().load(text).unwrap();
    let old = &loaded.plan.endpoints[0];
    assert_eq!(old.name.as_str(), "old");
    assert_eq!(
        old.model.options.text("openai_api_key"),
        Some("sk-from-secrets")
    );
    assert_eq!(old.model.defaults["max_tokens"], 100);
    assert_eq!(old.limit.as_ref().unwrap().calls, 5);
    assert_eq!(
        loaded.plan.routes[0].destinations[0].endpoint.as_str(),
        "old"
    );
    let warnings: Vec<_> = loaded.warnings.warnings().collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].kind, Kind::Deprecated);
}

#[test]
fn a_provider_that_requires_nothing_needs_no_config() {
    quiet("endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: ollama, name: m}}]");
    let report = refused(
        "endpoints: [{name: a, endpoint_type: llm/v1/chat, model: {provider: openai, name: m}}]",
    );
    assert_eq!(
        report.errors().next().unwrap().path,
        "endpoints[0].model.config.openai_api_key"
    );
}

#[test]
fn no_mistake_prints_a_credential() {
    const SECRET: &str = "sk-very-secret";
    let endpoint = |rest: &str| {
        format!(
            "endpoints: [{{name: a, endpoint_type: llm/v1/chat, model: {{provider: openai, {rest}}}}}]"
        )
    };
    let texts = [
        endpoint("config: {openai_api_key: {a: sk-very-secret}}"),
        endpoint("config: {openai_api_key: [[sk-very-secret]]}"),
        endpoint("config: sk-very-secret"),
        endpoint("config: [sk-very-secret]"),
        endpoint("openai_api_key: sk-very-secret"),
        endpoint("openai_api_kee: sk-very-secret"),
        "endpoints: []\nauth: {keys: [{name: a, key: sk-very-secret}, {name: b, key: sk-very-secret}]}".to_owned(),
        "endpoints: []\nauth: {keys: [{name: a, key: [sk-very-secret]}]}".to_owned(),
        "endpoints: []\nstores: {redis: 'sk-very-secret'}".to_owned(),
        "endpoints: []\nstores: {rediss: 'redis://:sk-very-secret@h'}".to_owned(),
        "endpoints: []\ntelemetry: {otlp: {endpoint: 'http://h', headers: {a b: sk-very-secret}}}".to_owned(),
        "endpoints: []\ntelemetry: {otlp: {endpoint: 'http://h', headers: [sk-very-secret]}}".to_owned(),
        "endpoints: []\nopenai_api_key: sk-very-secret\nopenai_api_key: sk-very-secret".to_owned(),
        "endpoints: []\na: {b: 'sk-very-secret'".to_owned(),
        "endpoints: [{name: a, endpoint_type: llm/v1/chat, headers: {host: sk-very-secret, x: \"sk-very-secret\\n\"}}]".to_owned(),
    ];
    for text in texts {
        let shown = match World::new().load(&text) {
            Ok(loaded) => format!("{loaded:?}{}", loaded.warnings),
            Err(report) => every(&report),
        };
        assert!(!shown.contains(SECRET), "{text}\n{shown}");
    }
}

fn every(report: &Report) -> String {
    format!("{report}{report:?}")
}
