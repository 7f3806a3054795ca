//! Items of the output, and the reply object around them: the same in whole replies and in streams.

use gateway_schema::chat::{Citation, Finish, FinishReason};
use gateway_schema::{Dialect, Usage};
use serde_json::{Map, Value, json};

use super::usage;
use crate::{ReplyInfo, ToolForm, ToolKind};

/// Where an item, or a whole reply, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
    Failed,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// What a finish makes of the reply, and why it is incomplete.
    pub(super) const fn of(finish: Option<&Finish>, refuses: bool) -> (Self, Option<&'static str>) {
        let Some(finish) = finish else {
            return (Self::Completed, None);
        };
        match finish.reason {
            FinishReason::Length => (Self::Incomplete, Some("max_output_tokens")),
            FinishReason::ContentFilter => (Self::Incomplete, Some("content_filter")),
            FinishReason::Refusal if !refuses => (Self::Incomplete, Some("content_filter")),
            FinishReason::Error => (Self::Failed, None),
            _ => (Self::Completed, None),
        }
    }
}

/// What a message is made of.
#[derive(Debug)]
pub(super) enum Said {
    Text {
        text: String,
        annotations: Vec<Value>,
        logprobs: Vec<Value>,
    },
    Refusal(String),
}

impl Said {
    pub(super) const fn text(text: String) -> Self {
        Self::Text {
            text,
            annotations: Vec::new(),
            logprobs: Vec::new(),
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Text {
                text,
                annotations,
                logprobs,
            } => json!({
                "type": "output_text",
                "text": text,
                "annotations": annotations,
                "logprobs": logprobs,
            }),
            Self::Refusal(text) => json!({"type": "refusal", "refusal": text}),
        }
    }
}

/// An item of the output.
#[derive(Debug)]
pub(super) enum Kind {
    Reasoning {
        summary: String,
        encrypted: Option<String>,
    },
    Message(Vec<Said>),
    Call {
        call_id: String,
        /// What the client calls the tool, and how.
        form: ToolForm,
        arguments: String,
    },
    /// As its provider wrote it.
    Raw(Value),
}

/// An item with its id, which stays the same in every event.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) status: Status,
}

impl Item {
    /// The item at `index` of a reply.
    pub(super) fn new(kind: Kind, index: usize, info: &ReplyInfo) -> Self {
        let prefix = match kind {
            Kind::Reasoning { .. } => "rs",
            Kind::Message(_) => "msg",
            Kind::Call { ref form, .. } => match form.kind {
                ToolKind::Function => "fc",
                ToolKind::Custom => "ctc",
                ToolKind::LocalShell => "lsh",
                ToolKind::ToolSearch => "tsc",
            },
            Kind::Raw(_) => "item",
        };
        Self {
            id: format!("{prefix}_{}{index:02}", info.id),
            kind,
            status: Status::InProgress,
        }
    }

    /// The item as it stands.
    pub(super) fn value(&self) -> Value {
        let id = &self.id;
        let status = self.status.as_str();
        match &self.kind {
            Kind::Reasoning { summary, encrypted } => {
                let summary: Vec<Value> = (!summary.is_empty())
                    .then(|| json!({"type": "summary_text", "text": summary}))
                    .into_iter()
                    .collect();
                let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
                put(&mut item, "encrypted_content", encrypted.as_deref());
                item
            }
            Kind::Message(said) => json!({
                "id": id,
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": said.iter().map(Said::value).collect::<Vec<_>>(),
            }),
            Kind::Call {
                call_id,
                form,
                arguments,
            } => {
                let mut item = call(form, arguments);
                if let Some(fields) = item.as_object_mut() {
                    for (key, text) in [
                        ("id", id.as_str()),
                        ("status", status),
                        ("call_id", call_id),
                    ] {
                        fields.insert(key.to_owned(), text.into());
                    }
                }
                put(&mut item, "namespace", form.namespace.as_deref());
                item
            }
            Kind::Raw(value) => value.clone(),
        }
    }
}

/// What is said of a call besides where it stands.
fn call(form: &ToolForm, arguments: &str) -> Value {
    let name = &form.own;
    match form.kind {
        ToolKind::Function => {
            json!({"type": "function_call", "name": name, "arguments": arguments})
        }
        ToolKind::Custom => {
            json!({"type": "custom_tool_call", "name": name, "input": free_text(arguments)})
        }
        ToolKind::LocalShell => {
            json!({"type": "local_shell_call", "action": shell_action(arguments)})
        }
        ToolKind::ToolSearch => {
            let fields: Map<String, Value> = serde_json::from_str(arguments).unwrap_or_default();
            json!({"type": "tool_search_call", "execution": "client", "arguments": fields})
        }
    }
}

/// Adds a field that is left out when there is no value.
fn put(object: &mut Value, key: &str, text: Option<&str>) {
    if let (Some(fields), Some(text)) = (object.as_object_mut(), text) {
        fields.insert(key.to_owned(), text.into());
    }
}

/// What is said of a reply besides its output.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: i64,
    pub(super) service_tier: Option<String>,
}

/// How a reply stands.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) status: Status,
    /// Why it is incomplete.
    pub(super) why: Option<&'a str>,
    /// Why it failed.
    pub(super) error: Option<Value>,
    pub(super) usage: Option<&'a Usage>,
}

impl Standing<'_> {
    pub(super) const BEGUN: Self = Self {
        status: Status::InProgress,
        why: None,
        error: None,
        usage: None,
    };
}

/// The reply object. What it would repeat of the request has the values of an empty one: clients demand the fields.
pub(super) fn reply(head: &Head, output: &[Value], standing: &Standing<'_>) -> Value {
    let mut reply = json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": standing.status.as_str(),
        "background": false,
        "error": standing.error,
        "incomplete_details": standing.why.map(|why| json!({"reason": why})),
        "instructions": null,
        "max_output_tokens": null,
        "model": head.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": null,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "truncation": "disabled",
        "usage": standing.usage.map(usage::write),
        "user": null,
        "metadata": {},
    });
    put(&mut reply, "service_tier", head.service_tier.as_deref());
    reply
}

/// An annotation; `None` for a source without an address, which has no form here.
pub(super) fn annotation(citation: &Citation, text: &str) -> Option<Value> {
    if let Some((Dialect::OPENAI_RESPONSES, value)) = &citation.raw {
        return Some(value.clone());
    }
    let url = citation.url.as_ref()?;
    let end = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let (start, end) = citation.span.unwrap_or((end, end));
    Some(json!({
        "type": "url_citation",
        "url": url,
        "title": citation.title.as_deref().unwrap_or(url),
        "start_index": start,
        "end_index": end,
    }))
}

/// An id for a call without one.
pub(super) fn stand_in_id(info: &ReplyInfo, index: usize) -> String {
    let id = info.id.get(..16).unwrap_or(&info.id);
    format!("call_{id}{index:02}")
}

/// The entries of token probabilities in chat's form.
pub(super) fn logprobs(value: &Value) -> Vec<Value> {
    let list = value.get("content").unwrap_or(value).as_array();
    list.cloned().unwrap_or_default()
}

/// The text for a tool that takes free text: what stands under `input`, or everything where a model does not keep to it.
pub(super) fn free_text(arguments: &str) -> String {
    let input = |value: &Value| Some(value.get("input")?.as_str()?.to_owned());
    serde_json::from_str::<Value>(arguments)
        .ok()
        .as_ref()
        .and_then(input)
        .unwrap_or_else(|| arguments.to_owned())
}

/// A command for the shell of the client's machine. One without words is none, and the client says so.
fn shell_action(arguments: &str) -> Value {
    let mut fields: Map<String, Value> = serde_json::from_str(arguments).unwrap_or_default();
    let words = match fields.remove("command") {
        Some(Value::Array(words)) => words.into_iter().filter(Value::is_string).collect(),
        Some(Value::String(line)) => vec!["bash".into(), "-lc".into(), line.into()],
        _ => Vec::new(),
    };
    let env = fields.remove("env").filter(Value::is_object);
    let mut action =
        json!({"type": "exec", "command": words, "env": env.unwrap_or_else(|| json!({}))});
    for key in ["timeout_ms", "user", "working_directory"] {
        if let (Some(value), Some(action)) = (fields.remove(key), action.as_object_mut()) {
            action.insert(key.to_owned(), value);
        }
    }
    action
}

/// What the client calls a tool, and how.
pub(super) fn form_of(info: &ReplyInfo, name: &str) -> ToolForm {
    let mut forms = info.tool_forms.iter();
    forms
        .find(|form| form.name == name)
        .cloned()
        .unwrap_or_else(|| ToolForm::new(name, ToolKind::Function))
}
