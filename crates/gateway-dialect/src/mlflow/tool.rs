//! Tools and tool choice.

use gateway_schema::chat::{FunctionTool, Tool, ToolChoice};
use gateway_schema::{Dialect, Extra};
use serde_json::Value;

use super::check::{Check, Step};

/// One tool. The schema of its arguments is kept whole, where MLflow strips it.
pub(super) fn tool(check: &mut Check, value: &Value) -> Option<Tool> {
    let fields = check.object(value)?;
    let kind = check.required(value, "type", |check, value| {
        check.literal(value, &["function", "uc_function"])
    });
    let function = check.optional(fields, "function", function);
    check.optional(fields, "uc_function", |check, value| {
        check.object(value)?;
        check.required(value, "name", Check::text)
    });
    match (kind?, function) {
        ("function", Some(function)) => Some(Tool::Function(function)),
        _ => Some(Tool::Opaque {
            dialect: Dialect::OPENAI,
            value: value.clone(),
        }),
    }
}

fn function(check: &mut Check, value: &Value) -> Option<FunctionTool> {
    let fields = check.object(value)?;
    let name = check.required(value, "name", Check::text);
    let description = check.optional(fields, "description", Check::text);
    let parameters = check.optional(fields, "parameters", |check, value| {
        check.object(value).map(|_| value.clone())
    });
    let strict = check.optional(fields, "strict", Check::boolean);
    let mut out = FunctionTool::new(name?);
    out.description = description;
    out.parameters = parameters;
    out.strict = strict;
    let known = ["name", "description", "parameters", "strict"];
    let extra = fields
        .iter()
        .filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
    out.extra = Extra::of(
        Dialect::MLFLOW,
        extra
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    );
    Some(out)
}

/// Which tools may or must be called.
pub(super) fn choice(check: &mut Check, value: &Value) -> Option<ToolChoice> {
    let mark = check.mark();
    let word = check.at(Step::Key("literal['none','auto','required']"), |check| {
        check.literal(value, &["none", "auto", "required"])
    });
    match word {
        Some("none") => return Some(ToolChoice::None),
        Some("auto") => return Some(ToolChoice::Auto),
        Some(_) => return Some(ToolChoice::Required),
        None => {}
    }
    let name = check.at(Step::Key("ToolChoice"), |check| {
        check.object(value)?;
        let kind = check.required(value, "type", |check, value| {
            check.literal(value, &["function"])
        });
        let name = check.required(value, "function", |check, value| {
            check.object(value)?;
            check.required(value, "name", Check::text)
        });
        kind.and(name)
    })?;
    check.forget(mark);
    Some(ToolChoice::Function(name))
}
