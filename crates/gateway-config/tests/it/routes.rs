//! `routes`, and what leads from one endpoint to another.

use gateway_config::{Strategy, Subject};

use crate::fake::{World, only_error, plan, quiet, refused, several};

fn route(rest: &str) -> String {
    several(&format!(
        "routes:\n  - {{name: r, task_type: llm/v1/chat, {rest}}}\n"
    ))
}

#[test]
fn a_split_needs_shares_that_add_up_to_a_hundred() {
    let split = |a: &str, b: &str| {
        route(&format!(
            "destinations: [{{name: a, traffic_percentage: {a}}}, {{name: b, traffic_percentage: {b}}}]"
        ))
    };
    let plan = quiet(&split("0", "100"));
    assert_eq!(plan.routes[0].strategy, Strategy::TrafficSplit);
    assert_eq!(plan.routes[0].destinations[1].traffic_percentage, 100);
    quiet(&split("50.0", "'50'"));
    assert_eq!(only_error(&split("50", "40")).2, "routes[0].destinations");
    assert_eq!(refused(&split("50.5", "49.5")).errors().count(), 2);
    assert_eq!(refused(&split("150", "-50")).errors().count(), 2);
    assert!(
        only_error(&route("destinations: [{name: a}]"))
            .3
            .contains("TRAFFIC_SPLIT needs the share")
    );
    assert!(
        only_error(&route("destinations: []"))
            .3
            .contains("has no destinations")
    );
}

#[test]
fn other_strategies_need_no_shares() {
    for (word, strategy) in [
        ("LEAST_LATENCY", Strategy::LeastLatency),
        ("LEAST_BUSY", Strategy::LeastBusy),
        ("LOWEST_COST", Strategy::LowestCost),
        ("ROUND_ROBIN", Strategy::RoundRobin),
        ("PRIORITY", Strategy::Priority),
    ] {
        let text = route(&format!(
            "destinations: [{{name: a}}, {{name: b}}], routing_strategy: {word}"
        ));
        assert_eq!(quiet(&text).routes[0].strategy, strategy);
    }
    let (_, _, _, report) = only_error(&route(
        "destinations: [{name: a}], routing_strategy: round-robin",
    ));
    assert!(report.contains("did you mean `ROUND_ROBIN`?"), "{report}");
}

#[test]
fn destinations_exist_and_do_the_same() {
    let (_, _, path, report) = only_error(&route(
        "destinations: [{name: zz, traffic_percentage: 100}]",
    ));
    assert_eq!(path, "routes[0].destinations[0].name");
    assert!(report.contains("allowed: `a`, `b`, `c` or `e`"), "{report}");
    let (_, _, _, report) =
        only_error(&route("destinations: [{name: e, traffic_percentage: 100}]"));
    assert!(report.contains(
        "must have endpoint type 'llm/v1/chat' but got endpoint type 'llm/v1/embeddings'"
    ));
}

#[test]
fn one_mistake_in_an_endpoint_is_told_once_and_not_again_by_its_route() {
    let text = route("destinations: [{name: a, traffic_percentage: 100}]").replacen(
        "simulator",
        "nobody",
        1,
    );
    assert_eq!(only_error(&text).2, "endpoints[0].model.provider");
}

#[test]
fn names_are_unique_over_endpoints_and_routes() {
    let text =
        route("destinations: [{name: a, traffic_percentage: 100}]").replace("name: r", "name: b");
    let (line, _, path, report) = only_error(&text);
    assert_eq!((line, path.as_str()), (7, "routes[0].name"));
    assert!(
        report.contains("'b' is the name of the endpoint in line 3"),
        "{report}"
    );
}

#[test]
fn a_route_name_that_no_url_can_hold_is_only_a_warning() {
    let text = route("destinations: [{name: a, traffic_percentage: 100}]")
        .replace("name: r", "name: 'r x'");
    let loaded = World::new().load(&text).unwrap();
    assert_eq!(loaded.warnings.warnings().count(), 1);
}

#[test]
fn sticky_and_rules_are_read() {
    let text = route(
        "destinations: [{name: a, traffic_percentage: 100}], sticky: {by: 'header:X-Tenant'}, rules: [
        {when: {header: {X-Tier: gold}, key: {team: 7}}, to: b},
        {when: {prompt_tokens: {over: 100000}}, to: c},
        {when: {content: {matches: '(?i)\\b(ssn|iban)\\b'}}, to: c},
        {when: {parameters: {stream: true, temperature: 0}}, to: b}]",
    );
    let plan = quiet(&text);
    let route = &plan.routes[0];
    assert_eq!(route.sticky, Some(Subject::Header("x-tenant".to_owned())));
    assert_eq!(route.rules[0].when.headers["x-tier"], "gold");
    assert_eq!(route.rules[0].when.key["team"], "7");
    assert_eq!(
        route.rules[1].when.prompt_tokens.unwrap().over,
        Some(100_000)
    );
    assert_eq!(
        route.rules[2].when.content.as_deref(),
        Some(r"(?i)\b(ssn|iban)\b")
    );
    assert_eq!(route.rules[3].when.parameters["stream"], true);
    assert_eq!(route.rules[3].to.as_str(), "b");
}

#[test]
fn shares_may_be_left_out_where_nothing_is_split_and_zero_takes_out() {
    let shares = |text: &str| -> Vec<u8> {
        let plan = quiet(&route(text));
        let all = plan.routes[0].destinations.iter();
        all.map(|to| to.traffic_percentage).collect()
    };
    let text =
        "destinations: [{name: a}, {name: b, traffic_percentage: 0}], routing_strategy: LEAST_BUSY";
    assert_eq!(shares(text), [100, 0]);
    let none = "destinations: [{name: a, traffic_percentage: 0}], routing_strategy: PRIORITY";
    let (_, _, path, report) = only_error(&route(none));
    assert_eq!(path, "routes[0].destinations");
    assert!(
        report.contains("no destination of the route 'r' takes part"),
        "{report}"
    );
}

#[test]
fn what_sticks_needs_a_strategy_that_spreads() {
    let text = |strategy: &str| {
        route(&format!(
            "destinations: [{{name: a}}], routing_strategy: {strategy}, sticky: {{by: key}}"
        ))
    };
    for strategy in ["LEAST_LATENCY", "LEAST_BUSY", "ROUND_ROBIN"] {
        assert_eq!(quiet(&text(strategy)).routes[0].sticky, Some(Subject::Key));
    }
    for strategy in ["PRIORITY", "LOWEST_COST"] {
        let (_, _, path, report) = only_error(&text(strategy));
        assert_eq!(path, "routes[0].sticky", "{report}");
    }
    let credential = text("LEAST_BUSY").replace("by: key", "by: 'header:Authorization'");
    assert_eq!(only_error(&credential).2, "routes[0].sticky.by");
}

#[test]
fn rules_that_cannot_work_are_refused() {
    let rule = |rule: &str| {
        route(&format!(
            "destinations: [{{name: a, traffic_percentage: 100}}], rules: [{rule}]"
        ))
    };
    for (wrong, path, words) in [
        (
            "{when: {content: {matches: '('}}, to: a}",
            "routes[0].rules[0].when.content.matches",
            "regular expression",
        ),
        (
            "{when: {header: {x: y}}, to: zz}",
            "routes[0].rules[0].to",
            "no endpoint or route 'zz'",
        ),
        (
            "{when: {header: {x: y}}, to: r}",
            "routes[0].rules[0].to",
            "not to a route",
        ),
        (
            "{when: {header: {x: y}}, to: e}",
            "routes[0].rules[0].to",
            "does not do what the route does",
        ),
        (
            "{when: {}, to: a}",
            "routes[0].rules[0].when",
            "would always match",
        ),
        ("{to: a}", "routes[0].rules[0].when", "`when` is missing"),
        (
            "{when: {prompt_tokens: {over: 5, under: 6}}, to: a}",
            "routes[0].rules[0].when.prompt_tokens",
            "no number of tokens",
        ),
        (
            "{when: {prompt_tokens: {}}, to: a}",
            "routes[0].rules[0].when.prompt_tokens",
            "no number of tokens",
        ),
        (
            "{when: {header: {'x y': z}}, to: a}",
            "routes[0].rules[0].when.header.x y",
            "not the name of an HTTP header",
        ),
        (
            "{when: {header: {X-Api-Key: z}}, to: a}",
            "routes[0].rules[0].when.header.X-Api-Key",
            "holds a credential",
        ),
    ] {
        let (_, _, found, report) = only_error(&rule(wrong));
        assert_eq!(found, path, "{wrong}");
        assert!(report.contains(words), "{wrong}: {report}");
    }
}

#[test]
fn fallbacks_exist_do_the_same_and_never_lead_back() {
    let with = |a: &str, b: &str| {
        several("")
            .replacen("name: m}}", &format!("name: m}}, fallback: {a}}}"), 1)
            .replacen("name: b, ", &format!("name: b, fallback: {b}, "), 1)
    };
    let plan = plan(&with("[b, c]", "c"));
    assert_eq!(plan.endpoints[0].fallback.len(), 2);
    assert_eq!(plan.endpoints[1].fallback[0].as_str(), "c");
    assert_eq!(
        only_error(&with("[zz]", "[]")).2,
        "endpoints[0].fallback[0]"
    );
    assert!(
        only_error(&with("[e]", "[]"))
            .3
            .contains("has the type 'llm/v1/embeddings'")
    );
    assert!(only_error(&with("[a]", "[]")).3.contains("a → a"));
    let (_, _, path, report) = only_error(&with("[c, b]", "[a]"));
    assert_eq!(path, "endpoints[1].fallback");
    assert!(report.contains("a → b → a"), "{report}");
}
