use std::collections::BTreeMap;

use bytes::BytesMut;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{to_vec, write, write_text};

fn same(value: &impl Serialize) {
    let theirs = serde_json::to_vec(value).unwrap();
    let ours = to_vec(value).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&ours),
        String::from_utf8_lossy(&theirs)
    );
    let mut buffer = BytesMut::new();
    write(&mut buffer, value).unwrap();
    assert_eq!(buffer, theirs);
}

#[derive(Serialize)]
enum Kind {
    Unit,
    Newtype(u8),
    Tuple(i64, char),
    Struct { a: Option<bool>, b: () },
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype(f32);

#[derive(Serialize)]
struct Pair(u64, &'static str);

#[derive(Serialize)]
struct Everything<'a> {
    kinds: [Kind; 4],
    unit: Unit,
    newtype: Newtype,
    pair: Pair,
    raw: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
    numbers: BTreeMap<i32, f64>,
    truths: BTreeMap<bool, u128>,
    letters: BTreeMap<char, i128>,
    #[serde(flatten)]
    more: &'a Value,
}

#[test]
fn every_shape_is_written_as_serde_json_writes_it() {
    let raw = RawValue::from_string(r#"{ "as" : [ "it", "is" ] }"#.into()).unwrap();
    let more =
        json!({"x": [], "y": {}, "z": [{"a": null}, -1, 1.5e300, 18_446_744_073_709_551_615_u64]});
    same(&Everything {
        kinds: [
            Kind::Unit,
            Kind::Newtype(1),
            Kind::Tuple(-1, '"'),
            Kind::Struct {
                a: Some(true),
                b: (),
            },
        ],
        unit: Unit,
        newtype: Newtype(0.1),
        pair: Pair(u64::MAX, "é\u{7f}\u{0}"),
        raw: &raw,
        absent: None,
        numbers: [(-1, f64::NAN), (2, 1e-7), (3, 1.0)].into(),
        truths: [(true, u128::MAX), (false, 0)].into(),
        letters: [('a', i128::MIN)].into(),
        more: &more,
    });
}

#[test]
fn a_key_that_is_no_text_is_an_error() {
    for error in [
        to_vec(&BTreeMap::from([(vec![1], 1)])),
        to_vec(&BTreeMap::from([(None::<u8>, 1)])),
    ] {
        assert_eq!(error.unwrap_err().to_string(), "key must be a string");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,6}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_writes_it(value in any_json()) {
        same(&value);
    }

    #[test]
    fn any_text_is_written_as_serde_json_writes_it(text in "[\\x00-\\x30\\\\a-é😀]{0,100}") {
        let mut out = Vec::new();
        write_text(&mut out, &text);
        prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
    }
}
