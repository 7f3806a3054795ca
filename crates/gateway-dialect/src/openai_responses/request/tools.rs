//! Tools, and which of them may be called.

use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use gateway_schema::{Dialect, Extra};
use serde_json::Map;

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

/// Reads `tool_choice`.
pub(super) fn choice(reader: &mut Reader, node: Node<'_>) -> Option<ToolChoice> {
    let name = |node: &Node<'_>| {
        let is_function = node.get("type").and_then(Node::as_text) == Some("function");
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
            Some("function") => {
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
