//! Checks of what is sent.

use bytes::Bytes;
use http::Request;

use super::Faults;
use super::bench::{Bench, CANARY, Form, Way};
use super::outcome::{Ending, Outcome};
use super::sample::ALIAS;

/// A field that no dialect knows, spelled in a way that a parser would not keep.
const UNKNOWN: &str = r#""x_conformance": {"kept":[1, 2.50, 1e2, "\u00e9", {}]}"#;

pub(super) async fn check(bench: &Bench<'_>, faults: &mut Faults) {
    for form in [Form::Whole, Form::Stream] {
        let Some(good) = bench.good(form) else {
            continue;
        };
        for way in bench.ways() {
            let first = bench.ask(*way, form, good.clone()).await;
            let Some(sent) = first.sent.first() else {
                faults.add(
                    "request",
                    bench.sample,
                    format!("{way:?}: nothing was sent: {:?}", first.ending),
                );
                continue;
            };
            let mut fault = |text: String| {
                faults.add("request", bench.sample, format!("{way:?} {form:?}: {text}"));
            };
            for text in wrong(bench, &first, sent) {
                fault(text);
            }
            let second = bench.ask(*way, form, good.clone()).await;
            if second.sent.first().map(Request::body) != Some(sent.body()) {
                fault("the same call gave another body".to_owned());
            }
            let [attempt] = first.attempts.as_slice() else {
                let count = first.attempts.len();
                fault(format!("{count} attempts in the journal for one call"));
                continue;
            };
            if attempt.lane != Some(Bench::lane(*way)) || attempt.status != Some(200) {
                let (lane, status) = (attempt.lane, attempt.status);
                fault(format!("the journal says lane {lane:?}, status {status:?}"));
            }
        }
        if let Some(body) = bench.native_body(form) {
            let body = with_unknown(body);
            let outcome = bench.ask_with(Way::Native, form, Some(body), good).await;
            for text in wrong_native(&outcome) {
                faults.add(
                    "same-dialect request",
                    bench.sample,
                    format!("{form:?}: {text}"),
                );
            }
        }
    }
}

fn text_of(request: &Request<Bytes>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(name.as_str());
        text.push_str(": ");
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
    }
    text.push_str(&String::from_utf8_lossy(request.body()));
    text
}

fn wrong(bench: &Bench<'_>, outcome: &Outcome, sent: &Request<Bytes>) -> Vec<String> {
    let mut faults = Vec::new();
    let text = text_of(sent);
    if sent.uri().scheme().is_none() || sent.uri().host().is_none() {
        faults.push(format!("the address {} is not absolute", sent.uri().path()));
    }
    if text.contains(CANARY) {
        faults.push("a header of the caller's left the gateway".to_owned());
    }
    let decoded = text.replace("%3A", ":").replace("%2F", "/");
    if !bench.suite.names_no_model && !decoded.contains(bench.suite.model.as_str()) {
        faults.push(format!("the model {} is nowhere", bench.suite.model));
    }
    for (name, value) in &bench.suite.headers {
        if sent.headers().get(name) != Some(value) {
            faults.push(format!("the endpoint's header {name} is missing"));
        }
    }
    if outcome.sent.len() != 1 {
        faults.push(format!("{} requests for one call", outcome.sent.len()));
    }
    faults
}

/// Adds a field that nobody knows, and names the model as the caller does.
fn with_unknown(body: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let inner = text.trim().trim_start_matches('{');
    let comma = if inner.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    Bytes::from(format!("{{{UNKNOWN}{comma}{inner}"))
}

fn wrong_native(outcome: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    if let Ending::Panicked(panic) = &outcome.ending {
        return vec![panic.clone()];
    }
    let Some(sent) = outcome.sent.first() else {
        return vec![format!("nothing was sent: {:?}", outcome.ending)];
    };
    let body = String::from_utf8_lossy(sent.body());
    if !body.contains(UNKNOWN) {
        faults.push(format!(
            "a field that nobody knows did not survive verbatim: {body}"
        ));
    }
    if body.contains(ALIAS) {
        faults.push("the caller's name of the model reached the provider".to_owned());
    }
    faults
}
