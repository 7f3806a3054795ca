//! Every text of a request as it was written, whatever the dialect: what a provider gets, a rule has seen.

use gateway_json::{Cursor, Fault, Text};
use gateway_schema::{CallError, ErrorKind};

/// Texts that are JSON themselves (the arguments of calls, for instance) are looked into so often.
const MAX_LAYERS: u8 = 2;

/// Members that hold words of the protocol, where they hold such a word. No model reads them.
const PROTOCOL: [&[u8]; 14] = [
    b"detail",
    b"effort",
    b"encoding_format",
    b"format",
    b"media_type",
    b"mimeType",
    b"mime_type",
    b"mode",
    b"model",
    b"object",
    b"role",
    b"service_tier",
    b"tool_choice",
    b"type",
];

/// Members that hold data where it is data: pictures, sound, files, proofs.
const DATA: [&[u8]; 14] = [
    b"b64_json",
    b"bytes",
    b"data",
    b"encrypted_content",
    b"file_data",
    b"fileUri",
    b"image",
    b"image_url",
    b"signature",
    b"thoughtSignature",
    b"thought_signature",
    b"uri",
    b"url",
    b"video_url",
];

/// Members whose objects have keys of the caller's own.
const OWN_KEYS: [&[u8]; 9] = [
    b"$defs",
    b"args",
    b"arguments",
    b"definitions",
    b"document",
    b"documents",
    b"input",
    b"metadata",
    b"properties",
];

/// Data is longer than this; shorter strings are looked at whatever they are.
const SHORTEST_DATA: usize = 2048;

/// Shows `see` every text in `body`, which is JSON: each string by itself, texts that are JSON again also from within, and
/// keys that the caller chose. Words of the protocol and data in base64 are left out.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] for what is not JSON, and for a text that is not Unicode, which no rule can judge.
pub(super) fn texts(body: &[u8], see: &mut dyn FnMut(&str)) -> Result<(), CallError> {
    // Bounds the depth of what follows.
    check(body).map_err(|fault| unreadable(&fault))?;
    let mut walk = Walk { see, layers: 0 };
    walk.value(&mut Cursor::new(body), b"", false)
        .map_err(|fault| unreadable(&fault))
}

/// Whether `body` is JSON at all.
pub(super) fn is_json(body: &[u8]) -> bool {
    check(body).is_ok()
}

fn check(text: &[u8]) -> Result<(), Fault> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.end()
}

fn unreadable(fault: &Fault) -> CallError {
    let message = format!("A rule cannot read the request: {fault}.");
    CallError::client(ErrorKind::InvalidRequest, message).with_code("unreadable_content")
}

struct Walk<'s> {
    see: &'s mut dyn FnMut(&str),
    /// How many texts there are around this one.
    layers: u8,
}

impl Walk<'_> {
    fn value(&mut self, cursor: &mut Cursor<'_>, key: &[u8], own: bool) -> Result<(), Fault> {
        match cursor.peek() {
            Some(b'{') => {
                let own = own || OWN_KEYS.contains(&key);
                cursor.members(|cursor, name| {
                    if own {
                        self.text(&name)?;
                    }
                    self.value(cursor, name.plain(), own)
                })
            }
            Some(b'[') => cursor.items(|cursor| self.value(cursor, key, own)),
            _ => match cursor.text()? {
                Some(text) if is_protocol(key, text.plain()) => Ok(()),
                Some(text) if is_data(key, text.plain()) => Ok(()),
                Some(text) => self.text(&text),
                None => Ok(()),
            },
        }
    }

    fn text(&mut self, text: &Text<'_>) -> Result<(), Fault> {
        let words = text.decode().ok_or(Fault {
            what: "a text has half of a surrogate pair",
            offset: text.range().start,
        })?;
        (self.see)(&words);
        let is_json = words.trim_start().starts_with(['{', '[']);
        if is_json && self.layers < MAX_LAYERS && check(words.as_bytes()).is_ok() {
            self.layers += 1;
            let inner = self.value(&mut Cursor::new(words.as_bytes()), b"", true);
            self.layers -= 1;
            return inner;
        }
        Ok(())
    }
}

fn is_protocol(key: &[u8], value: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(byte);
    PROTOCOL.contains(&key) && value.len() <= 64 && value.iter().all(is_word)
}

/// Base64, alone or in a data URL, from its first byte to its last.
fn is_data(key: &[u8], value: &[u8]) -> bool {
    if value.len() < SHORTEST_DATA || !DATA.contains(&key) {
        return false;
    }
    let data = match value.strip_prefix(b"data:") {
        None => value,
        Some(url) => match url.iter().take(128).position(|byte| *byte == b',') {
            Some(comma) => url.get(comma + 1..).unwrap_or_default(),
            None => return false,
        },
    };
    data.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(body: &str) -> Vec<String> {
        let mut found = Vec::new();
        texts(body.as_bytes(), &mut |text| found.push(text.to_owned())).unwrap();
        found
    }

    #[test]
    fn every_text_is_shown_but_the_words_of_the_protocol_and_data() {
        let picture = "QUJD".repeat(1_000);
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","name":"ann","content":[
                {{"type":"text","text":"a \u0062"}},
                {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}},
                {{"type":"file","file":{{"filename":"plan.pdf","file_data":"{picture}"}}}}]}},
                {{"role":"not a word","content":"{picture}"}}],
              "tools":[{{"type":"function","function":{{"name":"f","description":"finds",
                "parameters":{{"type":"object","properties":{{"iban":{{"type":"string"}}}}}}}}}}],
              "metadata":{{"team":"red"}},"stop":["x"],"seed":1}}"#
        );
        let expected = [
            "ann",
            "a b",
            "plan.pdf",
            "not a word",
            &picture,
            "f",
            "finds",
            "iban",
            "type",
            "team",
            "red",
            "x",
        ];
        assert_eq!(all(&body), expected);
    }

    #[test]
    fn texts_that_are_json_are_looked_into_a_bounded_number_of_times() {
        assert_eq!(
            all(r#"{"arguments":"{\"a\":\"my \\u0073sn\"}"}"#),
            [r#"{"a":"my \u0073sn"}"#, "a", "my ssn"]
        );
        let mut text = "\"deep\"".to_owned();
        for _ in 0..6 {
            text = serde_json::Value::from(format!("[{text}]")).to_string();
        }
        assert_eq!(all(&format!("[{text}]")).len(), 3);
    }

    #[test]
    fn what_no_rule_can_read_is_refused() {
        for body in [r#"{"a":"\ud800"}"#, "{", r#"{"properties":{"\udc00":1}}"#] {
            let error = texts(body.as_bytes(), &mut |_| {}).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        }
    }
}
