//! The request the load generator sends.

use crate::shapes::{Shape, words};

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The format of the request.
    pub shape: Shape,
    /// The `model` member.
    pub model: String,
    /// The size of the body, about.
    pub bytes: usize,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// The credential to present.
    pub key: String,
    /// Makes each request different when true, so that no cache can answer it.
    pub distinct: bool,
}

impl Ask {
    /// The body: a conversation of turns of about 1 KB.
    pub fn body(&self) -> String {
        let frame = self.body_with(&[]).len();
        let mut left = self.bytes.saturating_sub(frame);
        let mut turns = Vec::new();
        while left > 40 || turns.is_empty() {
            let take = left.min(1024).saturating_sub(36);
            turns.push(words(take));
            left = left.saturating_sub(take + 36);
        }
        if turns.len().is_multiple_of(2) {
            // A conversation ends with the user.
            turns.push("Go on.".to_owned());
        }
        self.body_with(&turns)
    }

    fn body_with(&self, turns: &[String]) -> String {
        let messages: Vec<_> = turns
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let role = if number % 2 == 0 { "user" } else { "assistant" };
                let mark = if self.distinct && number == 0 {
                    MARK
                } else {
                    ""
                };
                format!(r#"{{"role":"{role}","content":"{mark}{text}"}}"#)
            })
            .collect();
        let mut rest = String::from(r#","max_tokens":256,"temperature":0.7"#);
        if self.stream {
            rest.push_str(r#","stream":true"#);
            if self.shape == Shape::OpenAi {
                rest.push_str(r#","stream_options":{"include_usage":true}"#);
            }
        }
        let model = &self.model;
        format!(
            r#"{{"model":"{model}","messages":[{}]{rest}}}"#,
            messages.join(",")
        )
    }

    /// The whole request as bytes.
    pub fn bytes(&self, port: u16) -> Vec<u8> {
        let body = self.body();
        let path = match self.shape {
            Shape::OpenAi => "/v1/chat/completions",
            Shape::Anthropic => "/v1/messages",
        };
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\naccept: */*\r\nuser-agent: load/1\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        )
        .into_bytes()
    }
}

/// What the first turn of a distinct request begins with.
const MARK: &str = "n00000000 ";

/// Writes `number` over the digits that the first turn of a distinct request begins with.
pub fn stamp(request: &mut [u8], number: u32) {
    if let Some(at) = memchr::memmem::find(request, b"\"content\":\"n")
        && let Some(digits) = request.get_mut(at + 12..at + 20)
    {
        digits.copy_from_slice(format!("{:08}", number % 100_000_000).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, stamp};
    use crate::shapes::Shape;

    #[test]
    fn bodies_are_json_of_about_the_size_asked_for_and_end_with_the_user() {
        for bytes in [300, 1024, 65536, 4 << 20] {
            let ask = Ask {
                shape: Shape::OpenAi,
                model: "chat".to_owned(),
                bytes,
                stream: true,
                key: String::new(),
                distinct: true,
            };
            let body = ask.body();
            assert!(
                body.len().abs_diff(bytes) <= 100 + bytes / 100,
                "{bytes}: {}",
                body.len()
            );
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            let last = value["messages"].as_array().unwrap().last().unwrap();
            assert_eq!(last["role"], "user");
            let mut request = ask.bytes(1);
            stamp(&mut request, 42);
            assert!(
                String::from_utf8(request)
                    .unwrap()
                    .contains("\"content\":\"n00000042 ")
            );
        }
    }
}
