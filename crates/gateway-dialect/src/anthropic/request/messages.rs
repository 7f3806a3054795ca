//! The conversation: turns of user and assistant, instructions apart.

use std::borrow::Cow;

use gateway_schema::chat::{Content, ContentForm, Message, Part, Role};
use gateway_schema::{CallError, Dialect};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::block::{BlockOut, BlockWriter, ContentOut, bare_text};
use super::encode::Encoding;

/// `system`: a string or a list of blocks.
pub(super) type SystemOut<'a> = ContentOut<'a>;

/// One turn.
#[derive(Debug, Serialize)]
pub(super) struct MessageOut<'a> {
    role: &'static str,
    content: ContentOut<'a>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// Instructions and turns as they grow.
#[derive(Default)]
struct Conversation<'a> {
    system: Vec<BlockOut<'a>>,
    /// True while all instructions came as bare strings.
    system_is_text: bool,
    turns: Vec<MessageOut<'a>>,
}

/// Writes instructions and turns. `instruction` is a sentence of the gateway's own for the system prompt.
///
/// # Errors
/// The caller's: content that no Claude model understands.
pub(super) fn write<'a>(
    encoding: &mut Encoding<'a>,
    instruction: Option<&str>,
) -> Result<(Option<SystemOut<'a>>, Vec<MessageOut<'a>>), CallError> {
    let mut conversation = Conversation {
        system_is_text: true,
        ..Conversation::default()
    };
    for (index, message) in encoding.request.messages.iter().enumerate() {
        conversation.add(encoding, index, message)?;
    }
    let Conversation {
        mut system,
        system_is_text,
        mut turns,
    } = conversation;
    if turns.is_empty() && !system.is_empty() {
        encoding.losses.approximated(
            "messages[0].role",
            "Anthropic wants a user message; the instructions are sent as one",
        );
        turns.push(MessageOut {
            role: "user",
            content: ContentOut::Blocks(std::mem::take(&mut system)),
            extra: None,
        });
    }
    let joined =
        system_is_text && (encoding.is_mlflow() || instruction.is_some() || system.len() == 1);
    let system = if joined {
        join(&system, instruction).map(ContentOut::Text)
    } else {
        system.extend(instruction.map(|text| BlockOut::plain(Cow::Owned(text.to_owned()))));
        (!system.is_empty()).then_some(ContentOut::Blocks(system))
    };
    Ok((system, turns))
}

/// The texts of plain blocks and a sentence, joined as MLflow does.
fn join<'a>(system: &[BlockOut<'a>], instruction: Option<&str>) -> Option<Cow<'a, str>> {
    let mut texts = system.iter().filter_map(|block| match block {
        BlockOut::Text { text, .. } => Some(text.as_ref()),
        _ => None,
    });
    if let (None, [BlockOut::Text { text, .. }]) = (instruction, system) {
        return Some(text.clone());
    }
    let mut joined = String::new();
    for text in texts.by_ref().chain(instruction) {
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(text);
    }
    (!joined.is_empty()).then_some(Cow::Owned(joined))
}

impl<'a> Conversation<'a> {
    fn add(
        &mut self,
        encoding: &mut Encoding<'a>,
        index: usize,
        message: &'a Message,
    ) -> Result<(), CallError> {
        report(encoding, index, message);
        let role = match &message.role {
            Role::System | Role::Developer => return self.instruct(encoding, index, message),
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
            other => {
                encoding.losses.dropped(
                    format!("messages[{index}]"),
                    format!("Anthropic has no role {other:?}"),
                );
                return Ok(());
            }
        };
        let content = blocks(encoding, index, &message.parts)?;
        let extra = message.extra.for_dialect(Dialect::ANTHROPIC);
        if let Some(last) = self.turns.last_mut()
            && last.role == role
            && last.extra.is_none()
            && extra.is_none()
        {
            append(&mut last.content, content);
            return Ok(());
        }
        let bare = match message.parts.as_slice() {
            [part] if message.form == ContentForm::Text => bare_text(part),
            _ => None,
        };
        if content.is_empty() && bare.is_none() && message.form != ContentForm::Parts {
            // An assistant message that says nothing (null content, no calls) is refused by the API.
            return Ok(());
        }
        self.turns.push(MessageOut {
            role,
            content: bare.map_or(ContentOut::Blocks(content), |text| {
                ContentOut::Text(Cow::Borrowed(text))
            }),
            extra,
        });
        Ok(())
    }

    fn instruct(
        &mut self,
        encoding: &mut Encoding<'a>,
        index: usize,
        message: &'a Message,
    ) -> Result<(), CallError> {
        let content = blocks(encoding, index, &message.parts)?;
        if content.is_empty() {
            return Ok(());
        }
        if !self.turns.is_empty() {
            let native = message
                .parts
                .iter()
                .any(|part| matches!(part.content, Content::Opaque { .. }));
            if native || (encoding.traits.takes_system_turns() && !encoding.is_mlflow()) {
                let bare = match message.parts.as_slice() {
                    [part] if message.form == ContentForm::Text => bare_text(part),
                    _ => None,
                };
                self.turns.push(MessageOut {
                    role: "system",
                    content: bare.map_or(ContentOut::Blocks(content), |text| {
                        ContentOut::Text(Cow::Borrowed(text))
                    }),
                    extra: message.extra.for_dialect(Dialect::ANTHROPIC),
                });
                return Ok(());
            }
            encoding.losses.approximated(
                format!("messages[{index}].role"),
                "this model takes instructions before the conversation only",
            );
        }
        self.system_is_text &= message.form == ContentForm::Text || encoding.is_mlflow();
        self.system_is_text &= message.parts.iter().all(|part| bare_text(part).is_some());
        self.system.extend(content);
        Ok(())
    }
}

/// Fields of a message that do not survive.
fn report(encoding: &mut Encoding<'_>, index: usize, message: &Message) {
    if message.name.is_some() {
        encoding.losses.dropped(
            format!("messages[{index}].name"),
            "Anthropic has no names of speakers",
        );
    }
    if let Some(dialect) = message.extra.dialect()
        && dialect != Dialect::ANTHROPIC
    {
        for key in message.extra.fields().keys() {
            encoding.losses.dropped(
                format!("messages[{index}].{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}

fn blocks<'a>(
    encoding: &mut Encoding<'a>,
    index: usize,
    parts: &'a [Part],
) -> Result<Vec<BlockOut<'a>>, CallError> {
    let mut writer = BlockWriter {
        losses: &mut encoding.losses,
    };
    let mut out = Vec::with_capacity(parts.len());
    for (number, part) in parts.iter().enumerate() {
        // The API refuses empty text; beside other parts it says nothing.
        let is_empty = matches!(&part.content, Content::Text { text, .. } if text.is_empty());
        if is_empty {
            continue;
        }
        out.extend(writer.request(part, &|| format!("messages[{index}].content[{number}]"))?);
    }
    Ok(out)
}

fn append<'a>(content: &mut ContentOut<'a>, more: Vec<BlockOut<'a>>) {
    let mut blocks = match std::mem::replace(content, ContentOut::Blocks(Vec::new())) {
        ContentOut::Blocks(blocks) => blocks,
        ContentOut::Text(text) if text.is_empty() => Vec::new(),
        ContentOut::Text(text) => vec![BlockOut::plain(text)],
    };
    blocks.extend(more);
    *content = ContentOut::Blocks(blocks);
}
