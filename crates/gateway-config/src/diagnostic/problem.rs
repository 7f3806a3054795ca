//! What is wrong with definitions: the same findings, without lines and columns.

use std::fmt;

use serde::Serialize;

use super::{Diagnostic, Kind, Report, Severity};

/// One thing that is wrong with definitions. Holds no credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether it refuses the plan.
    pub severity: Severity,
    /// What sort of problem it is.
    pub kind: Kind,
    /// Where it is: a JSON pointer (RFC 6901) from the definitions, as in `/endpoints/2/model/config/api_key`; empty for
    /// all of them.
    pub path: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What was found there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What is allowed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            kind: diagnostic.kind,
            path: diagnostic.pointer,
            message: diagnostic.message,
            found: diagnostic.found,
            allowed: diagnostic.allowed,
            help: diagnostic.help,
        }
    }
}

impl Report {
    /// What was found, without places in a text.
    pub fn into_problems(self) -> Vec<Problem> {
        self.diagnostics.into_iter().map(Problem::from).collect()
    }
}

/// Definitions that make no plan: everything that is wrong with them, warnings included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    problems: Vec<Problem>,
}

impl PlanError {
    pub(crate) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Every problem; at least one is an error.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Every problem, by value.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        for (number, problem) in errors.enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            if !problem.path.is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {}
