//! The namespace that endpoints and routes share.

use std::collections::HashMap;

use gateway_schema::{EndpointName, Operation};

use super::task::task;
use crate::diagnostic::{Diagnostic, Kind, Problems, alternatives, shown};
use crate::file::item::Item;

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// What it does, where that could be read.
    pub(crate) operation: Option<Operation>,
    pub(crate) is_endpoint: bool,
    position: String,
}

/// Every name that is written, also of endpoints that are wrong in other ways, so that one mistake is told once.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, Named>);

impl Names {
    /// Takes a name in; one that is taken already is reported.
    pub(crate) fn add(
        &mut self,
        item: &Item<'_>,
        kind: &str,
        is_endpoint: bool,
        problems: &mut Problems,
    ) {
        let Some(at) = item.get("name") else { return };
        let Some(name) = at.text() else { return };
        let named = Named {
            operation: item.text_at(kind).and_then(task),
            is_endpoint,
            position: at.position(),
        };
        if let Some(known) = self.0.get(name) {
            let message = format!(
                "Duplicate names found in endpoint / route configurations: '{}' is the name of the {} {}",
                shown(name),
                if known.is_endpoint {
                    "endpoint"
                } else {
                    "route"
                },
                known.position
            );
            let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
                .at(&at.path)
                .help("endpoints and routes share one namespace; give each a name of its own");
            problems.push(diagnostic);
            return;
        }
        self.0.insert(name.to_owned(), named);
    }

    /// What `name` stands for, if it is an endpoint.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&Named> {
        self.0.get(name).filter(|named| named.is_endpoint)
    }

    /// The names of all endpoints, for a message.
    pub(crate) fn endpoints(&self) -> Vec<&str> {
        self.sorted(|named| named.is_endpoint)
    }

    /// The endpoint or route that `at` names; one that does not exist is reported.
    pub(crate) fn callable(&self, at: &Item<'_>, problems: &mut Problems) -> Option<EndpointName> {
        let name = at.text()?;
        if self.0.contains_key(name) {
            return Some(EndpointName::from(name));
        }
        if !problems.lists_errors() {
            problems.count_error();
            return None;
        }
        let known = self.sorted(|_| true);
        let message = format!("there is no endpoint or route '{}'", shown(name));
        let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
            .at(&at.path)
            .allowed(alternatives(known.iter().copied()))
            .near(name, known);
        problems.push(diagnostic);
        None
    }

    fn sorted(&self, wanted: impl Fn(&Named) -> bool) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .0
            .iter()
            .filter(|(_, named)| wanted(named))
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names
    }
}
