//! What is wrong with a configuration: every problem at once, each with its place, its path and a way out.
//!
//! Credentials never stand in a diagnostic: where a value may be one, the message says only what kind of value it is.

mod near;
mod problem;
mod render;

use std::fmt;

use crate::file::Place;
use crate::file::path::Path;

pub(crate) use near::nearest;
pub use problem::{PlanError, Problem};

/// Whether a problem refuses the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is accepted.
    Warning,
}

/// What sort of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Not a YAML document.
    Syntax,
    /// A key that stands twice in one map.
    DuplicateKey,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    Missing,
    /// A value of the wrong type.
    Type,
    /// A value of the right type that is not allowed.
    Value,
    /// A `$NAME`, a file or a secret that leads nowhere.
    Reference,
    /// Something that works but has a newer form.
    Deprecated,
}

/// How unknown and duplicate keys are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// As MLflow does: they are accepted, with a warning.
    #[default]
    Lenient,
    /// They refuse the configuration.
    Strict,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether it refuses the configuration.
    pub severity: Severity,
    /// What sort of problem it is.
    pub kind: Kind,
    /// Where it stands in the text.
    pub place: Place,
    /// The path to it, as in `endpoints[2].model.config.openai_api_key`; empty for the whole document.
    pub path: String,
    /// The same as a JSON pointer (RFC 6901), as in `/endpoints/2/model/config/openai_api_key`.
    pub pointer: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What was found there. Never a credential.
    pub found: Option<String>,
    /// What is allowed there.
    pub allowed: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// What happens to it where it is let through; absent: it never is, or always.
    lax: Option<&'static str>,
}

impl Diagnostic {
    /// A problem that refuses the configuration.
    pub(crate) fn error(kind: Kind, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind,
            place,
            path: String::new(),
            pointer: String::new(),
            message: message.into(),
            found: None,
            allowed: None,
            help: None,
            lax: None,
        }
    }

    /// A problem that never refuses the configuration.
    pub(crate) fn warning(kind: Kind, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(kind, place, message)
        }
    }

    /// A problem that refuses the configuration only where [`Strictness::Strict`] is asked for. Elsewhere `then` says
    /// what becomes of it.
    pub(crate) fn lax(
        kind: Kind,
        place: Place,
        message: impl Into<String>,
        then: &'static str,
    ) -> Self {
        Self {
            lax: Some(then),
            ..Self::error(kind, place, message)
        }
    }

    pub(crate) fn at(mut self, path: impl Into<Path>) -> Self {
        let path = path.into();
        self.path = path.to_string();
        self.pointer = path.pointer();
        self
    }

    /// The same for a path with a key that a user made up: cut, with control characters made visible.
    pub(crate) fn at_shown(mut self, path: &Path) -> Self {
        self.path = shown(&path.to_string());
        self.pointer = path.pointer();
        self
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(crate) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" when one of `known` is near to `written`.
    pub(crate) fn near<'k>(self, written: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match nearest(written, known) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// The most problems of each severity that are listed. Others are counted, so that a text that is wrong everywhere costs
/// no more than reading it.
const MOST: usize = 100;

/// Problems as they are found.
#[derive(Debug)]
pub(crate) struct Problems {
    strictness: Strictness,
    found: Vec<Diagnostic>,
    count: Count,
}

/// How many problems were found, listed or not.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    errors: usize,
    warnings: usize,
}

impl Count {
    const fn of(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        }
    }
}

/// How far the list of problems was at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    len: usize,
    count: Count,
}

impl Problems {
    pub(crate) const fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            found: Vec::new(),
            count: Count {
                errors: 0,
                warnings: 0,
            },
        }
    }

    /// Whether another error would be listed. Where it would not, there is no point in looking for suggestions.
    pub(crate) const fn lists_errors(&self) -> bool {
        self.count.errors < MOST
    }

    /// The same for a problem that is an error only where [`Strictness::Strict`] is asked for.
    pub(crate) const fn lists_lax(&self) -> bool {
        match self.strictness {
            Strictness::Strict => self.count.errors < MOST,
            Strictness::Lenient => self.count.warnings < MOST,
        }
    }

    /// Counts an error that would not be listed.
    pub(crate) const fn count_error(&mut self) {
        self.count.errors = self.count.errors.saturating_add(1);
    }

    /// Counts a problem that would not be listed and is an error only where [`Strictness::Strict`] is asked for.
    pub(crate) const fn count_lax(&mut self) {
        let count = self.count.of(match self.strictness {
            Strictness::Strict => Severity::Error,
            Strictness::Lenient => Severity::Warning,
        });
        *count = count.saturating_add(1);
    }

    pub(crate) fn push(&mut self, mut diagnostic: Diagnostic) {
        if let Some(then) = diagnostic.lax
            && self.strictness == Strictness::Lenient
        {
            diagnostic.severity = Severity::Warning;
            diagnostic.message.push_str("; ");
            diagnostic.message.push_str(then);
        }
        let count = self.count.of(diagnostic.severity);
        *count = count.saturating_add(1);
        if *count <= MOST {
            self.found.push(diagnostic);
        }
    }

    /// How many there are so far, listed or not.
    pub(crate) const fn len(&self) -> usize {
        self.count.errors.saturating_add(self.count.warnings)
    }

    /// How far the list is.
    pub(crate) const fn mark(&self) -> Mark {
        Mark {
            len: self.found.len(),
            count: self.count,
        }
    }

    /// Forgets what was found since.
    pub(crate) fn reset(&mut self, mark: Mark) {
        self.found.truncate(mark.len);
        self.count = mark.count;
    }

    pub(crate) const fn has_errors(&self) -> bool {
        self.count.errors > 0
    }

    /// Everything found, in the order of the text.
    pub(crate) fn into_report(mut self, source: &str) -> Report {
        self.found
            .sort_by_key(|diagnostic| diagnostic.place.position());
        let found = self.count.errors.saturating_add(self.count.warnings);
        Report {
            source: source.to_owned(),
            unlisted: found.saturating_sub(self.found.len()),
            diagnostics: self.found,
        }
    }
}

/// Everything that was found in one text, in the order of the text.
///
/// `Display` is the form for people: one block per problem, each beginning with `name:line:column: error: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    source: String,
    diagnostics: Vec<Diagnostic>,
    /// How many more there are.
    unlisted: usize,
}

impl Report {
    /// Every problem, at most a hundred errors and a hundred warnings.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The problems that refuse the configuration.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The problems that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Warning)
    }

    /// True when nothing was found.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The name of the text.
    pub fn source_name(&self) -> &str {
        &self.source
    }
}

impl std::error::Error for Report {}

/// User text for a message: control characters made visible, long text cut.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The most names in a message.
const MOST_NAMES: usize = 100;

/// Names for a message: `` `a`, `b` or `c` ``.
pub(crate) fn alternatives<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let listed = names.by_ref().take(MOST_NAMES);
    let mut quoted: Vec<String> = listed.map(|name| format!("`{name}`")).collect();
    let others = names.count();
    if others > 0 {
        quoted.push(format!("one of {others} others"));
    }
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}
