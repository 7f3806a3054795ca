//! The reader against a reader of other hands, and scalars at their edges.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json, json};

use super::item::Item;
use super::{reader, scalar};
use crate::diagnostic::{Problems, Strictness};
use crate::file::item::json as to_json;

/// What we read; `None` when it is refused.
fn ours(text: &str) -> Option<Json> {
    let mut problems = Problems::new(Strictness::Lenient);
    let node = reader::read(text, &mut problems)?;
    Some(to_json(&Item::root(&node)))
}

/// What the other reader reads.
fn theirs(text: &str) -> Option<Json> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    serde_json::to_value(value).ok()
}

#[test]
fn plain_documents_are_read_as_another_reader_reads_them() {
    for text in [
        "a: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: null, e: ~, f: }\n",
        "- 1\n- -7\n- +7\n- 1.5\n- .5\n- 1e3\n- -0.25\n- 18446744073709551615\n",
        "- true\n- True\n- FALSE\n- yes\n- no\n- on\n- off\n- null\n- Null\n",
        "- 2024-02-01\n- 12:30\n- 1_000\n- 0123\n- 1.2.3\n- 1.\n- -\n- '1'\n",
        "text: |\n  one\n  two\nfolded: >-\n  one\n  two\n",
        "plain: one\n  two\n# comment\nurl: http://x:80/y#z\n",
        "a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
        "{\"json\": [1, 2.5, \"\\u00fc\", null, {\"deep\": true}]}",
        "'quoted key': 1\n? explicit\n: 2\n1: number\ntrue: word\n",
        "---\na: b\n...\n",
        "a:\n- b\n- c\n",
    ] {
        assert_eq!(ours(text), theirs(text), "{text}");
    }
}

#[test]
fn text_between_brackets_and_quotes_may_stand_as_far_left_as_it_likes() {
    for text in [
        "a: [\n]\n",
        "a: [\n{b: c},\n{d: e}\n]\nf: g\n",
        "a:\n  b: {\n  c: d\n  }\n",
        "a:\n  b: [\nc,\n d\n]\n",
        "a:\n  b: 'x\n  y\nz'\n  c: \"x\ny\"\r\nd: e\n",
    ] {
        assert_eq!(ours(text), theirs(text), "{text}");
        assert!(ours(text).is_some(), "{text}");
    }
    let mut problems = Problems::new(Strictness::Lenient);
    let node = reader::read("a: [\nx,\n  y\n]\n", &mut problems).unwrap();
    let items = Item::root(&node).list("a");
    let places: Vec<_> = items.iter().map(|item| item.place().position()).collect();
    assert_eq!(places, [(2, 1), (3, 3)]);
    reader::read("a: [\nx,\n  y: ]\n}", &mut problems);
    let report = problems.into_report("c").to_string();
    assert!(report.starts_with("c:2:1: error: "), "{report}");
}

#[test]
fn what_the_other_reader_refuses_is_refused() {
    for text in [
        "a: [",
        "a: b: c",
        "a:\n\tb: 1\n",
        "a: *none",
        "a: 'x",
        "[a]: 1: 2",
        "%\n",
    ] {
        assert_eq!(theirs(text), None, "{text}");
        assert_eq!(ours(text), None, "{text}");
    }
}

/// Text without merge keys, and without the line breaks that only YAML 1.1 knows: the other writer quotes neither.
fn words(pattern: &'static str) -> impl Strategy<Value = String> {
    pattern.prop_map(|text: String| text.replace(['\u{85}', '\u{2028}', '\u{2029}', '<'], ""))
}

fn documents() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9_f64).prop_map(|n| Number::from_f64(n).map_or(Json::Null, Json::Number)),
        words("\\PC{0,12}").prop_map(Json::from),
        prop::sample::select(vec![
            "yes",
            "null",
            "~",
            "1",
            "0x1f",
            ".inf",
            "2024-02-01",
            "a: b",
            "# x",
            "- a",
            "",
            " x ",
            "a\nb\n",
            "<<",
            "$X"
        ])
        .prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((words("[a-z_]{1,8}|\\PC{1,6}"), inner), 0..6)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_as_yaml_is_read_back(document in documents()) {
        let text = serde_yaml::to_string(&document).unwrap();
        prop_assert_eq!(ours(&text), theirs(&text), "{}", text);
    }

    #[test]
    fn what_is_written_as_json_is_read_back(document in documents()) {
        let text = serde_json::to_string_pretty(&document).unwrap();
        prop_assert_eq!(ours(&text), Some(document), "{}", text);
    }
}

#[test]
fn whole_numbers_are_read_as_people_write_them() {
    for (text, value) in [
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("+7", Some(7)),
        ("1_000", Some(1000)),
        ("5.0", Some(5)),
        ("0", Some(0)),
        ("010", None),
        ("5.5", None),
        ("5.", None),
        ("_1", None),
        ("1_", None),
        ("", None),
        ("--1", None),
        ("1e3", None),
        ("9223372036854775808", None),
    ] {
        assert_eq!(scalar::integer(text), value, "{text}");
    }
}

#[test]
fn durations_and_sizes_have_units() {
    for (text, milliseconds) in [
        ("200ms", Some(200)),
        ("30s", Some(30_000)),
        ("30", Some(30_000)),
        ("0.5", Some(500)),
        ("5m", Some(300_000)),
        ("1h", Some(3_600_000)),
        ("2 d", Some(172_800_000)),
        ("1H", Some(3_600_000)),
        ("s", None),
        ("1w", None),
        ("-1s", None),
        ("1s1s", None),
        ("4000d", None),
    ] {
        assert_eq!(
            scalar::duration(text),
            milliseconds.map(Duration::from_millis),
            "{text}"
        );
    }
    for (text, bytes) in [
        ("1", Some(1)),
        ("1KiB", Some(1024)),
        ("1kb", Some(1000)),
        ("1.5 MiB", Some(1_572_864)),
        ("100MiB", Some(104_857_600)),
        ("1G", Some(1_000_000_000)),
        ("1TiB", None),
        ("9007199254740993GiB", None),
    ] {
        assert_eq!(scalar::size(text), bytes, "{text}");
    }
}

#[test]
fn times_are_counted_from_1970_in_utc() {
    for (text, seconds) in [
        ("1970-01-01", Some(0)),
        ("2000-02-29", Some(951_782_400)),
        ("2027-01-01T00:00:00Z", Some(1_798_761_600)),
        ("2027-01-01 01:00:00.5+01:00", Some(1_798_761_600)),
        ("1969-12-31t23:59:59z", Some(-1)),
        ("2023-02-29", None),
        ("2027-13-01", None),
        ("2027-1-1", None),
        ("2027-01-01T00:00:00", None),
        ("2027-01-01T24:00:00Z", None),
        ("2027-01-01T00:00:00+1:00", None),
        ("é027-01-01", None),
    ] {
        assert_eq!(scalar::timestamp(text), seconds, "{text}");
    }
}

#[test]
fn merges_follow_the_rules_of_pyyaml() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {z: 3, <<: [*a, *b]}\n'<<': plain\n";
    assert_eq!(ours(text).unwrap()["c"], json!({"z": 3, "x": 1, "y": 1}));
    assert_eq!(ours(text).unwrap()["<<"], "plain");
    assert_eq!(ours("<<: 1\n"), None);
    assert_eq!(ours("<<: [1]\n"), None);
}
