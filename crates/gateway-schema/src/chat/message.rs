//! Messages: who said what.

use serde::{Deserialize, Serialize};

use super::part::{Content, Part};
use crate::Extra;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions, in the newer spelling of OpenAI.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool, where a dialect gives it a message of its own.
    Tool,
    /// A role that only the caller's dialect knows.
    #[serde(untagged)]
    Other(String),
}

impl Role {
    /// True for instructions, in either spelling.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

/// How the caller wrote the content, for dialects that know several spellings of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ContentForm {
    /// A bare string.
    #[default]
    Text,
    /// A list of parts.
    Parts,
    /// `null`.
    Null,
    /// Not there at all.
    Absent,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// A name of the speaker, among several of the same role.
    pub name: Option<String>,
    /// What is said, in order; tool calls and tool results are parts too.
    pub parts: Vec<Part>,
    /// How the content was spelled. A hint: it never changes the meaning.
    pub form: ContentForm,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl Message {
    /// A message of `role` with these parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            name: None,
            parts,
            form: ContentForm::Parts,
            extra: Extra::new(),
        }
    }

    fn plain(role: Role, text: String) -> Self {
        Self {
            form: ContentForm::Text,
            ..Self::new(role, vec![Part::text(text)])
        }
    }

    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::plain(Role::System, text.into())
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::plain(Role::User, text.into())
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::plain(Role::Assistant, text.into())
    }

    /// The text parts, joined.
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
