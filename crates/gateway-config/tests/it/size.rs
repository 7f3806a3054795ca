//! Large and hostile texts: reading costs what the text is long, and a small text becomes no large tree.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gateway_config::{Source, Strictness, load};

use crate::fake::{Fake, World};

/// What any of these texts may take, unoptimized and on a machine that does something else beside it. What was
/// quadratic took minutes.
const SOON: Duration = Duration::from_secs(20);

fn report(text: &str) -> String {
    let begun = Instant::now();
    let source = Source::new("config.yaml", text);
    let report = match load(source, &World::new(), &Fake, Strictness::Lenient) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    };
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(report.len() < 1_000_000, "{}", report.len());
    report
}

/// A text of so many lines.
fn lines(head: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for number in 0..count {
        let _ = writeln!(text, "{}", line(number));
    }
    text
}

const CHAT: &str = "endpoint_type: llm/v1/chat, model: {provider: simulator, name: m}";

#[test]
fn unknown_keys_are_counted_and_a_hundred_are_listed() {
    let top = lines("", 200_000, |n| {
        format!("unknown_key_that_is_rather_long_{n}: 1")
    });
    assert!(report(&top).contains("more"), "{}", report(&top));
    let head = "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model:\n      provider: simulator\n      name: m\n      config:\n";
    let settings = lines(head, 100_000, |n| format!("        temperatura_{n}: 1"));
    assert!(report(&settings).contains("and 99900 more"));
}

#[test]
fn duplicate_keys_merges_and_anchors_cost_what_they_are_long() {
    report(&lines("", 100_000, |n| format!("x-a{}: 1", n % 50_000)));
    report(&lines("x-anchors:\n", 100_000, |n| {
        format!("  k{n}: &a{n} v")
    }));
    let merged = lines("x-base: &base\n", 20_000, |n| format!("  k{n}: v"));
    report(&(merged + "x-merged:\n  <<: *base\n  <<: *base\n"));
}

#[test]
fn aliases_of_long_texts_are_bounded_by_their_bytes() {
    let text = format!("x-big: &big {}\nx-all:\n", "x".repeat(100_000));
    assert!(report(&lines(&text, 20_000, |_| "  - *big".to_owned())).contains("too large"));
    let key = format!("x-big: &big {{{}: 1}}\nx-all:\n", "x".repeat(1_000));
    assert!(report(&lines(&key, 20_000, |_| "  - *big".to_owned())).contains("too large"));
    // A certificate that is used here and there is fine.
    let text = format!("x-big: &big {}\nx-all:\n", "x".repeat(4_000));
    assert!(!report(&lines(&text, 100, |_| "  - *big".to_owned())).contains("too large"));
}

#[test]
fn names_that_do_not_exist_and_keys_that_stand_twice_cost_what_they_are_long() {
    let endpoint =
        |n: usize| format!("  - {{name: endpoint-{n}, fallback: [endpoint-x{n}], {CHAT}}}");
    let text = lines("endpoints:\n", 10_000, endpoint);
    assert!(report(&text).contains("and 9900 more"));
    let text = lines(
        &format!("endpoints:\n  - {{name: a, {CHAT}}}\nauth:\n  keys:\n"),
        20_000,
        |n| format!("    - {{name: k{n}, key: vk-{}}}", n % 15_000),
    );
    let report = report(&text);
    assert!(report.contains("the same key as that of 'k0'"), "{report}");
    assert!(report.contains("and 4900 more"), "{report}");
}
