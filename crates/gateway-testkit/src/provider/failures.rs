//! Checks of errors.

use std::time::Duration;

use gateway_provider::TransportFault;
use gateway_schema::{CallError, ErrorKind, Origin, Retry};
use serde_json::json;

use super::Faults;
use super::bench::{Bench, Form, Way};
use super::outcome::Ending;
use crate::ScriptedReply;

/// A status, what it may mean, and whether trying again (somewhere) makes sense: yes, no, or the provider's choice.
const STATUSES: &[(u16, &[ErrorKind], Option<bool>)] = {
    use ErrorKind as K;
    &[
        (
            400,
            &[K::InvalidRequest, K::ContextLength, K::Unsupported],
            None,
        ),
        (401, &[K::Unauthenticated], None),
        (403, &[K::Forbidden, K::Unauthenticated, K::Blocked], None),
        (404, &[K::NotFound, K::InvalidRequest], None),
        (
            413,
            &[K::PayloadTooLarge, K::ContextLength, K::InvalidRequest],
            None,
        ),
        (422, &[K::InvalidRequest], None),
        (429, &[K::RateLimited, K::BudgetExceeded], Some(true)),
        (500, &[K::Upstream, K::Unavailable], Some(true)),
        (502, &[K::Upstream, K::Unavailable], Some(true)),
        (503, &[K::Upstream, K::Unavailable], Some(true)),
        (504, &[K::Timeout, K::Upstream, K::Unavailable], Some(true)),
        (
            529,
            &[K::Upstream, K::Unavailable, K::RateLimited],
            Some(true),
        ),
    ]
};

const FAULTS: &[TransportFault] = &[
    TransportFault::Dns,
    TransportFault::Connect,
    TransportFault::ConnectTimeout,
    TransportFault::Tls,
    TransportFault::Closed,
    TransportFault::Body,
    TransportFault::Protocol,
];

pub(super) async fn check(bench: &Bench<'_>, faults: &mut Faults) {
    for way in bench.ways() {
        for form in [Form::Whole, Form::Stream] {
            if bench.good(form).is_some() {
                statuses(bench, (*way, form), faults).await;
                transport(bench, (*way, form), faults).await;
            }
        }
    }
}

async fn statuses(bench: &Bench<'_>, (way, form): (Way, Form), faults: &mut Faults) {
    let message = "conformance says no";
    for (status, kinds, again) in STATUSES {
        let bodies = [
            ScriptedReply::json(*status, &json!({"error": {"message": message}})),
            ScriptedReply::json(*status, &json!({"message": message})),
            ScriptedReply::json(*status, &json!([[], {"error": 7}])),
            ScriptedReply::new(*status, "text/html", "<html><title>no</title></html>"),
            ScriptedReply::new(*status, "application/json", "{\"error\": {\"mess").cut(),
            ScriptedReply::new(*status, "", &b"\xff\xfe\x00"[..]),
            ScriptedReply::new(*status, "", ""),
        ];
        for (number, reply) in bodies.into_iter().enumerate() {
            let reply = reply.header("retry-after", "7");
            let outcome = bench.ask(way, form, reply).await;
            let faulty = match &outcome.ending {
                Ending::Refused(error) => wrong(bench, error, *status, kinds, *again),
                Ending::Panicked(panic) => vec![panic.clone()],
                other => vec![format!("gives {other:?}")],
            };
            for text in faulty {
                let text = format!("{way:?} {form:?} status {status}, body {number}: {text}");
                faults.add("failure", bench.sample, text);
            }
        }
    }
}

fn wrong(
    bench: &Bench<'_>,
    error: &CallError,
    status: u16,
    kinds: &[ErrorKind],
    again: Option<bool>,
) -> Vec<String> {
    let mut faults = Vec::new();
    if error.origin() != Origin::Upstream {
        faults.push(format!("origin {:?}", error.origin()));
    }
    if !kinds.contains(&error.kind()) {
        faults.push(format!("kind {:?}, not one of {kinds:?}", error.kind()));
    }
    if again.is_some_and(|again| again == matches!(error.retry(), Retry::Never)) {
        faults.push(format!("retry {:?}", error.retry()));
    }
    if error.retry_after() != Some(Duration::from_secs(7)) {
        faults.push(format!("retry-after {:?}, not 7 s", error.retry_after()));
    }
    if error.message().is_empty() {
        faults.push("no message".to_owned());
    }
    match error.upstream_failure() {
        Some(failure) if failure.status == Some(status) && failure.provider.is_some() => {}
        other => faults.push(format!("provider and status are not told: {other:?}")),
    }
    faults.extend(shows_secret(bench, error));
    faults
}

fn shows_secret(bench: &Bench<'_>, error: &CallError) -> Option<String> {
    let text = format!("{error} {error:?} {:?}", error.detail());
    bench
        .suite
        .secrets()
        .iter()
        .any(|secret| text.contains(secret))
        .then(|| "the error prints a secret of the settings".to_owned())
}

async fn transport(bench: &Bench<'_>, (way, form): (Way, Form), faults: &mut Faults) {
    for fault in FAULTS {
        let outcome = bench.ask(way, form, ScriptedReply::fault(*fault)).await;
        let faulty = match &outcome.ending {
            Ending::Refused(error) if error.origin() != Origin::Upstream => {
                Some(format!("origin {:?}", error.origin()))
            }
            Ending::Refused(error) => shows_secret(bench, error),
            Ending::Panicked(panic) => Some(panic.clone()),
            other => Some(format!("gives {other:?}")),
        };
        let attempts = match outcome.attempts.as_slice() {
            [attempt] if attempt.error.is_some() => None,
            other => Some(format!("the journal says {other:?}")),
        };
        for text in faulty.into_iter().chain(attempts) {
            let text = format!("{way:?} {form:?} {fault:?}: {text}");
            faults.add("transport", bench.sample, text);
        }
    }
}
