//! Between a stream of events and a whole answer, both ways.

use serde_json::Value;

use super::event::StreamEvent;
use super::part::{Citation, Content, Part, Signature, ToolCall};
use super::response::{ChatResponse, Choice};
use crate::RemoteError;
use crate::completion::{CompletionChoice, CompletionResponse};

/// Gathers the events of a stream into the whole answer they amount to.
///
/// ```
/// use gateway_schema::chat::{Fold, StreamEvent};
///
/// let mut fold = Fold::new();
/// for text in ["Hel", "lo"] {
///     fold.push(StreamEvent::Text { choice: 0, text: text.to_owned() });
/// }
/// let answer = fold.finish().unwrap();
/// assert_eq!(answer.choices.len(), 1);
/// assert_eq!(answer.choices[0].parts.len(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Fold {
    response: ChatResponse,
    choices: Vec<Open>,
    error: Option<RemoteError>,
}

/// An answer in the making.
#[derive(Debug, Default)]
struct Open {
    choice: Choice,
    /// The last part takes no more text.
    closed: bool,
    /// The number of each tool call, and where its part stands.
    calls: Vec<(u32, usize)>,
}

impl Fold {
    /// Nothing gathered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event.
    pub fn push(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Start {
                id,
                model,
                created,
                extra,
            } => {
                let response = &mut self.response;
                response.id = response.id.take().or(id);
                response.model = response.model.take().or(model);
                response.created = response.created.or(created);
                if response.extra.is_empty() {
                    response.extra = extra;
                }
            }
            StreamEvent::Role { choice } => {
                self.open(choice);
            }
            StreamEvent::Text { choice, text } => self.open(choice).text(text),
            StreamEvent::Thinking { choice, text } => self.open(choice).thinking(text),
            StreamEvent::Refusal { choice, text } => self.open(choice).refusal(text),
            StreamEvent::Signature { choice, signature } => self.open(choice).sign(signature),
            StreamEvent::RedactedThinking { choice, data } => {
                self.open(choice)
                    .add(Content::RedactedThinking { data, id: None });
            }
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                arguments,
            } => {
                let open = self.open(choice);
                open.calls.push((call, open.choice.parts.len()));
                open.add(Content::ToolCall(ToolCall {
                    id,
                    name,
                    arguments,
                }));
            }
            StreamEvent::ToolArguments {
                choice,
                call,
                fragment,
            } => self.open(choice).arguments(call, &fragment),
            StreamEvent::Citation { choice, citation } => self.open(choice).cite(citation),
            StreamEvent::Logprobs { choice, value } => self.open(choice).logprobs(value),
            StreamEvent::Opaque {
                choice,
                dialect,
                value,
            } => self.open(choice).add(Content::Opaque { dialect, value }),
            StreamEvent::Part { choice, content } => self.open(choice).add(*content),
            StreamEvent::PartEnd { choice } => self.open(choice).closed = true,
            StreamEvent::Finish { choice, finish } => {
                self.open(choice).choice.finish = Some(finish);
            }
            StreamEvent::Usage(usage) => self.response.usage.get_or_insert_default().update(usage),
            StreamEvent::Error(error) => self.error = Some(error),
            StreamEvent::Ping | StreamEvent::End => {}
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// The error that the provider reported inside the stream.
    pub fn finish(self) -> Result<ChatResponse, RemoteError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut response = self.response;
        response.choices = self.choices.into_iter().map(|open| open.choice).collect();
        Ok(response)
    }

    fn open(&mut self, index: u32) -> &mut Open {
        let at = match self
            .choices
            .binary_search_by_key(&index, |open| open.choice.index)
        {
            Ok(at) => at,
            Err(at) => {
                let mut open = Open::default();
                open.choice.index = index;
                self.choices.insert(at, open);
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or inserted just above")]
        &mut self.choices[at]
    }
}

impl Open {
    fn add(&mut self, content: Content) {
        self.choice.parts.push(Part::new(content));
        self.closed = false;
    }

    /// The content of the last part, while it still takes text.
    fn last(&mut self) -> Option<&mut Content> {
        if self.closed {
            return None;
        }
        self.choice.parts.last_mut().map(|part| &mut part.content)
    }

    fn text(&mut self, more: String) {
        match self.last() {
            Some(Content::Text { text, .. }) => text.push_str(&more),
            _ => self.add(Content::Text {
                text: more,
                citations: Vec::new(),
            }),
        }
    }

    fn thinking(&mut self, more: String) {
        match self.last() {
            Some(Content::Thinking { text, .. }) => text.push_str(&more),
            _ => self.add(Content::Thinking {
                text: more,
                id: None,
            }),
        }
    }

    fn refusal(&mut self, more: String) {
        match self.last() {
            Some(Content::Refusal(text)) => text.push_str(&more),
            _ => self.add(Content::Refusal(more)),
        }
    }

    fn sign(&mut self, signature: Signature) {
        if self.choice.parts.is_empty() {
            self.thinking(String::new());
        }
        if let Some(part) = self.choice.parts.last_mut() {
            part.signature = Some(signature);
        }
    }

    fn arguments(&mut self, call: u32, fragment: &str) {
        let at = self.calls.iter().find(|(number, _)| *number == call);
        let part = at.and_then(|(_, at)| self.choice.parts.get_mut(*at));
        if let Some(Content::ToolCall(call)) = part.map(|part| &mut part.content) {
            call.arguments.push_str(fragment);
        }
    }

    fn cite(&mut self, citation: Citation) {
        if !matches!(self.last(), Some(Content::Text { .. })) {
            self.text(String::new());
        }
        if let Some(Content::Text { citations, .. }) = self.last() {
            citations.push(citation);
        }
    }

    /// OpenAI's form: lists that grow. Another form is taken as it is.
    fn logprobs(&mut self, value: Value) {
        match (&mut self.choice.logprobs, value) {
            (Some(Value::Object(known)), Value::Object(more)) => {
                for (key, value) in more {
                    match (known.get_mut(&key), value) {
                        (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
                        (_, Value::Null) => {}
                        (_, value) => {
                            known.insert(key, value);
                        }
                    }
                }
            }
            (slot, value) => *slot = Some(value),
        }
    }
}

impl ChatResponse {
    /// The answer as the events of a stream, from its start to its terminator: one group per step.
    pub fn into_events(self) -> Vec<Vec<StreamEvent>> {
        let mut groups = vec![vec![StreamEvent::Start {
            id: self.id,
            model: self.model,
            created: self.created,
            extra: self.extra,
        }]];
        for choice in self.choices {
            let index = choice.index;
            groups.push(vec![StreamEvent::Role { choice: index }]);
            let mut calls = 0;
            for part in choice.parts {
                groups.push(part_events(index, part, &mut calls));
            }
            if let Some(dialect) = choice.extra.dialect() {
                groups.push(vec![StreamEvent::Opaque {
                    choice: index,
                    dialect,
                    value: Value::Object(choice.extra.fields().clone()),
                }]);
            }
            if let Some(value) = choice.logprobs {
                groups.push(vec![StreamEvent::Logprobs {
                    choice: index,
                    value,
                }]);
            }
            if let Some(finish) = choice.finish {
                groups.push(vec![StreamEvent::Finish {
                    choice: index,
                    finish,
                }]);
            }
        }
        if let Some(usage) = self.usage {
            groups.push(vec![StreamEvent::Usage(usage)]);
        }
        groups.push(vec![StreamEvent::End]);
        groups
    }
}

fn part_events(choice: u32, part: Part, calls: &mut u32) -> Vec<StreamEvent> {
    let mut events = Vec::with_capacity(2);
    match part.content {
        Content::Text { text, citations } => {
            events.push(StreamEvent::Text { choice, text });
            events.extend(
                citations
                    .into_iter()
                    .map(|citation| StreamEvent::Citation { choice, citation }),
            );
        }
        Content::Thinking { text, .. } => events.push(StreamEvent::Thinking { choice, text }),
        Content::RedactedThinking { data, .. } => {
            events.push(StreamEvent::RedactedThinking { choice, data });
        }
        Content::Refusal(text) => events.push(StreamEvent::Refusal { choice, text }),
        Content::ToolCall(call) => {
            events.push(StreamEvent::ToolCall {
                choice,
                call: *calls,
                id: call.id,
                name: call.name,
                arguments: call.arguments,
            });
            *calls += 1;
        }
        Content::Opaque { dialect, value } => events.push(StreamEvent::Opaque {
            choice,
            dialect,
            value,
        }),
        content @ (Content::Image { .. }
        | Content::Audio(_)
        | Content::Video(_)
        | Content::Document { .. }
        | Content::ToolResult(_)) => events.push(StreamEvent::Part {
            choice,
            content: Box::new(content),
        }),
    }
    if let Some(signature) = part.signature {
        events.push(StreamEvent::Signature { choice, signature });
    }
    events.push(StreamEvent::PartEnd { choice });
    events
}

impl CompletionResponse {
    /// The answer as a chat answer, whose events make the stream of a completion.
    pub fn into_chat(self) -> ChatResponse {
        let choices = self.choices.into_iter().map(|choice| Choice {
            index: choice.index,
            parts: vec![Part::text(choice.text)],
            finish: choice.finish,
            logprobs: choice.logprobs,
            extra: choice.extra,
        });
        ChatResponse {
            id: self.id,
            model: self.model,
            created: self.created,
            choices: choices.collect(),
            usage: self.usage,
            extra: self.extra,
            ..ChatResponse::default()
        }
    }
}

impl From<ChatResponse> for CompletionResponse {
    /// The text of a chat answer as a completion.
    fn from(chat: ChatResponse) -> Self {
        let choices = chat.choices.into_iter().map(|choice| CompletionChoice {
            index: choice.index,
            text: text_of(&choice.parts),
            finish: choice.finish,
            logprobs: choice.logprobs,
            extra: choice.extra,
        });
        Self {
            id: chat.id,
            model: chat.model,
            created: chat.created,
            choices: choices.collect(),
            usage: chat.usage,
            extra: chat.extra,
        }
    }
}

fn text_of(parts: &[Part]) -> String {
    parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Finish, FinishReason};
    use crate::{Dialect, Usage};

    fn answer() -> ChatResponse {
        let mut signed = Part::thinking("hm");
        signed.signature = Some(Signature {
            dialect: Dialect::ANTHROPIC,
            value: "sig".to_owned(),
        });
        ChatResponse {
            id: Some("1".to_owned()),
            model: Some("m".to_owned()),
            created: Some(7),
            choices: vec![
                Choice {
                    parts: vec![
                        signed,
                        Part::text("Hello"),
                        Part::tool_call("a", "f", "{}"),
                        Part::tool_call("b", "g", "{\"x\":1}"),
                    ],
                    finish: Some(Finish::new(FinishReason::ToolCalls)),
                    ..Choice::default()
                },
                Choice {
                    index: 1,
                    parts: vec![Part::text("Bye")],
                    finish: Some(Finish::new(FinishReason::Stop)),
                    logprobs: Some(serde_json::json!({"content": [1, 2]})),
                    ..Choice::default()
                },
            ],
            usage: Some(Usage::new(3, 4)),
            ..ChatResponse::default()
        }
    }

    fn fold(groups: Vec<Vec<StreamEvent>>) -> Result<ChatResponse, RemoteError> {
        let mut fold = Fold::new();
        groups.into_iter().flatten().for_each(|e| fold.push(e));
        fold.finish()
    }

    #[test]
    fn an_answer_survives_the_way_through_its_events() {
        assert_eq!(fold(answer().into_events()), Ok(answer()));
    }

    #[test]
    fn fragments_are_joined_where_they_belong() {
        let call = |call, name: &str| StreamEvent::ToolCall {
            choice: 0,
            call,
            id: None,
            name: name.to_owned(),
            arguments: String::new(),
        };
        let more = |call, fragment: &str| StreamEvent::ToolArguments {
            choice: 0,
            call,
            fragment: fragment.to_owned(),
        };
        let answer = fold(vec![vec![
            call(0, "f"),
            call(1, "g"),
            more(0, "{\"a\""),
            more(1, "{}"),
            more(0, ":1}"),
        ]])
        .unwrap();
        let arguments: Vec<_> = answer.choices[0]
            .parts
            .iter()
            .map(|part| match &part.content {
                Content::ToolCall(call) => call.arguments.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(arguments, ["{\"a\":1}", "{}"]);
    }

    #[test]
    fn an_error_inside_the_stream_is_the_outcome() {
        let error = RemoteError {
            message: "overloaded".to_owned(),
            ..RemoteError::default()
        };
        let groups = vec![vec![StreamEvent::Error(error.clone())]];
        assert_eq!(fold(groups), Err(error));
    }
}
