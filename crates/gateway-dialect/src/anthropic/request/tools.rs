//! Tools and the choice among them.

use std::borrow::Cow;

use gateway_schema::Dialect;
use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::block::CacheOut;
use super::encode::Encoding;

/// A tool on its way out.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Kept(&'a Value),
    Function(FunctionOut<'a>),
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheOut<'a>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// `tool_choice`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Kept(&'a Value),
    Made {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        disable_parallel_tool_use: Option<bool>,
    },
}

impl ChoiceOut<'_> {
    /// True when a tool must be called.
    pub(super) fn is_forced(&self) -> bool {
        matches!(
            self,
            Self::Made {
                kind: "any" | "tool",
                ..
            }
        )
    }
}

type Written<'a> = (Option<Vec<ToolOut<'a>>>, Option<ChoiceOut<'a>>);

/// Writes the tools and the choice among them.
pub(super) fn write<'a>(encoding: &mut Encoding<'a>) -> Written<'a> {
    let request = encoding.request;
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let mut tools = None;
    if let Some(given) = &request.tools {
        let mut out = Vec::with_capacity(given.len());
        for (index, item) in given.iter().enumerate() {
            match item {
                Tool::Function(function) => {
                    if allowed.is_none_or(|names| names.contains(&function.name)) {
                        out.push(ToolOut::Function(encoding.function(index, function)));
                    }
                }
                Tool::Opaque { dialect, value } if *dialect == Dialect::ANTHROPIC => {
                    out.push(ToolOut::Kept(value));
                }
                Tool::Opaque { dialect, .. } => encoding.losses.dropped(
                    format!("tools[{index}]"),
                    format!("only {dialect} has this tool"),
                ),
                _ => encoding
                    .losses
                    .dropped(format!("tools[{index}]"), "Anthropic has no such tool"),
            }
        }
        tools = Some(out);
    }
    if allowed.is_some() {
        encoding.losses.approximated(
            "tool_choice",
            "Anthropic has no list of allowed tools; the others are not offered",
        );
    }
    let has_tools = tools.as_ref().is_some_and(|tools| !tools.is_empty());
    (tools, encoding.choice(has_tools))
}

impl<'a> Encoding<'a> {
    fn function(&mut self, index: usize, function: &'a FunctionTool) -> FunctionOut<'a> {
        if let Some(dialect) = function.extra.dialect()
            && dialect != Dialect::ANTHROPIC
        {
            for key in function.extra.fields().keys() {
                self.losses.dropped(
                    format!("tools[{index}].{key}"),
                    format!("only {dialect} knows this field"),
                );
            }
        }
        let extra = function.extra.for_dialect(Dialect::ANTHROPIC);
        let strict = function.strict.filter(|_| self.traits.takes_schemas());
        if strict.is_none() && function.strict == Some(true) {
            self.losses.dropped(
                format!("tools[{index}].strict"),
                "this model has no strict tools",
            );
        }
        FunctionOut {
            name: &function.name,
            description: function.description.as_deref(),
            input_schema: input_schema(function.parameters.as_ref()),
            strict,
            cache_control: CacheOut::of(function.cache.as_ref(), extra),
            extra: extra.filter(|extra| !extra.is_empty()),
        }
    }

    fn choice(&mut self, has_tools: bool) -> Option<ChoiceOut<'a>> {
        let request = self.request;
        let parallel = request.parallel_tool_calls;
        let (kind, name) = match &request.tool_choice {
            // Parallel calls are the default, so only their absence must be said.
            None if parallel == Some(false) && has_tools => ("auto", None),
            None => return None,
            Some(
                ToolChoice::Auto
                | ToolChoice::Allowed {
                    required: false, ..
                },
            ) => ("auto", None),
            Some(ToolChoice::None) => ("none", None),
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                ("any", None)
            }
            Some(ToolChoice::Function(name)) => ("tool", Some(name.as_str())),
            Some(ToolChoice::Opaque { dialect, value }) if *dialect == Dialect::ANTHROPIC => {
                return Some(ChoiceOut::Kept(value));
            }
            Some(_) => {
                self.losses
                    .dropped("tool_choice", "Anthropic has no such choice");
                return None;
            }
        };
        if !has_tools && matches!(kind, "auto" | "none") {
            return None;
        }
        if matches!(kind, "any" | "tool") && self.traits.refuses_forced_tools() {
            self.losses
                .approximated("tool_choice", "this model cannot be forced to call a tool");
            return Some(made("auto", None, parallel));
        }
        Some(made(kind, name, parallel.filter(|_| kind != "none")))
    }
}

fn made<'a>(kind: &'static str, name: Option<&'a str>, parallel: Option<bool>) -> ChoiceOut<'a> {
    ChoiceOut::Made {
        kind,
        name,
        disable_parallel_tool_use: parallel.map(|parallel| !parallel),
    }
}

/// The schema of the arguments. The API demands an object at the root.
fn input_schema(parameters: Option<&Value>) -> Cow<'_, Value> {
    match parameters {
        None => Cow::Owned(json!({"type": "object", "properties": {}})),
        Some(Value::Object(fields)) if !fields.contains_key("type") => {
            let mut fields = fields.clone();
            fields.insert("type".to_owned(), "object".into());
            Cow::Owned(Value::Object(fields))
        }
        Some(schema) => Cow::Borrowed(schema),
    }
}
