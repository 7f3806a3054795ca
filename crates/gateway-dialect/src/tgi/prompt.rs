//! Turns as one text.

use gateway_schema::chat::{Message, Role};

/// How a model was taught to read turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Template {
    /// A lone question as it is; several turns by the names of who speaks.
    #[default]
    Plain,
    /// `<|im_start|>`: Qwen, Yi, many fine-tuned models.
    ChatMl,
    /// `[INST] <<SYS>>`: Llama 2.
    Llama2,
    /// `<|start_header_id|>`: Llama 3.
    Llama3,
    /// `[INST]`: Mistral and Mixtral.
    Mistral,
    /// `<|user|>`: Zephyr.
    Zephyr,
}

impl Template {
    /// The names of all, as a configuration spells them.
    pub const NAMES: [&'static str; 6] =
        ["plain", "chatml", "llama2", "llama3", "mistral", "zephyr"];

    /// The template of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "plain" => Self::Plain,
            "chatml" => Self::ChatMl,
            "llama2" => Self::Llama2,
            "llama3" => Self::Llama3,
            "mistral" => Self::Mistral,
            "zephyr" => Self::Zephyr,
            _ => return None,
        })
    }

    /// What ends a turn, where the model may say it without meaning the end of the text.
    pub(super) const fn stop(self) -> Option<&'static str> {
        match self {
            Self::ChatMl => Some("<|im_end|>"),
            Self::Llama3 => Some("<|eot_id|>"),
            Self::Plain => Some("\nUser:"),
            Self::Llama2 | Self::Mistral | Self::Zephyr => None,
        }
    }

    /// The turns, up to where the model speaks. The server's tokenizer adds the mark of the beginning.
    pub(super) fn write(self, messages: &[Message]) -> String {
        match self {
            Self::Plain => plain(messages),
            Self::ChatMl => marked(
                messages,
                ("<|im_start|>", "\n", "<|im_end|>\n"),
                "<|im_start|>assistant\n",
            ),
            Self::Llama3 => marked(
                messages,
                ("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>"),
                "<|start_header_id|>assistant<|end_header_id|>\n\n",
            ),
            Self::Zephyr => marked(messages, ("<|", "|>\n", "</s>\n"), "<|assistant|>\n"),
            Self::Llama2 => instructed(messages, |system, user| {
                if system.is_empty() {
                    format!("[INST] {user} [/INST]")
                } else {
                    format!("[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{user} [/INST]")
                }
            }),
            Self::Mistral => instructed(messages, |system, user| {
                if system.is_empty() {
                    format!("[INST] {user} [/INST]")
                } else {
                    format!("[INST] {system}\n\n{user} [/INST]")
                }
            }),
        }
    }
}

/// Who speaks, in the words that templates share. Results of tools come from the user's side.
fn speaker(message: &Message) -> &'static str {
    match message.role {
        Role::Assistant => "assistant",
        _ if message.role.is_system() => "system",
        _ => "user",
    }
}

fn plain(messages: &[Message]) -> String {
    if let [message] = messages
        && message.role == Role::User
    {
        return message.text();
    }
    let mut out = String::new();
    for message in messages {
        let name = match speaker(message) {
            "assistant" => "Assistant: ",
            "system" => "",
            _ => "User: ",
        };
        for piece in [name, &message.text(), "\n"] {
            out.push_str(piece);
        }
    }
    out.push_str("Assistant:");
    out
}

/// Each turn between marks: before the speaker, after it, at the end of the turn.
fn marked(messages: &[Message], (before, after, end): (&str, &str, &str), last: &str) -> String {
    let mut out = String::new();
    for message in messages {
        for piece in [before, speaker(message), after, &message.text(), end] {
            out.push_str(piece);
        }
    }
    out.push_str(last);
    out
}

/// What users say as instructions, the first with what the system says.
fn instructed(messages: &[Message], ask: impl Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    let mut system = String::new();
    let mut asked = String::new();
    for message in messages {
        match speaker(message) {
            "system" => append(&mut system, &message.text()),
            "user" => append(&mut asked, &message.text()),
            _ => {
                if !asked.is_empty() || !system.is_empty() {
                    out.push_str(&ask(&system, &asked));
                    system.clear();
                    asked.clear();
                }
                for piece in [" ", &message.text(), "</s>"] {
                    out.push_str(piece);
                }
            }
        }
    }
    if !asked.is_empty() || !system.is_empty() {
        out.push_str(&ask(&system, &asked));
    }
    out
}

fn append(out: &mut String, text: &str) {
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str(text);
}
