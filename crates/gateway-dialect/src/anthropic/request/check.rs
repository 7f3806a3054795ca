//! What is wrong with a request: every field at once, with its path.

use gateway_schema::{FieldError, PathSegment};
use serde_json::{Map, Value};

use super::decode::Purpose;

/// Roles that the API knows.
const ROLES: [&str; 3] = ["user", "assistant", "system"];

/// Required fields of the content blocks that the gateway reads: kind, field, what it must be.
const BLOCKS: &[(&str, &str, Expect)] = &[
    ("text", "text", Expect::Text),
    ("image", "source", Expect::Object),
    ("document", "source", Expect::Object),
    ("tool_use", "id", Expect::Text),
    ("tool_use", "name", Expect::Text),
    ("tool_use", "input", Expect::Any),
    ("tool_result", "tool_use_id", Expect::Text),
    ("thinking", "thinking", Expect::Text),
    ("redacted_thinking", "data", Expect::Text),
];

/// Optional fields of a request.
const OPTIONAL: &[(&str, Expect)] = &[
    ("model", Expect::Text),
    ("temperature", Expect::Number),
    ("top_p", Expect::Number),
    ("top_k", Expect::Count),
    ("stream", Expect::Bool),
    ("service_tier", Expect::Text),
    ("metadata", Expect::Object),
    ("output_config", Expect::Object),
    ("output_format", Expect::Object),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Any,
    Text,
    Number,
    Count,
    Bool,
    Object,
}

impl Expect {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Count => value.is_u64(),
            Self::Bool => value.is_boolean(),
            Self::Object => value.is_object(),
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Any => ("any_type", "a value"),
            Self::Text => ("string_type", "a string"),
            Self::Number => ("float_type", "a number"),
            Self::Count => ("int_type", "a whole number of 0 or more"),
            Self::Bool => ("bool_type", "true or false"),
            Self::Object => ("dict_type", "an object"),
        }
    }
}

/// Finds faults and remembers the way to the current field.
#[derive(Default)]
struct Checker {
    path: Vec<PathSegment>,
    faults: Vec<FieldError>,
}

/// Everything that is wrong with `body`.
pub(super) fn request(body: &Value, purpose: Purpose) -> Vec<FieldError> {
    let mut checker = Checker::default();
    match body.as_object() {
        Some(fields) => checker.request(fields, purpose),
        None => checker.fault(
            "dict_type",
            format!("must be an object, found {}", name(body)),
        ),
    }
    checker.faults
}

/// What a value is, in words.
fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn present<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

impl Checker {
    fn fault(&mut self, code: &'static str, message: impl Into<String>) {
        self.faults
            .push(FieldError::new(self.path.clone(), code, message));
    }

    fn at(&mut self, step: impl Into<PathSegment>, check: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        check(self);
        self.path.pop();
    }

    fn wrong(&mut self, value: &Value, expect: Expect) {
        let (code, wanted) = expect.words();
        self.fault(code, format!("must be {wanted}, found {}", name(value)));
    }

    fn optional(&mut self, fields: &Map<String, Value>, key: &str, expect: Expect) {
        if let Some(value) = present(fields, key)
            && !expect.holds(value)
        {
            self.at(key, |checker| checker.wrong(value, expect));
        }
    }

    fn required(&mut self, fields: &Map<String, Value>, key: &str, expect: Expect) {
        if fields
            .get(key)
            .is_none_or(|value| value.is_null() && expect != Expect::Any)
        {
            self.missing(key);
        } else {
            self.optional(fields, key, expect);
        }
    }

    fn missing(&mut self, key: &str) {
        self.at(key, |checker| {
            checker.fault("missing", "this field is required");
        });
    }

    fn list<'a>(&mut self, value: &'a Value) -> &'a [Value] {
        match value {
            Value::Array(items) => items,
            other => {
                self.fault(
                    "list_type",
                    format!("must be a list, found {}", name(other)),
                );
                &[]
            }
        }
    }

    fn object<'a>(&mut self, value: &'a Value) -> Option<&'a Map<String, Value>> {
        let fields = value.as_object();
        if fields.is_none() {
            self.wrong(value, Expect::Object);
        }
        fields
    }

    fn request(&mut self, fields: &Map<String, Value>, purpose: Purpose) {
        match purpose {
            Purpose::Turn => self.required(fields, "max_tokens", Expect::Count),
            Purpose::Count => self.optional(fields, "max_tokens", Expect::Count),
        }
        match present(fields, "messages") {
            None => self.missing("messages"),
            Some(messages) => self.at("messages", |checker| checker.messages(messages)),
        }
        if let Some(system) = present(fields, "system") {
            self.at("system", |checker| checker.content(system));
        }
        for (key, expect) in OPTIONAL {
            self.optional(fields, key, *expect);
        }
        if let Some(stops) = present(fields, "stop_sequences") {
            self.at("stop_sequences", |checker| {
                for (index, stop) in checker.list(stops).iter().enumerate() {
                    if !stop.is_string() {
                        checker.at(index, |checker| checker.wrong(stop, Expect::Text));
                    }
                }
            });
        }
        if let Some(tools) = present(fields, "tools") {
            self.at("tools", |checker| {
                for (index, tool) in checker.list(tools).iter().enumerate() {
                    checker.at(index, |checker| checker.tool(tool));
                }
            });
        }
        self.nested(fields);
    }

    fn nested(&mut self, fields: &Map<String, Value>) {
        if let Some(choice) = present(fields, "tool_choice") {
            self.at("tool_choice", |checker| {
                let Some(fields) = checker.object(choice) else {
                    return;
                };
                checker.required(fields, "type", Expect::Text);
                checker.optional(fields, "disable_parallel_tool_use", Expect::Bool);
                if fields.get("type").is_some_and(|kind| kind == "tool") {
                    checker.required(fields, "name", Expect::Text);
                }
            });
        }
        if let Some(thinking) = present(fields, "thinking") {
            self.at("thinking", |checker| {
                if let Some(fields) = checker.object(thinking) {
                    checker.required(fields, "type", Expect::Text);
                    checker.optional(fields, "budget_tokens", Expect::Count);
                }
            });
        }
        if let Some(Value::Object(metadata)) = fields.get("metadata") {
            self.at("metadata", |checker| {
                checker.optional(metadata, "user_id", Expect::Text);
            });
        }
        if let Some(Value::Object(format)) = fields.get("output_format") {
            self.at("output_format", |checker| checker.format(format));
        }
        if let Some(Value::Object(output)) = fields.get("output_config") {
            self.at("output_config", |checker| {
                checker.optional(output, "effort", Expect::Text);
                checker.optional(output, "format", Expect::Object);
                if let Some(Value::Object(format)) = output.get("format") {
                    checker.at("format", |checker| checker.format(format));
                }
            });
        }
    }

    fn format(&mut self, fields: &Map<String, Value>) {
        match fields.get("type") {
            Some(Value::String(kind)) if kind == "json_schema" => {}
            None => self.missing("type"),
            Some(_) => self.at("type", |checker| {
                checker.fault("literal_error", "must be 'json_schema'");
            }),
        }
        self.required(fields, "schema", Expect::Any);
    }

    fn messages(&mut self, value: &Value) {
        let messages = self.list(value);
        if messages.is_empty() && value.is_array() {
            self.fault("too_short", "must hold at least one message");
        }
        for (index, message) in messages.iter().enumerate() {
            self.at(index, |checker| {
                let Some(fields) = checker.object(message) else {
                    return;
                };
                checker.required(fields, "role", Expect::Text);
                if let Some(Value::String(role)) = fields.get("role")
                    && !ROLES.contains(&role.as_str())
                {
                    checker.at("role", |checker| {
                        checker.fault(
                            "literal_error",
                            format!("must be 'user' or 'assistant', found '{role}'"),
                        );
                    });
                }
                match present(fields, "content") {
                    None => checker.missing("content"),
                    Some(content) => checker.at("content", |checker| checker.content(content)),
                }
            });
        }
    }

    fn content(&mut self, value: &Value) {
        match value {
            Value::String(_) => {}
            Value::Array(blocks) => {
                for (index, block) in blocks.iter().enumerate() {
                    self.at(index, |checker| {
                        if let Some(fields) = checker.object(block) {
                            checker.block(fields);
                        }
                    });
                }
            }
            other => self.fault(
                "string_type",
                format!(
                    "must be a string or a list of content blocks, found {}",
                    name(other)
                ),
            ),
        }
    }

    fn block(&mut self, fields: &Map<String, Value>) {
        self.required(fields, "type", Expect::Text);
        let Some(Value::String(kind)) = fields.get("type") else {
            return;
        };
        for (_, field, expect) in BLOCKS.iter().filter(|(of, _, _)| of == kind) {
            self.required(fields, field, *expect);
        }
        match kind.as_str() {
            "image" | "document" => {
                if let Some(Value::Object(source)) = fields.get("source") {
                    self.at("source", |checker| {
                        checker.required(source, "type", Expect::Text);
                        for key in ["media_type", "data", "url", "file_id"] {
                            checker.optional(source, key, Expect::Text);
                        }
                    });
                }
                self.optional(fields, "title", Expect::Text);
                self.optional(fields, "context", Expect::Text);
            }
            "thinking" => self.optional(fields, "signature", Expect::Text),
            "tool_result" => {
                self.optional(fields, "is_error", Expect::Bool);
                if let Some(content) = present(fields, "content") {
                    self.at("content", |checker| checker.content(content));
                }
            }
            _ => {}
        }
    }

    fn tool(&mut self, value: &Value) {
        let Some(fields) = self.object(value) else {
            return;
        };
        self.optional(fields, "type", Expect::Text);
        if present(fields, "type").is_none_or(|kind| kind == "custom") {
            self.required(fields, "name", Expect::Text);
            self.required(fields, "input_schema", Expect::Any);
            self.optional(fields, "description", Expect::Text);
            self.optional(fields, "strict", Expect::Bool);
        }
    }
}
