use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway_provider::{Call, Reply};
use gateway_schema::{CallError, EndpointName, ErrorKind, Retry, Usage, Usd};
use tower::{Service, ServiceExt};

use super::{Condition, Destination, RouteConfig, RouteError, Routed, Rule, Strategy, Subject};
use crate::Dice;
use crate::fallback::Rest;
use crate::testing::{Scripted, asked, call, fault, passed_on};
use crate::usage::Prices;

fn down() -> CallError {
    fault(ErrorKind::Unavailable, Retry::Elsewhere)
}

fn limited(seconds: u64) -> CallError {
    fault(
        ErrorKind::RateLimited,
        Retry::After(Duration::from_secs(seconds)),
    )
}

/// 0, 1, 2, ...
fn counting() -> Dice {
    let next = AtomicU64::new(0);
    Arc::new(move || next.fetch_add(1, Ordering::Relaxed))
}

fn route(config: RouteConfig, services: &[&Scripted]) -> Routed<Scripted> {
    let destinations = services
        .iter()
        .map(|service| Destination::new(service.name, (*service).clone()))
        .collect();
    Routed::new(destinations, config, counting()).unwrap()
}

/// Who answered, and what the journal says of it.
async fn ask(route: &Routed<Scripted>, call: Call) -> (Result<String, ErrorKind>, String) {
    let journal = call.context.journal.clone();
    let outcome = route.clone().oneshot(call).await;
    let notes = journal.notes();
    let variant = notes.variant.as_ref().map_or("-", EndpointName::as_str);
    let reason = notes.variant_reason.as_deref().unwrap_or("-");
    let told = format!("{variant} {reason}");
    drop(notes);
    let who = outcome.map(|reply: Reply| reply.provider.to_string());
    (who.map_err(|error| error.kind()), told)
}

fn of(user: &str) -> Call {
    let mut call = call();
    call.context.principal.user = Some(user.into());
    call
}

fn assert_service<S: Service<Call> + Clone + Send + Sync + 'static>(_: &S) {}

#[tokio::test]
async fn the_first_rule_that_holds_decides_before_anything_else() {
    let (a, b) = (Scripted::new("a", []), Scripted::new("b", []));
    let key = |team: &str| Condition::new().with_key("team", team);
    let config = RouteConfig::new(Strategy::Priority)
        .with_rule(Rule::new(key("red"), "a"))
        .with_rule(Rule::new(key("blue"), "b"))
        .with_rule(Rule::new(key("blue"), "a"));
    let route = route(config, &[&a, &b]);
    assert_service(&route);
    let of_team = |team: &str| {
        let mut call = call();
        let metadata = serde_json::json!({ "team": team });
        call.context.principal.metadata = Arc::new(metadata.as_object().unwrap().clone());
        call
    };
    assert_eq!(ask(&route, of_team("blue")).await.1, "b rules[1]");
    assert_eq!(ask(&route, of_team("green")).await.1, "a priority");
    assert_eq!(b.count(), 1);
}

#[tokio::test]
async fn what_a_rule_decides_goes_there_and_nowhere_else() {
    let (a, b) = (Scripted::new("a", []), Scripted::new("b", [down()]));
    let config = RouteConfig::new(Strategy::Priority).with_rule(Rule::new(Condition::new(), "b"));
    let route = route(config, &[&a, &b]);
    let (outcome, told) = ask(&route, call()).await;
    assert_eq!(outcome, Err(ErrorKind::Unavailable));
    assert_eq!((told.as_str(), a.count()), ("b rules[0]", 0));
}

#[tokio::test]
async fn the_next_best_answers_when_one_fails_and_a_split_does_not_lead_on() {
    for (strategy, expected) in [
        (Strategy::Priority, "b failover"),
        (Strategy::Turn, "b failover"),
        (Strategy::Split, "a traffic_split"),
    ] {
        let (a, b) = (Scripted::new("a", [down()]), Scripted::new("b", []));
        let route = route(RouteConfig::new(strategy), &[&a, &b]);
        let (outcome, told) = ask(&route, call()).await;
        assert_eq!(told, expected);
        assert_eq!(outcome.is_ok(), strategy != Strategy::Split);
        assert_eq!((a.count(), b.count()), (1, usize::from(outcome.is_ok())));
    }
}

#[tokio::test]
async fn each_destination_is_asked_once_and_a_mistake_leads_nowhere() {
    let (a, b) = (
        Scripted::new("a", [limited(9)]),
        Scripted::new("b", [limited(30)]),
    );
    let priority = route(RouteConfig::new(Strategy::Priority), &[&a, &b]);
    let error = priority.clone().oneshot(call()).await.unwrap_err();
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_secs(9)),
        "the sooner of the two"
    );
    assert_eq!((a.count(), b.count()), (1, 1));

    let mistake = CallError::client(ErrorKind::InvalidRequest, "no");
    let (a, b) = (Scripted::new("a", [mistake]), Scripted::new("b", []));
    let priority = route(RouteConfig::new(Strategy::Priority), &[&a, &b]);
    assert!(priority.oneshot(call()).await.is_err());
    assert_eq!(b.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_rests_is_avoided_until_there_is_no_other() {
    let (a, b) = (Scripted::new("a", []), Scripted::new("b", []));
    let (rest_a, rest_b) = (Rest::new(), Rest::new());
    let rested = |service: &Scripted, rest: &Rest| {
        Destination::new(service.name, service.clone()).with_target(rest.clone(), None)
    };
    for strategy in [
        Strategy::Split,
        Strategy::Priority,
        Strategy::Turn,
        Strategy::Cost,
    ] {
        let config = RouteConfig::new(strategy).with_sticky(Subject::Key);
        let both = vec![rested(&a, &rest_a), rested(&b, &rest_b)];
        let route = Routed::new(both, config, counting()).unwrap();
        rest_a.learn(Some(&limited(60)));
        for user in ["u", "v", "w"] {
            let mut call = call();
            assert_eq!(
                ask(&route, call.again()).await.0.unwrap(),
                "b",
                "{strategy:?}"
            );
            call.context.principal.name = Some(user.into());
            assert_eq!(ask(&route, call).await.0.unwrap(), "b", "sticky yields");
        }
        rest_b.learn(Some(&limited(90)));
        assert_eq!(ask(&route, call()).await.0.unwrap(), "a", "the sooner fit");
        rest_a.learn(None);
        rest_b.learn(None);
    }
}

#[tokio::test]
async fn a_caller_stays_and_the_others_go_by_the_strategy() {
    let (a, b) = (Scripted::new("a", []), Scripted::new("b", []));
    let config = RouteConfig::new(Strategy::Split).with_sticky(Subject::User);
    let route = route(config, &[&a, &b]);
    let mut seen = [0, 0];
    for number in 0..50 {
        let user = format!("user-{number}");
        let (who, told) = ask(&route, of(&user)).await;
        assert!(told.ends_with(" sticky"));
        assert_eq!(ask(&route, of(&user)).await.0, who);
        seen[usize::from(who.unwrap() == "b")] += 1;
    }
    assert!(seen[0] > 10 && seen[1] > 10, "{seen:?}");
    assert!(ask(&route, call()).await.1.ends_with(" traffic_split"));
}

#[tokio::test]
async fn what_is_passed_on_finds_what_it_kept_and_never_moves() {
    for strategy in [Strategy::Turn, Strategy::Priority] {
        let (a, b) = (Scripted::new("a", []), Scripted::new("b", []));
        let route = route(RouteConfig::new(strategy), &[&a, &b]);
        for _ in 0..3 {
            assert_eq!(ask(&route, passed_on("{}")).await.1, "a passthrough");
        }
    }
    let (a, b) = (Scripted::new("a", [down()]), Scripted::new("b", []));
    let route = route(RouteConfig::new(Strategy::Priority), &[&a, &b]);
    assert!(ask(&route, passed_on("{}")).await.0.is_err());
    assert_eq!(b.count(), 0);
}

struct PerToken;

impl Prices for PerToken {
    fn cost(&self, endpoint: &EndpointName, usage: &Usage) -> Option<(Usd, &'static str)> {
        let (input, output) = match endpoint.as_str() {
            "reads-cheaply" => (1, 100),
            "writes-cheaply" => (20, 20),
            _ => return None,
        };
        let tokens = |count: Option<u64>| i64::try_from(count.unwrap_or(0)).unwrap();
        let cost = tokens(usage.input_tokens) * input + tokens(usage.output_tokens) * output;
        Some((Usd::from_nanos(cost), "test"))
    }
}

#[tokio::test]
async fn the_cheapest_is_the_one_for_this_very_call_and_unknown_prices_come_last() {
    let names = ["unknown", "writes-cheaply", "reads-cheaply"];
    let services = names.map(|name| Scripted::new(name, []));
    let config = RouteConfig::new(Strategy::Cost).with_prices(Arc::new(PerToken));
    let route = route(config, &services.each_ref());
    let asked = |prompt: usize| asked(&"some ".repeat(prompt));
    let short = ask(&route, asked(10)).await;
    assert_eq!(short.1, "writes-cheaply lowest_cost");
    let long = ask(&route, asked(20_000)).await;
    assert_eq!(long.1, "reads-cheaply lowest_cost");
}

#[tokio::test]
async fn zero_means_never_and_nothing_at_all_is_told() {
    let (a, b) = (Scripted::new("a", []), Scripted::new("b", []));
    let to = |service: &Scripted, share| {
        Destination::new(service.name, service.clone()).with_share(share)
    };
    for strategy in [
        Strategy::Split,
        Strategy::Priority,
        Strategy::Turn,
        Strategy::Latency,
        Strategy::Busy,
    ] {
        let config = RouteConfig::new(strategy);
        let route = Routed::new(vec![to(&a, 0), to(&b, 1)], config.clone(), counting()).unwrap();
        for _ in 0..10 {
            assert_eq!(ask(&route, call()).await.0.unwrap(), "b", "{strategy:?}");
        }
        let none = Routed::new(vec![to(&a, 0)], config, counting()).unwrap();
        assert_eq!(ask(&none, call()).await.0, Err(ErrorKind::Unavailable));
    }
}

#[test]
fn a_rule_that_leads_nowhere_and_too_many_destinations_are_refused() {
    let a = Scripted::new("a", []);
    let to = || Destination::new("a", a.clone());
    let config = RouteConfig::new(Strategy::Split).with_rule(Rule::new(Condition::new(), "b"));
    let refused = Routed::new(vec![to()], config, counting()).unwrap_err();
    assert_eq!(refused, RouteError::UnknownDestination("b".into()));
    let many = (0..129).map(|_| to()).collect();
    let refused = Routed::new(many, RouteConfig::default(), counting()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "129 destinations; at most 128 are possible"
    );
}
