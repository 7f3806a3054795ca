//! What a provider of this dialect does to the caller's own bytes: the model, absent defaults, and asking for usage.

use bytes::Bytes;
use gateway_json::{Edit, Envelope};
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

/// True when the caller of a stream did not ask for usage (`stream_options.include_usage` is anything but true): the
/// gateway asks on its own behalf and hides the answer ([`UsageChunk::Hide`](super::UsageChunk::Hide)).
pub fn hides_usage(text: &[u8], envelope: &Envelope) -> bool {
    let options = options(text, envelope);
    options.and_then(|all| all.get(INCLUDE_USAGE)?.as_bool()) != Some(true)
}

/// The member of `stream_options` that asks for usage.
const INCLUDE_USAGE: &str = "include_usage";

/// The members of `stream_options`, if it is an object.
fn options(text: &[u8], envelope: &Envelope) -> Option<Map<String, Value>> {
    serde_json::from_slice(envelope.get(text, "stream_options")?).ok()
}

/// What is sent as `stream_options`: the caller's own members with usage asked for, whatever the caller stated.
fn asking(text: &[u8], envelope: &Envelope) -> Bytes {
    let mut all = options(text, envelope).unwrap_or_default();
    all.insert(INCLUDE_USAGE.to_owned(), Value::Bool(true));
    // Texts, numbers and the like can always be written.
    Bytes::from(serde_json::to_vec(&all).unwrap_or_default())
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
    pub fn edits(&self, text: &[u8], envelope: &Envelope) -> Vec<Edit> {
        let mut inserted = Vec::new();
        let mut replaced = Vec::new();
        // A text can always be written.
        let model = Bytes::from(serde_json::to_vec(self.model).unwrap_or_default());
        match envelope.find(text, "model") {
            Some(member) => replaced.push(Edit::new(member.value.clone(), model)),
            None if self.adds_model => inserted.push(("model", model)),
            None => {}
        }
        let generates = matches!(self.operation, Operation::Chat | Operation::Completion);
        if generates && self.stream {
            if envelope.find(text, "stream").is_none() {
                inserted.push(("stream", Bytes::from_static(b"true")));
            }
            if self.stream_options {
                let ask = asking(text, envelope);
                match envelope.find(text, "stream_options") {
                    Some(stated) => replaced.push(Edit::new(stated.value.clone(), ask)),
                    None => inserted.push(("stream_options", ask)),
                }
            }
        }
        for (key, value) in &self.defaults.members {
            if is_open(text, envelope, key, generates) {
                inserted.push((key, value.clone()));
            }
        }
        replaced.sort_by_key(|edit| edit.at.start);
        let mut edits = vec![];
        if let Some(text) = members(&inserted, envelope.members().is_empty()) {
            edits.push(Edit::new(envelope.open()..envelope.open(), text));
        }
        edits.append(&mut replaced);
        edits
    }
}

/// True when a default applies: the request has neither the member nor one that means the same.
fn is_open(text: &[u8], envelope: &Envelope, key: &str, generates: bool) -> bool {
    if !generates && !OF_EMBEDDINGS.contains(&key) {
        return false;
    }
    let has = |key: &str| envelope.find(text, key).is_some();
    let twin = SAME.iter().find(|(one, _)| *one == key);
    let needs_tools = key == "tool_choice" || key == "parallel_tool_calls";
    !has(key) && twin.is_none_or(|(_, other)| !has(other)) && (!needs_tools || has("tools"))
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
    use gateway_json::splice;

    use super::*;

    fn forward(stream: bool, text: &str, defaults: &Value) -> Value {
        let defaults = Defaults::new(defaults.as_object().unwrap());
        let how = Forward {
            model: "m",
            adds_model: true,
            operation: Operation::Chat,
            stream,
            stream_options: true,
            defaults: &defaults,
        };
        let envelope = Envelope::scan(text.as_bytes()).unwrap();
        let edits = how.edits(text.as_bytes(), &envelope);
        let out = splice(&Bytes::copy_from_slice(text.as_bytes()), &edits);
        serde_json::from_slice(&out).unwrap()
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
    fn usage_is_asked_for_whatever_the_caller_states() {
        let none = serde_json::json!({});
        for (sent, hides) in [
            (None, true),
            (Some("null"), true),
            (Some("{}"), true),
            (Some("[1]"), true),
            (Some(r#"{"include_usage":false}"#), true),
            (Some(r#"{"include_usage":1}"#), true),
            (Some(r#"{"include_usage":true}"#), false),
        ] {
            let member =
                sent.map_or_else(String::new, |sent| format!(r#""stream_options":{sent},"#));
            let text = format!(r#"{{{member}"stream":true,"model":"e"}}"#);
            assert_eq!(
                forward(true, &text, &none),
                serde_json::json!({"stream": true, "stream_options": {"include_usage": true}, "model": "m"}),
                "{text}"
            );
            let envelope = Envelope::scan(text.as_bytes()).unwrap();
            assert_eq!(hides_usage(text.as_bytes(), &envelope), hides, "{text}");
        }
        let other = forward(
            true,
            r#"{"stream_options":{"include_obfuscation":false},"model":"e"}"#,
            &none,
        );
        assert_eq!(
            other["stream_options"],
            serde_json::json!({"include_obfuscation": false, "include_usage": true}),
            "other members stay"
        );
        assert_eq!(
            forward(false, r#"{"model":"e"}"#, &none),
            serde_json::json!({"model": "m"})
        );
    }
}
