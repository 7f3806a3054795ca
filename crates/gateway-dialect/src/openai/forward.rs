//! What a provider of this dialect does to the caller's own bytes: the model, absent defaults, and asking for usage.
//!
//! Positions come from whoever scanned the body; this module only says what goes where.

use std::ops::Range;

use bytes::Bytes;
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{Operation, Request};
use serde_json::{Map, Value};

use super::decode_chat_request;

/// Members that are never defaults.
const NOT_DEFAULTS: [&str; 7] = [
    "model",
    "messages",
    "prompt",
    "input",
    "stream",
    "stream_options",
    "n",
];
/// Members that mean the same: one of them in a request keeps the default of the other out.
const SAME: [(&str, &str); 2] = [
    ("max_tokens", "max_completion_tokens"),
    ("max_completion_tokens", "max_tokens"),
];
/// What an embedding request can have.
const OF_EMBEDDINGS: [&str; 3] = ["dimensions", "encoding_format", "user"];

/// Request parameters that the configuration adds to requests without them: as members of a body, and canonical.
#[derive(Debug, Default)]
pub struct Defaults {
    canonical: Option<Box<ChatRequest>>,
    members: Vec<(String, Bytes)>,
}

impl Defaults {
    /// Reads parameters under their OpenAI names. What cannot be read sets nothing in translated requests.
    pub fn new(parameters: &Map<String, Value>) -> Self {
        let members: Vec<(String, Bytes)> = parameters
            .iter()
            .filter(|(key, value)| !NOT_DEFAULTS.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), Bytes::from(value.to_string())))
            .collect();
        if members.is_empty() {
            return Self::default();
        }
        let mut body = parameters.clone();
        body.retain(|key, _| !NOT_DEFAULTS.contains(&key.as_str()));
        let message = serde_json::json!([{"role": "user", "content": "-"}]);
        body.insert("messages".to_owned(), message);
        let canonical = decode_chat_request(Value::Object(body).to_string().as_bytes());
        Self {
            canonical: canonical.ok().map(|mut request| {
                request.messages = vec![Message::user("-")];
                Box::new(request)
            }),
            members,
        }
    }

    /// True when there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds what a canonical request leaves open.
    pub fn fill(&self, request: &mut Request) {
        let Some(defaults) = &self.canonical else {
            return;
        };
        match request {
            Request::Chat(chat) => chat.fill(defaults),
            Request::Completion(completion) => {
                let completion: &mut CompletionRequest = completion;
                completion.sampling.fill(&defaults.sampling);
            }
            _ => {}
        }
    }
}

/// One member of the top object of a body: where its key (without quotes) and its value stand.
pub type Place = (Range<usize>, Range<usize>);

/// A body as it was scanned.
#[derive(Debug, Clone, Copy)]
pub struct Scanned<'a> {
    /// The text.
    pub text: &'a [u8],
    /// Just after the opening brace.
    pub open: usize,
    /// The members of the top object, in order.
    pub members: &'a [Place],
}

impl<'a> Scanned<'a> {
    /// A body of this text, whose members begin at `open`.
    pub const fn new(text: &'a [u8], open: usize, members: &'a [Place]) -> Self {
        Self {
            text,
            open,
            members,
        }
    }

    /// The value of a member, unless it is null; the last one if the key stands more than once.
    fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.place(key)
            .and_then(|place| self.text.get(place))
            .filter(|value| *value != b"null")
    }

    fn place(&self, key: &str) -> Option<Range<usize>> {
        self.members
            .iter()
            .rev()
            .find(|(name, _)| self.text.get(name.clone()) == Some(key.as_bytes()))
            .map(|(_, value)| value.clone())
    }

    /// True when the caller of a stream left open whether usage is reported, so that the gateway asks for it on its
    /// own behalf and hides the answer ([`UsageChunk::Hide`](super::UsageChunk::Hide)).
    pub fn leaves_usage_open(&self) -> bool {
        self.get("stream_options").is_none()
    }
}

/// How a body is changed on its way.
#[derive(Debug, Clone, Copy)]
pub struct Forward<'a> {
    /// The provider's name of the model.
    pub model: &'a str,
    /// Whether a body without a model gets one.
    pub adds_model: bool,
    /// What is asked.
    pub operation: Operation,
    /// Whether the answer shall be a stream.
    pub stream: bool,
    /// Whether the provider understands `stream_options`.
    pub stream_options: bool,
    /// Parameters for requests without them.
    pub defaults: &'a Defaults,
}

impl Forward<'_> {
    /// What replaces what, in ascending order; an empty range inserts.
    pub fn edits(&self, body: &Scanned<'_>) -> Vec<(Range<usize>, Bytes)> {
        let mut inserted = Vec::new();
        let mut replaced = Vec::new();
        // A text can always be written.
        let model = Bytes::from(serde_json::to_vec(self.model).unwrap_or_default());
        for (key, value) in body.members {
            if body.text.get(key.clone()) == Some(b"model") {
                replaced.push((value.clone(), model.clone()));
            }
        }
        if replaced.is_empty() && self.adds_model {
            inserted.push(("model", model));
        }
        let generates = matches!(self.operation, Operation::Chat | Operation::Completion);
        if generates && self.stream {
            if body.place("stream").is_none() {
                inserted.push(("stream", Bytes::from_static(b"true")));
            }
            if self.stream_options && body.leaves_usage_open() {
                let ask = Bytes::from_static(br#"{"include_usage":true}"#);
                match body.place("stream_options") {
                    Some(null) => replaced.push((null, ask)),
                    None => inserted.push(("stream_options", ask)),
                }
            }
        }
        for (key, value) in &self.defaults.members {
            if is_open(body, key, generates) {
                inserted.push((key, value.clone()));
            }
        }
        replaced.sort_by_key(|(range, _)| range.start);
        let mut edits = vec![];
        if let Some(text) = members(&inserted, body.members.is_empty()) {
            edits.push((body.open..body.open, text));
        }
        edits.append(&mut replaced);
        edits
    }
}

/// True when a default applies: the request has neither the member nor one that means the same.
fn is_open(body: &Scanned<'_>, key: &str, generates: bool) -> bool {
    if !generates && !OF_EMBEDDINGS.contains(&key) {
        return false;
    }
    let twin = SAME.iter().find(|(one, _)| *one == key);
    let needs_tools = key == "tool_choice" || key == "parallel_tool_calls";
    body.place(key).is_none()
        && twin.is_none_or(|(_, other)| body.place(other).is_none())
        && (!needs_tools || body.place("tools").is_some())
}

/// Members as text, with a comma after each that something follows.
fn members(inserted: &[(&str, Bytes)], alone: bool) -> Option<Bytes> {
    if inserted.is_empty() {
        return None;
    }
    let mut text = Vec::new();
    for (index, (key, value)) in inserted.iter().enumerate() {
        text.extend_from_slice(Value::from(*key).to_string().as_bytes());
        text.push(b':');
        text.extend_from_slice(value);
        if !alone || index + 1 < inserted.len() {
            text.push(b',');
        }
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of the tests, its members found by hand.
    fn forward(stream: bool, text: &str, defaults: &Value) -> Value {
        let defaults = Defaults::new(defaults.as_object().unwrap());
        let keys = [
            "model",
            "temperature",
            "stream_options",
            "max_tokens",
            "stream",
        ];
        let mut members: Vec<Place> = keys
            .iter()
            .filter_map(|key| {
                let at = text.find(&format!("\"{key}\":"))?;
                let value = at + key.len() + 3;
                let end = value + text[value..].find(['}', ','])?;
                let end = if text[value..].starts_with('{') {
                    end + 1
                } else {
                    end
                };
                Some((at + 1..at + 1 + key.len(), value..end))
            })
            .collect();
        members.sort_by_key(|(key, _)| key.start);
        let how = Forward {
            model: "m",
            adds_model: true,
            operation: Operation::Chat,
            stream,
            stream_options: true,
            defaults: &defaults,
        };
        let mut out = text.to_owned();
        let scanned = Scanned {
            text: text.as_bytes(),
            open: 1,
            members: &members,
        };
        for (range, with) in how.edits(&scanned).into_iter().rev() {
            out.replace_range(range, std::str::from_utf8(&with).unwrap());
        }
        serde_json::from_str(&out).unwrap()
    }

    #[test]
    fn the_model_is_replaced_or_added_and_absent_defaults_stand_beside_it() {
        let defaults = serde_json::json!({"temperature": 0.5, "max_tokens": 9, "model": "no", "tool_choice": "auto"});
        assert_eq!(
            forward(false, r#"{"model":"endpoint","temperature":1}"#, &defaults),
            serde_json::json!({"model": "m", "temperature": 1, "max_tokens": 9})
        );
        assert_eq!(
            forward(false, "{}", &defaults),
            serde_json::json!({"model": "m", "temperature": 0.5, "max_tokens": 9})
        );
    }

    #[test]
    fn usage_is_asked_for_only_where_the_caller_left_it_open() {
        let none = serde_json::json!({});
        assert_eq!(
            forward(true, r#"{"model":"e","stream":true}"#, &none)["stream_options"],
            serde_json::json!({"include_usage": true})
        );
        assert_eq!(
            forward(true, r#"{"stream_options":null,"model":"e"}"#, &none),
            serde_json::json!({"stream": true, "stream_options": {"include_usage": true}, "model": "m"})
        );
        assert_eq!(
            forward(
                true,
                r#"{"stream":true,"stream_options":{"include_usage":false},"model":"e"}"#,
                &none
            )["stream_options"],
            serde_json::json!({"include_usage": false})
        );
        assert_eq!(
            forward(false, r#"{"model":"e"}"#, &none),
            serde_json::json!({"model": "m"})
        );
    }
}
