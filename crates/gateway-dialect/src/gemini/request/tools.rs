//! Tools and the choice among them.

use std::borrow::Cow;

use gateway_schema::Dialect;
use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use serde::Serialize;
use serde_json::{Map, Value};

use super::encode::Encoding;

/// A tool on its way out: functions together, or one of Google's own.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Kept(&'a Value),
    Functions {
        #[serde(rename = "functionDeclarations")]
        declarations: Vec<FunctionOut<'a>>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Cow<'a, Value>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// `toolConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_calling_config: Option<Calling<'a>>,
    #[serde(flatten)]
    rest: Option<&'a Map<String, Value>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<&'a str>,
}

type Written<'a> = (Option<Vec<ToolOut<'a>>>, Option<ConfigOut<'a>>);

/// Writes the tools and the choice among them.
pub(super) fn write<'a>(encoding: &mut Encoding<'a>) -> Written<'a> {
    let request = encoding.request;
    let mut functions = Vec::new();
    let mut own = Vec::new();
    for (index, tool) in request.tools.iter().flatten().enumerate() {
        match tool {
            Tool::Function(function) => functions.push(encoding.function(index, function)),
            Tool::Opaque { dialect, value } if *dialect == Dialect::GEMINI => {
                own.push(ToolOut::Kept(value));
            }
            Tool::Opaque { dialect, .. } => encoding.losses.dropped(
                format!("tools[{index}]"),
                format!("only {dialect} has this tool"),
            ),
            _ => encoding
                .losses
                .dropped(format!("tools[{index}]"), "Gemini has no such tool"),
        }
    }
    let has_functions = !functions.is_empty();
    let mut tools = Vec::new();
    if has_functions {
        tools.push(ToolOut::Functions {
            declarations: functions,
        });
    }
    tools.append(&mut own);
    let calling = encoding.calling(has_functions);
    let rest = request
        .extra
        .for_dialect(Dialect::GEMINI)
        .and_then(|extra| extra.get("toolConfig")?.as_object());
    let config = (calling.is_some() || rest.is_some()).then_some(ConfigOut {
        function_calling_config: calling,
        rest,
    });
    ((!tools.is_empty()).then_some(tools), config)
}

impl<'a> Encoding<'a> {
    fn function(&mut self, index: usize, function: &'a FunctionTool) -> FunctionOut<'a> {
        if let Some(dialect) = function.extra.dialect()
            && dialect != Dialect::GEMINI
        {
            for key in function.extra.fields().keys() {
                self.losses.dropped(
                    format!("tools[{index}].{key}"),
                    format!("only {dialect} knows this field"),
                );
            }
        }
        if function.strict == Some(true) {
            self.losses.dropped(
                format!("tools[{index}].strict"),
                "Gemini has no strict functions",
            );
        }
        if function.cache.is_some() {
            self.losses.dropped(
                format!("tools[{index}].cache_control"),
                "Gemini caches by itself, or by a name made before",
            );
        }
        FunctionOut {
            name: &function.name,
            description: function.description.as_deref(),
            parameters_json_schema: function.parameters.as_ref().map(Cow::Borrowed),
            extra: function.extra.for_dialect(Dialect::GEMINI),
        }
    }

    fn calling(&mut self, has_functions: bool) -> Option<Calling<'a>> {
        let names = |names: &'a [String]| names.iter().map(String::as_str).collect();
        let (mode, allowed_function_names) = match self.request.tool_choice.as_ref()? {
            // What MLflow leaves out, as the API's own default.
            ToolChoice::Auto if self.is_mlflow() => return None,
            ToolChoice::Auto => ("AUTO", Vec::new()),
            ToolChoice::None => ("NONE", Vec::new()),
            ToolChoice::Required => ("ANY", Vec::new()),
            ToolChoice::Function(name) => ("ANY", vec![name.as_str()]),
            ToolChoice::Allowed {
                names: allowed,
                required: true,
            } => ("ANY", names(allowed)),
            ToolChoice::Allowed { names: allowed, .. } => ("VALIDATED", names(allowed)),
            _ => {
                self.losses
                    .dropped("tool_choice", "Gemini has no such choice");
                return None;
            }
        };
        // A choice among nothing is refused by the API.
        let own = self.request.extra.dialect() == Some(Dialect::GEMINI);
        (has_functions || own).then_some(Calling {
            mode,
            allowed_function_names,
        })
    }
}
