use bytes::Bytes;

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

#[test]
fn the_last_of_two_equal_keys_counts() {
    let text = br#"{"model":"a","model":"b"}"#;
    assert_eq!(
        Envelope::scan(text)
            .unwrap()
            .string(text, "model")
            .as_deref(),
        Some("b")
    );
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
