//! Made-up values and made-up bytes.

use bytes::Bytes;
use gateway_schema::Losses;
use gateway_schema::chat::{Content, Fold, StreamEvent};
use gateway_schema::stream::Decode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{StreamObserver, decode_error, decode_request, encode_response, observe};
use super::{decode, encoded, info};
use crate::testing;

fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z_]{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("type".to_owned()),
        Just("role".to_owned()),
        Just("content".to_owned()),
        Just("output".to_owned()),
        Just("call_id".to_owned()),
        Just("summary".to_owned()),
        Just("encrypted_content".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_request(&bytes);
        let _ = observe(&bytes);
        let _ = decode_error(500, None, &bytes);
        let mut observer = StreamObserver::new();
        let mut frames = Vec::new();
        let _ = observer.feed(Bytes::from(bytes), &mut frames);
        let _ = observer.end(&mut frames);
    }

    #[test]
    fn no_json_panics(input in junk(), tools in junk(), text in junk(), choice in junk()) {
        let body = json!({"input": input, "tools": tools, "text": text, "tool_choice": choice});
        let _ = decode(&body);
        let _ = observe(body.to_string().as_bytes());
        let data = format!("event: response.completed\ndata: {}\n\n", json!({"response": body}));
        let mut frames = Vec::new();
        let _ = StreamObserver::new().feed(Bytes::from(data), &mut frames);
    }

    /// What a client keeps of a reply and sends back is what was said.
    #[test]
    fn output_sent_back_is_what_was_said(response in testing::chat_response()) {
        let mut losses = Losses::new();
        let bytes = encode_response(&response, &info(), &mut losses);
        let reply: Value = serde_json::from_slice(&bytes).unwrap();
        let wanted = &response.choices[0].parts;
        if wanted.is_empty() {
            prop_assert_eq!(&reply["output"], &json!([]));
            return Ok(());
        }
        let request = decode(&json!({"input": reply["output"]})).unwrap().value;
        prop_assert_eq!(request.messages.len(), 1);
        let got = &request.messages[0].parts;
        prop_assert_eq!(got.len(), wanted.len());
        for (got, wanted) in got.iter().zip(wanted) {
            match (&got.content, &wanted.content) {
                (Content::Thinking { text, .. }, Content::Thinking { text: other, .. }) => {
                    prop_assert_eq!(text, other);
                }
                (got, wanted) => prop_assert_eq!(got, wanted),
            }
        }
    }

    /// A stream ends with the reply that the same answer gives at once.
    #[test]
    fn a_stream_says_what_the_whole_reply_says(response in testing::chat_response()) {
        let groups: Vec<Vec<StreamEvent>> = response.clone().into_events();
        let mut fold = Fold::new();
        for event in groups.iter().flatten() {
            fold.push(event.clone());
        }
        let folded = fold.finish().unwrap();
        let events = encoded(&groups);
        let last = events.last().unwrap().1["response"].clone();
        let whole = encode_response(&folded, &info(), &mut Losses::new());
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        prop_assert_eq!(&last["usage"], &whole["usage"]);
        prop_assert_eq!(&last["status"], &whole["status"]);
        let kinds = |reply: &Value| -> Vec<Value> {
            let items = reply["output"].as_array().unwrap();
            items.iter().map(|it| json!([it["type"], it["content"][0]["text"], it["summary"], it["arguments"], it["call_id"]])).collect()
        };
        prop_assert_eq!(kinds(&last), kinds(&whole));
        for (number, (_, event)) in events.iter().enumerate() {
            prop_assert_eq!(&event["sequence_number"], number);
        }
    }
}
