//! Which providers may be used at all.

use crate::diagnostic::{Diagnostic, Kind, Problems, alternatives, shown};
use crate::file::Place;
use crate::source::{Lookup, Providers, find};

const VARIABLE: &str = "MLFLOW_GATEWAY_ALLOWED_PROVIDERS";

/// Which providers may be used: all, or those that a variable lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    allowed: Option<Vec<String>>,
}

impl Policy {
    /// Reads the variable. A name that no provider has allows nothing, and is reported.
    pub(crate) fn read(
        lookup: &dyn Lookup,
        providers: &dyn Providers,
        problems: &mut Problems,
    ) -> Self {
        let text = lookup.env(VARIABLE).unwrap_or_default();
        let names: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if names.is_empty() {
            return Self::default();
        }
        let mut allowed = Vec::new();
        for name in names {
            if let Some(found) = find(providers, name) {
                allowed.push(found.entry.name.to_owned());
            } else {
                let message = format!("{VARIABLE} lists '{}', which is no provider", shown(name));
                problems.push(Diagnostic::warning(Kind::Value, Place::default(), message));
            }
        }
        Self {
            allowed: Some(allowed),
        }
    }

    pub(crate) fn allows(&self, provider: &str) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|name| name == provider))
    }

    /// The allowed names, for a message.
    pub(crate) fn names(&self) -> String {
        let allowed = self.allowed.as_deref().unwrap_or_default();
        alternatives(allowed.iter().map(String::as_str))
    }
}
