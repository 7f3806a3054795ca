//! Tools that a client calls in a form of its own.

/// A tool of the request that other providers know under another name or in another form, and what its calls must look
/// like when they come back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolForm {
    /// What the provider calls it.
    pub name: String,
    /// What the client calls it.
    pub own: String,
    /// The group it belongs to, which the client is told beside its name.
    pub namespace: Option<String>,
    /// How it is called.
    pub kind: ToolKind,
}

impl ToolForm {
    /// A tool that is called the same on both sides.
    pub fn new(name: impl Into<String>, kind: ToolKind) -> Self {
        let name = name.into();
        Self {
            own: name.clone(),
            name,
            namespace: None,
            kind,
        }
    }
}

/// How a client calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ToolKind {
    /// As a function, with JSON.
    #[default]
    Function,
    /// With free text.
    Custom,
    /// As a command for the shell of the client's machine.
    LocalShell,
    /// As a search among the client's tools.
    ToolSearch,
}
