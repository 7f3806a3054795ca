use std::sync::Arc;

use bytes::Bytes;
use gateway_schema::Secret;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::reply::collect;
use crate::transport::TransportError;

const KEY: &str = "sk-proj-A1b2/C3d4+E5f6G7h8I9=";

fn redactor(key: &str) -> Arc<Redactor> {
    let credential = Credential::Key(Secret::new(key.to_owned()));
    Arc::new(Redactor::new(&credential, &HeaderMap::new()))
}

fn error(key: &str, text: &str) -> String {
    let clean = redactor(key).error(Bytes::copy_from_slice(text.as_bytes()));
    String::from_utf8(clean.to_vec()).unwrap()
}

struct Chunks(Vec<Bytes>);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(Ok))
    }
}

fn through(text: &str, cuts: &[usize]) -> String {
    let mut chunks = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([text.len()]) {
        chunks.push(Bytes::copy_from_slice(&text.as_bytes()[from..to]));
        from = to;
    }
    chunks.reverse();
    let body = redactor(KEY).body(Box::pin(Chunks(chunks)));
    let mut future = std::pin::pin!(collect(body, 1 << 20));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(all)) = future.as_mut().poll(&mut cx) else {
        panic!("not ready")
    };
    String::from_utf8(all.to_vec()).unwrap()
}

#[test]
fn a_key_leaves_no_body_wherever_the_bytes_are_cut() {
    let text = format!("sk-proj {KEY}, {KEY}sk-pro");
    let stars = "*".repeat(KEY.len());
    let want = format!("sk-proj {stars}, {stars}sk-pro");
    for first in 0..=text.len() {
        for second in first..=text.len() {
            assert_eq!(through(&text, &[first, second]), want, "{first} {second}");
        }
    }
    let bytes: Vec<usize> = (1..text.len()).collect();
    assert_eq!(through(&text, &bytes), want);
}

#[test]
fn spellings_of_a_key_are_known() {
    for spelling in [
        KEY.to_owned(),
        KEY.replace('/', "\\/"),
        percent_encoded(KEY, Hex::Upper),
        percent_encoded(KEY, Hex::Lower),
    ] {
        let clean = through(&format!("<{spelling}>"), &[]);
        assert_eq!(clean, format!("<{}>", "*".repeat(spelling.len())));
    }
}

#[test]
fn errors_lose_masked_and_short_forms_too() {
    for text in [
        "Incorrect API key provided: sk-proj-********************8I9=. See",
        "key sk-p...I9= is bad",
        "key ending in ****8I9= is bad",
        "key sk-proj-A1b2/C3d4... is bad",
        "key sk-proj-A\u{2022}\u{2022}\u{2022}8I9= is bad",
    ] {
        let clean = error(KEY, text);
        assert_eq!(clean.len(), text.len());
        for part in ["8I9=", "I9=", "sk-proj-A1b2"] {
            assert!(!clean.contains(part), "{clean}");
        }
    }
    assert_eq!(error("sk-up", "bad key: sk-up."), "bad key: *****.");
}

#[test]
fn other_words_stay() {
    for (key, text) in [
        (KEY, "Use a key that begins with sk-proj-... and try again."),
        (KEY, "sk-"),
        ("EMPTY", "The list is EMPTYish."),
        ("none", "none of these"),
        ("", "nothing"),
    ] {
        assert_eq!(error(key, text), text);
    }
    // What may be a word of an answer is left alone in it.
    let idle = redactor("lm-studio");
    assert!(idle.is_idle());
}

#[test]
fn headers_lose_it() {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-a",
        HeaderValue::from_str(&format!("Bearer {KEY}")).unwrap(),
    );
    headers.insert("x-b", HeaderValue::from_static("7"));
    redactor(KEY).headers(&mut headers, false);
    assert_eq!(headers["x-a"], format!("Bearer {}", "*".repeat(KEY.len())));
    assert_eq!(headers["x-b"], "7");
}
