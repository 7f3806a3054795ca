use bytes::Bytes;
use proptest::prelude::*;

use super::{Edit, Envelope, splice};

#[test]
fn finds_top_level_members_only() {
    let text = br#" {"model" : "gpt\n", "messages":[{"model":"x","a":[1,{}]}], "stream":true,"max_tokens":12} "#;
    let envelope = Envelope::scan(text).unwrap();
    assert_eq!(envelope.string(text, "model").as_deref(), Some("gpt\n"));
    assert_eq!(envelope.bool(text, "stream"), Some(true));
    assert_eq!(envelope.integer(text, "max_tokens"), Some(12));
    assert_eq!(
        envelope.get(text, "messages"),
        Some(&br#"[{"model":"x","a":[1,{}]}]"#[..])
    );
    assert_eq!(envelope.members().len(), 4);
}

fn read(text: &str) -> (String, Envelope) {
    let (text, envelope) = Envelope::read(Bytes::copy_from_slice(text.as_bytes())).unwrap();
    (String::from_utf8(text.to_vec()).unwrap(), envelope)
}

#[test]
fn of_equal_keys_the_last_is_kept_wherever_and_however_they_are_written() {
    for (text, normal) in [
        (r#"{"model":"a","model":"b"}"#, r#"{"model":"b"}"#),
        (r#"{"model":"a","mod\u0065l":"b"}"#, r#"{"model":"b"}"#),
        (r#"{"mod\u0065l":"a","model":"b"}"#, r#"{"model":"b"}"#),
        (r#"{"mod\u0065l" : "a"}"#, r#"{"model" : "a"}"#),
        (
            "{\"a\":1,\n \"\\u006d\":[{\"x\":1, \"x\":2}],\"b\":3, \"m\":[{\"y\":{}, \"z\":1 , \"y\":[]}]}",
            "{\"a\":1,\n \"b\":3, \"m\":[{\"z\":1 , \"y\":[]}]}",
        ),
        (
            r#"{"a":{"b":1,"b":{"c":1,"c":2}}, "d":0}"#,
            r#"{"a":{"b":{"c":2}}, "d":0}"#,
        ),
        (
            r#"{"a":{"b":1,"b":2},"a":0,"c":{"\u0062":1}}"#,
            r#"{"a":0,"c":{"b":1}}"#,
        ),
        (r#"{"\ud83d\ude00":1,"😀":2}"#, r#"{"😀":2}"#),
        (
            r#"{"a\/b":1,"\u0022":2,"\u000A":3}"#,
            r#"{"a/b":1,"\"":2,"\n":3}"#,
        ),
        (r#"{"a":1,"a":2,"a":3}"#, r#"{"a":3}"#),
        (r#"{"":1,"":{"":0,"":1}}"#, r#"{"":{"":1}}"#),
    ] {
        let (written, envelope) = read(text);
        assert_eq!(written, normal, "{text}");
        assert_eq!(Envelope::scan(written.as_bytes()), Ok(envelope));
        assert!(Envelope::scan(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_text_with_plain_keys_is_not_copied() {
    let many: Vec<String> = (0..500).map(|number| format!("\"{number}\":0")).collect();
    for text in [
        r#"{"model":"a","messages":[{"role":"user","role2":"\u0075"},{"role":"x"}]}"#,
        r#"{"a\"b":1,"a\\b":2,"\u0001":{"\b":1}}"#,
        &format!("{{\"logit_bias\":{{{}}},\"n\":1}}", many.join(",")),
    ] {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let (same, _) = Envelope::read(text.clone()).unwrap();
        assert_eq!(same.as_ptr(), text.as_ptr());
    }
}

#[test]
fn keys_that_readers_take_for_different_things_are_refused_with_their_position() {
    for (text, what, column) in [
        (
            r#"{"a":1,"\ud800":2}"#,
            "a key has half of a surrogate pair",
            8,
        ),
        (
            r#"{"a":{"b\udc00c":2}}"#,
            "a key has half of a surrogate pair",
            7,
        ),
        (r#"{"model\u0000":2}"#, "a key has a null character", 2),
    ] {
        let fault = Envelope::read(Bytes::from_static(text.as_bytes())).unwrap_err();
        assert_eq!((fault.what, fault.column), (what, column));
        assert!(Envelope::scan(text.as_bytes()).is_err());
    }
}

#[test]
fn numbers_of_keys_are_bounded() {
    let object = |count: usize, key: &dyn Fn(usize) -> String| {
        let members: Vec<String> = (0..count).map(|at| format!("\"{}\":0", key(at))).collect();
        Bytes::from(format!("{{\"a\":{{{}}}}}", members.join(",")))
    };
    assert!(Envelope::read(object(200_000, &|at| at.to_string())).is_ok());
    let fault = Envelope::read(object(300_000, &|at| at.to_string())).unwrap_err();
    assert!(fault.what.starts_with("there are more than 262144"));
    assert!(Envelope::read(object(60_000, &|_| "x".to_owned())).is_ok());
    let fault = Envelope::read(object(70_000, &|_| "x".to_owned())).unwrap_err();
    assert!(fault.what.starts_with("more than 65536 keys"));
    let top: Vec<String> = (0..263_000).map(|at| format!("\"{at}\":0")).collect();
    let fault = Envelope::scan(format!("{{{}}}", top.join(",")).as_bytes()).unwrap_err();
    assert_eq!(fault.what, "the object has more than 262144 members");
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    for (number, expected) in [
        ("12", Some(12)),
        ("12.0", Some(12)),
        ("1.2e1", Some(12)),
        ("0", Some(0)),
        ("-0.0", Some(0)),
        ("1e999", Some(u64::MAX)),
        ("18446744073709551616", Some(u64::MAX)),
        ("1.5", None),
        ("-1", None),
        ("\"12\"", None),
        ("true", None),
    ] {
        let text = format!("{{\"n\":{number}}}");
        let envelope = Envelope::scan(text.as_bytes()).unwrap();
        assert_eq!(envelope.integer(text.as_bytes(), "n"), expected, "{number}");
    }
}

#[test]
fn keys_that_differ_from_a_name_in_case_alone_are_found() {
    for (key, expected) in [
        ("Model", Some("model")),
        ("MODEL", Some("model")),
        ("\u{17F}tream", Some("stream")),
        ("max_to\u{212A}ens", Some("max_tokens")),
        ("model", None),
        ("models", None),
        ("Mode", None),
        ("generationConfig", None),
    ] {
        let text = format!("{{\"{key}\":0}}");
        let envelope = Envelope::scan(text.as_bytes()).unwrap();
        let names = ["model", "stream", "max_tokens"];
        let found = envelope.misspelt(text.as_bytes(), &names);
        assert_eq!(found, expected.map(|name| (key, name)));
    }
}

/// Objects of a few keys in several spellings, nested in each other.
fn spelt() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "a",
        "\\u0061",
        "b",
        "\\u0062",
        "\\ud83d\\ude00",
        "😀",
        "\\\"",
        "\\u0022",
        "\\/",
        "/",
        "",
    ]);
    let leaf = prop::sample::select(vec!["0", "\"a\"", "[]", "{}", "null"]).prop_map(str::to_owned);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\" : {value}"))
                    .collect();
                format!("{{ {}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    /// As `serde_json` reads both: the last member of a name counts.
    #[test]
    fn a_normal_text_says_the_same_and_is_normal(value in spelt()) {
        let text = Bytes::from(format!("{{\"top\":{value},\"t\\u006fp\":{value}}}"));
        let (normal, envelope) = Envelope::read(text.clone()).unwrap();
        let theirs: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let ours: serde_json::Value = serde_json::from_slice(&normal).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(Envelope::scan(&normal), Ok(envelope));
        prop_assert!(normal.len() <= text.len());
        // Written by somebody else from the same value, it has the same keys.
        let keys = |text: &str| text.matches("\":").count();
        let compact = std::str::from_utf8(&normal).unwrap().replace("\" :", "\":");
        prop_assert_eq!(keys(&compact), keys(&theirs.to_string()));
    }
}

#[test]
fn a_fault_has_its_line_and_column() {
    let error = Envelope::scan(b"{\n  \"a\": 1,\n  \"b\" 2}").unwrap_err();
    assert_eq!((error.line, error.column, error.offset), (3, 7, 18));
    assert_eq!(error.what, "':' is expected after a key");
}

/// Everything serde_json says of a text, this scan says too.
#[test]
fn agrees_with_serde_json_about_what_is_json() {
    let long = format!("{{\"a\":\"{}\\\"{}\"}}", "x".repeat(100), "é".repeat(40));
    let good = [
        "{}",
        " { } ",
        r#"{"a":{}}"#,
        r#"{"a":[]}"#,
        r#"{"a":[[],{},""]}"#,
        r#"{"a":-0.5e+10,"b":null}"#,
        r#"{"a":"\u00e9\n\\"}"#,
        r#"{"a":[1,2,{"b":[true,false]}]}"#,
        &long,
        "\u{feff}",
    ];
    let bad = [
        "",
        "{",
        "}",
        "{]",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        r"{a:1}",
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":+1}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":1}}"#,
        r#"{"a":1} x"#,
        r#"{"a":"b}"#,
        r#"{"a":NaN}"#,
        r"{'a':1}",
        r#"{"a":1 "b":2}"#,
        r#"{"a":{"b":1,}}"#,
        r#"{"a":{"b"}}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":-}"#,
        r#"{"a":1e}"#,
    ];
    for text in good.iter().chain(&bad) {
        let ours = Envelope::scan(text.as_bytes()).is_ok();
        let theirs =
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
        assert_eq!(ours, theirs, "{text}");
    }
}

#[test]
fn what_is_not_an_object_is_refused() {
    for text in ["[1]", "\"a\"", "12", "null", "true"] {
        assert_eq!(
            Envelope::scan(text.as_bytes()).unwrap_err().what,
            "the body must be a JSON object"
        );
    }
    assert_eq!(
        Envelope::scan(b"{\"a\":\"\xff\"}").unwrap_err().what,
        "the body is not valid UTF-8"
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(Envelope::scan(nested(127).as_bytes()).is_ok());
    assert!(Envelope::scan(nested(128).as_bytes()).is_err());
    assert!(Envelope::scan(nested(100_000).as_bytes()).is_err());
}

#[test]
fn every_cut_of_a_document_is_refused_without_a_panic() {
    let text = r#"{"a":[1,-2.5e3,{"b":"c\"\u00e9d"}],"é":{"x":null,"y":[]},"z":true}"#;
    for cut in 0..text.len() {
        assert!(Envelope::scan(&text.as_bytes()[..cut]).is_err(), "{cut}");
    }
    assert!(Envelope::scan(text.as_bytes()).is_ok());
}

#[test]
fn splices_replace_and_insert() {
    let text = Bytes::from_static(br#"{"model":"a","x":1}"#);
    let envelope = Envelope::scan(&text).unwrap();
    let model = envelope.find(&text, "model").unwrap().value.clone();
    let out = splice(
        &text,
        &[
            Edit::new(
                envelope.open()..envelope.open(),
                Bytes::from_static(b"\"t\":0,"),
            ),
            Edit::new(model, Bytes::from_static(b"\"gpt-4o\"")),
        ],
    );
    assert_eq!(out, r#"{"t":0,"model":"gpt-4o","x":1}"#);
    assert_eq!(
        splice(&text, &[]).as_ptr(),
        text.as_ptr(),
        "no edit, no copy"
    );
}
