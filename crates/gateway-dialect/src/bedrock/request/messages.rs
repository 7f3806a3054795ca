//! The conversation: turns of user and assistant, instructions apart.

use super::super::set;
use gateway_schema::chat::{Message, Role};
use gateway_schema::{CallError, Dialect};
use serde_json::{Map, Value, json};

use super::super::block::BlockWriter;
use super::encode::Encoding;

struct Turn<'a> {
    role: &'static str,
    content: Vec<Value>,
    extra: Option<&'a Map<String, Value>>,
}

/// Writes `system` and `messages`. `instruction` is a sentence of the gateway's own for the system prompt.
///
/// # Errors
/// The caller's: content that no model understands.
pub(super) fn write(
    encoding: &mut Encoding<'_>,
    instruction: Option<String>,
) -> Result<(Vec<Value>, Vec<Value>), CallError> {
    let request = encoding.request;
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let mut documents = 0;
    for (index, message) in request.messages.iter().enumerate() {
        report(encoding, index, message);
        let mut content = Vec::with_capacity(message.parts.len());
        let mut writer = BlockWriter {
            traits: encoding.traits,
            mlflow: encoding.is_mlflow(),
            losses: &mut encoding.losses,
            documents,
        };
        for (number, part) in message.parts.iter().enumerate() {
            let path = || format!("messages[{index}].content[{number}]");
            writer.request(part, &path, &mut content)?;
        }
        documents = writer.documents;
        let role = match &message.role {
            Role::System | Role::Developer => {
                if !turns.is_empty() && !content.is_empty() {
                    encoding.losses.approximated(
                        format!("messages[{index}].role"),
                        "Bedrock takes instructions before the conversation only",
                    );
                }
                system.extend(content);
                continue;
            }
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
            // As MLflow does.
            _ if encoding.is_mlflow() => "user",
            other => {
                encoding.losses.dropped(
                    format!("messages[{index}]"),
                    format!("Bedrock has no role {other:?}"),
                );
                continue;
            }
        };
        let extra = message.extra.for_dialect(Dialect::BEDROCK);
        if content.is_empty() {
            // Bedrock refuses a message that says nothing.
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.role == role && last.extra.is_none() && extra.is_none() => {
                last.content.extend(content);
            }
            _ => turns.push(Turn {
                role,
                content,
                extra,
            }),
        }
    }
    if turns.is_empty() && !system.is_empty() {
        encoding.losses.approximated(
            "messages[0].role",
            "Bedrock wants a user message; the instructions are sent as one",
        );
        turns.push(Turn {
            role: "user",
            content: std::mem::take(&mut system),
            extra: None,
        });
    }
    system.extend(instruction.map(|text| json!({"text": text})));
    Ok((system, turns.iter().map(turn).collect()))
}

fn turn(turn: &Turn<'_>) -> Value {
    let mut out = json!({"role": turn.role, "content": turn.content});
    for (key, value) in turn.extra.into_iter().flatten() {
        set(&mut out, key.as_str(), value.clone());
    }
    out
}

/// Fields of a message that do not survive.
fn report(encoding: &mut Encoding<'_>, index: usize, message: &Message) {
    if message.name.is_some() {
        encoding.losses.dropped(
            format!("messages[{index}].name"),
            "Bedrock has no names of speakers",
        );
    }
    if let Some(dialect) = message.extra.dialect()
        && dialect != Dialect::BEDROCK
    {
        for key in message.extra.fields().keys() {
            encoding.losses.dropped(
                format!("messages[{index}].{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}
