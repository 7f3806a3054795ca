//! Tools, and which of them may be called.

use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use gateway_schema::{Dialect, Extra, Losses};
use serde_json::{Map, json};

use super::decode::Reading;
use crate::ToolKind;
use crate::node::{Node, Reader};
use crate::openai_responses::names::{self, Names};

const OURS: Dialect = Dialect::OPENAI_RESPONSES;

/// Reads the request's own list of tools.
pub(super) fn read(reading: &mut Reading, node: Node<'_>) -> Option<Vec<Tool>> {
    let Reading {
        reader,
        losses,
        names,
        ..
    } = reading;
    list(reader, &mut Notes { losses, names }, "", node)
}

/// Adds tools that were declared later; one that is declared twice counts once.
pub(super) fn add(tools: &mut Option<Vec<Tool>>, declared: Vec<Tool>) {
    for tool in declared {
        let tools = tools.get_or_insert_default();
        let is_new = match &tool {
            Tool::Function(new) => !tools
                .iter()
                .any(|known| matches!(known, Tool::Function(known) if known.name == new.name)),
            other => !tools.contains(other),
        };
        if is_new {
            tools.push(tool);
        }
    }
}

/// What tools are read with, besides the reader.
pub(super) struct Notes<'a> {
    pub(super) losses: &'a mut Losses,
    pub(super) names: &'a Names,
}

/// Reads the list `tools` at the current place, which is `path`. Whatever the client does not call itself is known to
/// this dialect alone.
pub(super) fn list(
    reader: &mut Reader,
    notes: &mut Notes<'_>,
    path: &str,
    node: Node<'_>,
) -> Option<Vec<Tool>> {
    let mut index = 0;
    let tools = reader.list("tools", node, |reader, node| {
        let path = format!("{path}tools[{index}]");
        index += 1;
        tool(reader, notes, &path, node)
    });
    tools.map(|lists| lists.into_iter().flatten().collect())
}

/// Reads one entry: a tool, or all of a namespace.
fn tool(
    reader: &mut Reader,
    notes: &mut Notes<'_>,
    path: &str,
    node: Node<'_>,
) -> Option<Vec<Tool>> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object with a `type`");
        return None;
    }
    let one = |tool: Option<FunctionTool>| Some(vec![Tool::Function(tool?)]);
    match (node.get("type").and_then(Node::as_text), names::kind(&node)) {
        (_, Some(ToolKind::Function)) => one(function(reader, node)),
        (_, Some(ToolKind::Custom)) => one(custom(reader, node)),
        (_, Some(kind)) => {
            notes.losses.approximated(
                path,
                "a tool that is built into the Responses API became a function",
            );
            one(Some(built_in(notes.names, kind, node)))
        }
        (Some("namespace"), _) => namespace(reader, notes.names, node),
        (Some(_), None) => Some(vec![Tool::Opaque {
            dialect: OURS,
            value: node.into_value(),
        }]),
        (None, None) => {
            reader.missing("type", "the kind of tool, such as `function`");
            None
        }
    }
}

/// Reads the tools of a namespace. What is said of all of them stands at the first.
fn namespace(reader: &mut Reader, names: &Names, node: Node<'_>) -> Option<Vec<Tool>> {
    let (mut name, mut description, mut tools) = (None, None, None);
    for (key, node) in node.into_fields() {
        match &*key {
            "name" => name = reader.text("name", node),
            "description" => description = reader.text("description", node),
            "tools" => tools = Some(node),
            _ => {}
        }
    }
    let Some(name) = name else {
        reader.missing("name", "the name of the namespace");
        return None;
    };
    let Some(tools) = tools else {
        reader.missing("tools", "the tools of the namespace");
        return None;
    };
    let mut tools = reader.list("tools", tools, |reader, node| {
        let kind = names::kind(&node);
        let mut tool = match kind {
            Some(ToolKind::Function) => function(reader, node),
            Some(ToolKind::Custom) => custom(reader, node),
            _ => {
                reader.wrong(&node, "a tool of the type `function` or `custom`");
                None
            }
        }?;
        tool.name = names.name(Some(&name), &tool.name, kind.unwrap_or_default());
        Some(tool)
    })?;
    let said = description.filter(|text| !text.is_empty());
    if let (Some(said), Some(first)) = (said, tools.first_mut()) {
        let own = first.description.take().unwrap_or_default();
        let text = format!("{own}\n\nOf all tools of `{name}`: {said}");
        first.description = Some(text.trim_start().to_owned());
    }
    Some(tools.into_iter().map(Tool::Function).collect())
}

/// A function in the place of a tool that models of this API know without being told.
fn built_in(names: &Names, kind: ToolKind, node: Node<'_>) -> FunctionTool {
    let mut tool = FunctionTool::new(names.name(None, names::built_in(kind), kind));
    if kind == ToolKind::LocalShell {
        tool.description =
            Some("Runs a command on the user's machine and returns what it printed.".to_owned());
        tool.parameters = Some(json!({
            "type": "object",
            "properties": {
                "command": {"type": "array", "items": {"type": "string"}, "description": "The program and its arguments."},
                "working_directory": {"type": "string"},
                "timeout_ms": {"type": "integer"},
            },
            "required": ["command"],
        }));
        return tool;
    }
    for (key, node) in node.into_fields() {
        match (&*key, node) {
            ("description", Node::Text(text)) => tool.description = Some(text.into_owned()),
            ("parameters", node @ Node::Object(_)) => tool.parameters = Some(node.into_value()),
            _ => {}
        }
    }
    tool
}

fn function(reader: &mut Reader, node: Node<'_>) -> Option<FunctionTool> {
    let mut tool = FunctionTool::default();
    let mut name = None;
    let mut extra = Map::new();
    for (key, node) in node.into_fields() {
        match &*key {
            "type" => {}
            "name" => name = reader.text("name", node),
            "description" => tool.description = reader.text("description", node),
            _ if node.is_null() => {}
            "parameters" => tool.parameters = Some(node.into_value()),
            "strict" => tool.strict = reader.bool("strict", &node),
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(name) = name else {
        reader.missing("name", "the name of the function");
        return None;
    };
    tool.name = name;
    tool.extra = Extra::of(OURS, extra);
    Some(tool)
}

/// Reads a tool that takes free text: elsewhere a function with one text. What it was stays beside it.
fn custom(reader: &mut Reader, node: Node<'_>) -> Option<FunctionTool> {
    let mut tool = FunctionTool::default();
    let mut name = None;
    let mut description = None;
    let mut extra = Map::new();
    for (key, node) in node.into_fields() {
        match &*key {
            "name" => name = reader.text("name", node),
            "description" => description = reader.text("description", node),
            _ if node.is_null() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(name) = name else {
        reader.missing("name", "the name of the tool");
        return None;
    };
    let mut said = description.unwrap_or_default();
    if !said.is_empty() {
        said.push_str("\n\n");
    }
    said.push_str("`input` is free text, not JSON.");
    let grammar = |key: &str| extra.get("format")?.get(key)?.as_str();
    if let (Some(syntax), Some(definition)) = (grammar("syntax"), grammar("definition")) {
        for piece in [" It follows this ", syntax, " grammar:\n", definition] {
            said.push_str(piece);
        }
    }
    tool.name = name;
    tool.description = Some(said);
    tool.parameters = Some(json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": false,
    }));
    tool.extra = Extra::of(OURS, extra);
    Some(tool)
}

/// Reads `tool_choice`.
pub(super) fn choice(reader: &mut Reader, names: &Names, node: Node<'_>) -> Option<ToolChoice> {
    match &node {
        Node::Text(word) => match &**word {
            "auto" => return Some(ToolChoice::Auto),
            "none" => return Some(ToolChoice::None),
            "required" => return Some(ToolChoice::Required),
            _ => {}
        },
        Node::Object(_) => match node.get("type").and_then(Node::as_text) {
            Some("function" | "custom") => {
                if let Some(name) = chosen(names, &node).and_then(|mut it| it.pop()) {
                    return Some(ToolChoice::Function(name));
                }
                reader.at("tool_choice", |reader| {
                    reader.missing("name", "the name of the function");
                });
                return None;
            }
            Some("allowed_tools") => {
                let chosen: Option<Vec<_>> = match node.get("tools") {
                    Some(Node::List(tools)) => tools.iter().map(|it| chosen(names, it)).collect(),
                    _ => None,
                };
                if let Some(chosen) = chosen {
                    let required = node.get("mode").and_then(Node::as_text) == Some("required");
                    let names = chosen.into_iter().flatten().collect();
                    return Some(ToolChoice::Allowed { names, required });
                }
            }
            _ => {}
        },
        other => {
            reader.at("tool_choice", |reader| {
                reader.wrong(other, "`auto`, `none`, `required` or an object");
            });
            return None;
        }
    }
    Some(ToolChoice::Opaque {
        dialect: OURS,
        value: node.into_value(),
    })
}

/// The tools that an entry of a choice means; `None` for those that are known to this dialect alone.
fn chosen(names: &Names, node: &Node<'_>) -> Option<Vec<String>> {
    let text = |key: &str| node.get(key).and_then(Node::as_text);
    if let Some(kind) = names::kind(node) {
        return Some(vec![match text("name") {
            Some(name) => names.chosen(text("namespace"), name),
            None if matches!(kind, ToolKind::Function | ToolKind::Custom) => return None,
            None => names.name(None, names::built_in(kind), kind),
        }]);
    }
    let is_namespace = text("type") == Some("namespace");
    Some(
        names
            .within(text("name").filter(|_| is_namespace)?)
            .collect(),
    )
}
