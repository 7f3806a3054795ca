//! Items of the input: messages, calls, results of calls, reasoning.

use gateway_schema::chat::{Content, ContentForm, Message, Part, Role, Tool, ToolCall, ToolResult};
use gateway_schema::{Dialect, Extra};
use serde_json::Map;

use super::decode::{Reading, form_of};
use super::parts;
use super::tools::{self, Notes};
use crate::ToolKind;
use crate::node::{Fields, Node, Reader};
use crate::openai_responses::names;
use crate::openai_responses::signature::{self, Proof};

const OURS: Dialect = Dialect::OPENAI_RESPONSES;

/// Messages in the making: what the model said in a row is one message.
#[derive(Debug, Default)]
pub(super) struct Turns {
    messages: Vec<Message>,
}

impl Turns {
    fn said(&mut self, parts: impl IntoIterator<Item = Part>) -> &mut Message {
        if self
            .messages
            .last()
            .is_none_or(|last| last.role != Role::Assistant)
        {
            self.messages
                .push(Message::new(Role::Assistant, Vec::new()));
        }
        let at = self.messages.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is one, or it was just made")]
        let last = &mut self.messages[at];
        last.parts.extend(parts);
        last
    }

    pub(super) fn finish(mut self) -> Vec<Message> {
        for message in &mut self.messages {
            if message.role == Role::Assistant {
                message.form = form_of(&message.parts);
            }
        }
        self.messages
    }
}

/// Reads the items of the input.
pub(super) fn read(reading: &mut Reading, list: Vec<Node<'_>>) -> Vec<Message> {
    read_below(reading, "input", list)
}

/// Reads the items below a key.
pub(super) fn read_below(
    reading: &mut Reading,
    key: &'static str,
    list: Vec<Node<'_>>,
) -> Vec<Message> {
    let mut turns = Turns::default();
    for (index, node) in list.into_iter().enumerate() {
        let place = Place { key, index };
        item(reading, &mut turns, place, node);
    }
    turns.finish()
}

/// Where an item stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: &'static str,
    index: usize,
}

impl Place {
    fn read<T>(self, reading: &mut Reading, read: impl FnOnce(&mut Reader) -> T) -> T {
        reading
            .reader
            .at(self.key, |reader| reader.nth(self.index, read))
    }

    fn path(self) -> String {
        format!("{}[{}]", self.key, self.index)
    }
}

fn item(reading: &mut Reading, turns: &mut Turns, at: Place, node: Node<'_>) {
    let kind = node.get("type").and_then(Node::as_text).map(str::to_owned);
    let has_role = node.get("role").is_some();
    let by_server = node.get("execution").and_then(Node::as_text) != Some("client");
    let fields = match node {
        Node::Object(fields) => fields,
        Node::Text(text) => {
            turns.messages.push(Message::user(text));
            return;
        }
        other => return at.read(reading, |reader| reader.wrong(&other, "an item")),
    };
    match kind.as_deref() {
        Some("message") => message(reading, turns, at, fields),
        None if has_role => message(reading, turns, at, fields),
        Some("function_call") => call(reading, turns, at, (fields, ToolKind::Function)),
        Some("custom_tool_call") => call(reading, turns, at, (fields, ToolKind::Custom)),
        Some("local_shell_call") => call(reading, turns, at, (fields, ToolKind::LocalShell)),
        Some("tool_search_call") if !by_server => {
            call(reading, turns, at, (fields, ToolKind::ToolSearch));
        }
        Some("tool_search_output" | "additional_tools") => loaded(reading, turns, at, fields),
        Some("function_call_output" | "custom_tool_call_output" | "local_shell_call_output") => {
            result(reading, turns, at, fields);
        }
        Some("reasoning") => reasoning(turns, fields),
        Some("item_reference") => reading.refuse(
            "input",
            "referenced items are kept by OpenAI alone: send the items themselves",
        ),
        None => at.read(reading, |reader| {
            reader.missing(
                "type",
                "the kind of item, such as `message` or `function_call`",
            );
        }),
        Some(kind) => reading.losses.dropped(
            at.path(),
            format!("only the Responses API knows items of type `{kind}`"),
        ),
    }
}

fn message(reading: &mut Reading, turns: &mut Turns, at: Place, fields: Fields<'_>) {
    let (mut role, mut content) = (None, None);
    let mut extra = Map::new();
    for (key, node) in fields {
        match &*key {
            "role" => role = at.read(reading, |reader| reader.text("role", node)),
            "content" => content = Some(node),
            // Marks that say nothing to a model.
            "type" | "id" | "status" | "phase" => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(role) = role else {
        return at.read(reading, |reader| {
            reader.missing("role", "one of `user`, `assistant`, `system`, `developer`");
        });
    };
    let Some(content) = content else {
        return at.read(reading, |reader| {
            reader.missing("content", "a string or a list of parts");
        });
    };
    let mut form = ContentForm::Text;
    let parts = match content {
        Node::Text(text) => vec![Part::text(text)],
        Node::Null => Vec::new(),
        node @ Node::List(_) => {
            let parts = at
                .read(reading, |reader| reader.list("content", node, parts::part))
                .unwrap_or_default();
            form = form_of(&parts);
            parts
        }
        other => {
            return at.read(reading, |reader| {
                reader.at("content", |reader| {
                    reader.wrong(&other, "a string or a list of parts");
                });
            });
        }
    };
    let extra = Extra::of(OURS, extra);
    if role == "assistant" {
        let message = turns.said(parts);
        if message.extra.is_empty() {
            message.extra = extra;
        }
        return;
    }
    let role = match role.as_str() {
        "user" => Role::User,
        "system" => Role::System,
        "developer" => Role::Developer,
        _ => {
            return at.read(reading, |reader| {
                reader.at("role", |reader| {
                    let found = Node::Text(role.into());
                    reader.wrong(&found, "one of `user`, `assistant`, `system`, `developer`");
                });
            });
        }
    };
    let mut message = Message::new(role, parts);
    message.form = form;
    message.extra = extra;
    turns.messages.push(message);
}

/// A call of whatever kind.
fn call(reading: &mut Reading, turns: &mut Turns, at: Place, what: (Fields<'_>, ToolKind)) {
    let (fields, kind) = what;
    let called = at.read(reading, |reader| called(reader, fields, kind));
    let Some((namespace, mut call)) = called else {
        return;
    };
    call.name = reading.names.name(namespace.as_deref(), &call.name, kind);
    let why = match kind {
        ToolKind::Function => None,
        ToolKind::Custom => Some("a call with free text became one with JSON"),
        _ => Some("a call of a built-in tool became one of a function"),
    };
    if let Some(why) = why {
        reading.losses.approximated(at.path(), why);
    }
    turns.said([Part::new(Content::ToolCall(call))]);
}

/// Reads a call, and the namespace of its tool.
fn called(
    reader: &mut Reader,
    fields: Fields<'_>,
    kind: ToolKind,
) -> Option<(Option<String>, ToolCall)> {
    let said = match kind {
        ToolKind::Custom => "input",
        ToolKind::LocalShell => "action",
        _ => "arguments",
    };
    let (mut id, mut name, mut namespace, mut arguments) = (None, None, None, None);
    for (key, node) in fields {
        match &*key {
            "call_id" => id = reader.text("call_id", node),
            "name" => name = reader.text("name", node),
            "namespace" => namespace = reader.text("namespace", node),
            key if key == said => {
                arguments = match node {
                    Node::Object(mut fields) => {
                        let is_said = |key: &str, node: &Node<'_>| {
                            kind != ToolKind::LocalShell || (key != "type" && !node.is_void())
                        };
                        fields.retain(|(key, node)| is_said(key, node));
                        Some(Node::Object(fields).into_value().to_string())
                    }
                    node => reader.text(said, node),
                };
            }
            _ => {}
        }
    }
    if id.is_none() {
        reader.missing("call_id", "the id that the result refers to");
    }
    if matches!(kind, ToolKind::LocalShell | ToolKind::ToolSearch) {
        name = Some(names::built_in(kind).to_owned());
    }
    if name.is_none() {
        reader.missing("name", "the name of the tool");
    }
    let mut arguments = arguments.unwrap_or_default();
    if kind == ToolKind::Custom {
        arguments = serde_json::json!({"input": arguments}).to_string();
    }
    let id = Some(id?);
    let name = name?;
    Some((
        namespace.filter(|it| !it.is_empty()),
        ToolCall {
            id,
            name,
            arguments,
        },
    ))
}

/// Tools that may be called from here on; what a search of the client's found is the result of its call, too.
fn loaded(reading: &mut Reading, turns: &mut Turns, at: Place, fields: Fields<'_>) {
    let (mut id, mut list) = (None, None);
    for (key, node) in fields {
        match &*key {
            "call_id" => id = node.into_text(),
            "tools" => list = Some(node),
            _ => {}
        }
    }
    let path = format!("{}.", at.path());
    let Reading {
        reader,
        losses,
        names,
        ..
    } = reading;
    let mut notes = Notes { losses, names };
    let tools = list.and_then(|node| {
        reader.at(at.key, |reader| {
            reader.nth(at.index, |reader| {
                tools::list(reader, &mut notes, &path, node)
            })
        })
    });
    let tools = tools.unwrap_or_default();
    if let Some(call_id) = id {
        let names: Vec<&str> = tools
            .iter()
            .filter_map(|tool| match tool {
                Tool::Function(tool) => Some(tool.name.as_str()),
                _ => None,
            })
            .collect();
        let text = serde_json::json!({ "tools": names }).to_string();
        losses.approximated(
            at.path(),
            "the tools that were found became a list of names",
        );
        let result = ToolResult::text(call_id, text);
        let message = Message::new(Role::Tool, vec![Content::ToolResult(result).into()]);
        turns.messages.push(message);
    }
    reading.declared.extend(tools);
}

fn result(reading: &mut Reading, turns: &mut Turns, at: Place, fields: Fields<'_>) {
    let (mut id, mut output) = (None, None);
    let is_shell = fields
        .iter()
        .any(|(key, node)| key == "type" && node.as_text() == Some("local_shell_call_output"));
    for (key, node) in fields {
        match &*key {
            "call_id" => id = at.read(reading, |reader| reader.text("call_id", node)),
            // The shell's outputs name their call here.
            "id" if is_shell => id = id.or(node.into_text()),
            "output" => output = Some(node),
            _ => {}
        }
    }
    let Some(call_id) = id else {
        return at.read(reading, |reader| {
            reader.missing("call_id", "the id of the call that this is the result of");
        });
    };
    let (parts, form) = match output {
        Some(Node::Text(text)) => (vec![Part::text(text)], ContentForm::Text),
        Some(node @ Node::List(_)) => {
            let parts = at.read(reading, |reader| reader.list("output", node, parts::part));
            (parts.unwrap_or_default(), ContentForm::Parts)
        }
        Some(Node::Null) => (Vec::new(), ContentForm::Text),
        Some(other) => (
            vec![Part::text(other.into_value().to_string())],
            ContentForm::Text,
        ),
        None => {
            return at.read(reading, |reader| {
                reader.missing("output", "a string or a list of parts");
            });
        }
    };
    let result = Content::ToolResult(ToolResult {
        call_id,
        name: None,
        parts,
        form,
        is_error: false,
    });
    let mut message = Message::new(Role::Tool, vec![result.into()]);
    message.form = form;
    turns.messages.push(message);
}

/// Reasoning, with the proof of whoever made it.
fn reasoning(turns: &mut Turns, fields: Fields<'_>) {
    let (mut id, mut summary, mut whole, mut proof) = (None, Vec::new(), Vec::new(), None);
    let mut extra = Map::new();
    for (key, node) in fields {
        match &*key {
            "type" | "status" => {}
            "id" => id = node.into_text(),
            "summary" => summary = texts(node),
            "content" => whole = texts(node),
            "encrypted_content" => proof = node.into_text().as_deref().map(signature::read),
            _ if node.is_null() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let text = if whole.is_empty() { summary } else { whole }.join("\n\n");
    let mut part = match proof {
        Some(Proof::Before(signature)) => {
            let last = turns
                .messages
                .last_mut()
                .filter(|last| last.role == Role::Assistant);
            if let Some(part) = last.and_then(|last| last.parts.last_mut()) {
                part.signature = Some(signature);
            }
            return;
        }
        Some(Proof::Redacted(data)) => Part::new(Content::RedactedThinking { data, id }),
        Some(Proof::Own(signature)) => {
            let mut part = Part::new(Content::Thinking { text, id });
            part.signature = Some(signature);
            part
        }
        None if text.is_empty() => return,
        None => Part::new(Content::Thinking { text, id }),
    };
    part.extra = Extra::of(OURS, extra);
    turns.said([part]);
}

fn texts(node: Node<'_>) -> Vec<String> {
    match node {
        Node::Text(text) => vec![text.into_owned()],
        node => node
            .into_list()
            .iter()
            .filter_map(|item| item.get("text").and_then(Node::as_text))
            .map(str::to_owned)
            .collect(),
    }
}
