//! Tools a model may call.

use serde_json::Value;

use super::part::CacheControl;
use crate::{Dialect, Extra};

/// A tool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Tool {
    /// A function of the caller's.
    Function(FunctionTool),
    /// A tool that only one dialect knows (web search, code execution, computer use), carried as it came.
    Opaque {
        /// Whose it is.
        dialect: Dialect,
        /// The tool as it came.
        value: Value,
    },
}

/// A function of the caller's that a model may call.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FunctionTool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, key order kept.
    pub parameters: Option<Value>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// A prompt-cache breakpoint after this tool.
    pub cache: Option<CacheControl>,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl FunctionTool {
    /// A function of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Which tools the model may or must call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This function.
    Function(String),
    /// One of these functions.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// Whether one must be called.
        required: bool,
    },
    /// A choice that only one dialect knows.
    Opaque {
        /// Whose it is.
        dialect: Dialect,
        /// The choice as it came.
        value: Value,
    },
}
