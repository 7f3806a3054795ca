//! Tools, and which of them may be called.

use std::sync::LazyLock;

use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use gateway_schema::{Dialect, Extra};
use memchr::memmem::Finder;
use serde_json::{Map, Value, json};

use crate::node::{Node, Reader};

const OURS: Dialect = Dialect::OPENAI_RESPONSES;

/// Reads one tool. Whatever is no function is known to this dialect alone.
pub(super) fn tool(reader: &mut Reader, node: Node<'_>) -> Option<Tool> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object with a `type`");
        return None;
    }
    match node.get("type").and_then(Node::as_text) {
        Some("function") => function(reader, node).map(Tool::Function),
        Some("custom") => custom(reader, node).map(Tool::Function),
        Some(_) => Some(Tool::Opaque {
            dialect: OURS,
            value: node.into_value(),
        }),
        None => {
            reader.missing("type", "the kind of tool, such as `function`");
            None
        }
    }
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

/// The names of the tools in the text of `tools` that take free text.
pub fn custom_tools(tools: &[u8]) -> Vec<String> {
    static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"custom\""));
    if MARK.find(tools).is_none() {
        return Vec::new();
    }
    let tools: Vec<Value> = serde_json::from_slice(tools).unwrap_or_default();
    let name = |tool: &Value| {
        (tool.get("type")? == "custom")
            .then(|| Some(tool.get("name")?.as_str()?.to_owned()))
            .flatten()
    };
    tools.iter().filter_map(name).collect()
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
pub(super) fn choice(reader: &mut Reader, node: Node<'_>) -> Option<ToolChoice> {
    let name = |node: &Node<'_>| {
        let kind = node.get("type").and_then(Node::as_text);
        let is_function = matches!(kind, Some("function" | "custom"));
        Some(node.get("name")?.as_text()?.to_owned()).filter(|_| is_function)
    };
    match &node {
        Node::Text(word) => match &**word {
            "auto" => return Some(ToolChoice::Auto),
            "none" => return Some(ToolChoice::None),
            "required" => return Some(ToolChoice::Required),
            _ => {}
        },
        Node::Object(_) => match node.get("type").and_then(Node::as_text) {
            Some("function" | "custom") => {
                if let Some(name) = name(&node) {
                    return Some(ToolChoice::Function(name));
                }
                reader.at("tool_choice", |reader| {
                    reader.missing("name", "the name of the function");
                });
                return None;
            }
            Some("allowed_tools") => {
                let names = match node.get("tools") {
                    Some(Node::List(tools)) => tools.iter().map(name).collect::<Option<_>>(),
                    _ => None,
                };
                if let Some(names) = names {
                    let required = node.get("mode").and_then(Node::as_text) == Some("required");
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
