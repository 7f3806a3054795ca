use gateway_json::Envelope;

use super::{Place, Walk, write};

fn written(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let mut whole = Vec::new();
    Walk::new(text, 0).value(Place::Body, &mut whole);
    if let Ok(envelope) = Envelope::scan(text) {
        let mut out = Vec::new();
        write(text, envelope.members(), &mut out);
        assert_eq!(out, whole);
    }
    whole
}

#[test]
fn the_spelling_of_a_question_makes_no_difference() {
    let same = [
        r#"{"messages":[{"role":"user","content":"a\nb"}],"temperature":1,"top_p":0.5,"x":{"b":[-0],"a":"c"}}"#,
        r#" { "x":{"a":"\u0063","b":[0.0]}, "top_p" : 5e-1, "temperature" : 1.0 , "messages" : [ { "content" : "a\u000ab", "role" : "user" } ] } "#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\nb"}]}],"temperature":1,"stream":true,"top_p":0.5,"x":{"b":[0],"a":"c"}}"#,
        r#"{"temperature":1,"top_p":0.5,"x":{"b":[0],"a":"c"},"messages":[{"role":"user","content":[{"text":"a\nb","cache_control":{"type":"ephemeral"},"type":"text"}]}]}"#,
    ];
    for text in same {
        assert_eq!(written(text), written(same[0]), "{text}");
    }
}

#[test]
fn whatever_may_change_the_answer_counts() {
    let questions = [
        r#"{"messages":[{"content":"a"}]}"#,
        r#"{"messages":[{"content":"b"}]}"#,
        r#"{"messages":[{"content":"a"},{"content":"a"}]}"#,
        r#"{"messages":[{"content":["a"]}]}"#,
        r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","text":"a"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"text","text":"a","x":1}]}]}"#,
        r#"{"messages":[{"content":"\ud800"}]}"#,
        r#"{"messages":[{"content":"\\ud800"}]}"#,
        r#"{"messages":[{"content":"\ud801"}]}"#,
        r#"{"messages":[{"content":"\ud83d\ude00"}]}"#,
        r#"{"messages":[{"content":"\ude00\ud83d"}]}"#,
        r#"{"messages":[{"content":"a"}],"n":1}"#,
        r#"{"messages":[{"content":"a"}],"n":1,"n":2}"#,
        r#"{"messages":[{"content":"a"}],"n":2,"n":1}"#,
        r#"{"messages":[{"content":"a"}],"n":"1"}"#,
        r#"{"messages":[{"content":"a"}],"n":-1}"#,
        r#"{"messages":[{"content":"a"}],"n":10000000000000001}"#,
        r#"{"messages":[{"content":"a"}],"n":10000000000000002}"#,
        r#"{"messages":[{"content":"a"}],"n":10000000000000002.0}"#,
        r#"{"messages":[{"content":"a"}],"n":null}"#,
        r#"{"messages":[{"content":"a"}],"model":"m"}"#,
        r#"{"messages":[{"content":"a"}],"x":{"content":[{"type":"text","text":"a"}]}}"#,
        r#"{"messages":[{"content":"a"}],"x":{"content":"a"}}"#,
        r#"{"messages":[{"content":"a"}],"tools":[{"input_schema":{"cache_control":1}}]}"#,
        r#"{"messages":[{"content":"a"}],"tools":[{"input_schema":{}}]}"#,
    ];
    for (at, one) in questions.iter().enumerate() {
        for other in questions.iter().skip(at + 1) {
            assert_ne!(written(one), written(other), "{one} {other}");
        }
    }
}

#[test]
fn a_string_counts_by_what_it_says() {
    let said = "\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{20ac}\u{1f600}x";
    let plain = serde_json::to_string(said).unwrap();
    let spelt = r#""\u0022\u005C\/\u0008\u000c\u000a\u000D\u0009\u00e9\u20AC\ud83d\ude00\u0078""#;
    assert_eq!(serde_json::from_str::<String>(spelt).unwrap(), said);
    assert_eq!(written(spelt), written(&plain));
    let mut expected = vec![b'"'];
    expected.extend_from_slice(&(said.len() as u64).to_le_bytes());
    expected.extend_from_slice(said.as_bytes());
    assert_eq!(written(&plain), expected);
}

#[test]
fn no_text_panics_or_hangs() {
    let whole = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\"\ud83d\ude00b"}]}],"n":[1,{"a":-0.0}]}"#;
    for end in 0..whole.len() {
        written(&whole[..end]);
        written(&whole[end..]);
    }
}
