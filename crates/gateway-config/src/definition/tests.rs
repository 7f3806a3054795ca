use serde_json::json;

use super::*;
use crate::file::shape::{Section, Shape};
use crate::plan;

/// Reads `{key: null}` as `T`, and says whether the key is one of its fields.
fn knows<T: serde::de::DeserializeOwned>(key: &str) -> bool {
    let null = json!({ (key): null });
    match serde_json::from_value::<T>(null) {
        Ok(_) => true,
        Err(error) => !error.to_string().contains("unknown field"),
    }
}

fn section(of: &'static Section, key: &str) -> &'static Section {
    let mut shape = &of.key(key).unwrap().shape;
    loop {
        shape = match shape {
            Shape::List(inner) | Shape::OneOrMany(inner) => inner,
            Shape::Section(section) | Shape::Switch(section) => return section,
            _ => panic!("`{key}` is no section"),
        };
    }
}

fn complete<T: serde::de::DeserializeOwned>(section: &Section) {
    let lacking: Vec<&str> = section.names().filter(|key| !knows::<T>(key)).collect();
    let name = std::any::type_name::<T>();
    assert!(
        lacking.is_empty(),
        "{name} has no {lacking:?}: add them to src/definition"
    );
}

#[test]
fn definitions_of_endpoints_have_every_key_of_the_file() {
    let endpoint = &plan::endpoint::SECTION;
    complete::<Definitions>(&plan::SECTION);
    complete::<EndpointDefinition>(endpoint);
    complete::<ModelDefinition>(section(endpoint, "model"));
    complete::<CallLimitDefinition>(section(endpoint, "limit"));
    complete::<LimitDefinition>(section(endpoint, "limits"));
    complete::<TimeoutDefinition>(section(endpoint, "timeout"));
    complete::<CacheDefinition>(section(endpoint, "cache"));
    complete::<RetryDefinition>(section(endpoint, "retry"));
    complete::<BreakerDefinition>(section(endpoint, "breaker"));
    complete::<PriceDefinition>(section(endpoint, "price"));
}

#[test]
fn definitions_of_everything_else_have_every_key_of_the_file() {
    let route = &plan::route::SECTION;
    let rule = section(route, "rules");
    let when = section(rule, "when");
    complete::<RouteDefinition>(route);
    complete::<DestinationDefinition>(section(route, "destinations"));
    complete::<StickyDefinition>(section(route, "sticky"));
    complete::<RuleDefinition>(rule);
    complete::<ConditionDefinition>(when);
    complete::<TokenRangeDefinition>(section(when, "prompt_tokens"));
    complete::<ContentDefinition>(section(when, "content"));
    let auth = section(&plan::SECTION, "auth");
    let keys = section(auth, "keys");
    complete::<AuthDefinition>(auth);
    complete::<KeyDefinition>(keys);
    complete::<KeyPairDefinition>(section(keys, "aws"));
    complete::<IssuerDefinition>(section(auth, "jwt"));
    let telemetry = section(&plan::SECTION, "telemetry");
    complete::<StoresDefinition>(section(&plan::SECTION, "stores"));
    complete::<TelemetryDefinition>(telemetry);
    complete::<OtlpDefinition>(section(telemetry, "otlp"));
    complete::<LogDefinition>(section(telemetry, "log"));
    complete::<ServerDefinition>(section(&plan::SECTION, "server"));
    complete::<CorsDefinition>(section(section(&plan::SECTION, "server"), "cors"));
}

#[test]
fn a_credential_is_never_written_out_and_its_mask_is_not_one() {
    let shown = |value: &SecretValue| serde_json::to_value(value).unwrap();
    for literal in [
        "sk-123",
        "$not a name",
        "{{ secrets.x }}sk-123",
        "sk-123{{ secrets.x }}",
        "{{ x }}",
    ] {
        let read = SecretValue::parse(literal);
        assert_eq!(read, SecretValue::literal(literal));
        assert_eq!(shown(&read), json!("[secret]"));
        assert!(!format!("{read:?}").contains("123"), "{read:?}");
    }
    for reference in [
        "$NAME",
        "${NAME}",
        "{{ secrets.a/b }}",
        "Bearer {{ secrets.x }}",
    ] {
        let read = SecretValue::parse(reference);
        assert_eq!(shown(&read), json!(reference));
    }
    assert_eq!(SecretValue::parse("[secret]"), SecretValue::Masked);
    let settings = Settings::default()
        .with(
            "aws_config",
            json!({"aws_secret_access_key": "hunter2", "aws_region": "r"}),
        )
        .with("keys", json!(["hunter2", "$A"]))
        .with("base", "https://me:hunter2@example.com/v1");
    let text = serde_json::to_string(&settings).unwrap();
    assert!(
        !text.contains("hunter2") && text.contains("\"$A\"") && text.contains("\"r\""),
        "{text}"
    );
}
