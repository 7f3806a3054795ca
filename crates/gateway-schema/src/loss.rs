//! What a translation could not carry.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What happened to a field that does not survive a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// The other side never sees it.
    Dropped,
    /// The other side sees something near it.
    Approximated,
}

/// One field that did not survive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Where it stood in the caller's request or in the provider's reply: `messages[2].content[0].cache_control`.
    pub path: String,
    /// What happened to it.
    pub kind: LossKind,
    /// Why, in a few words a caller understands.
    pub why: Cow<'static, str>,
}

/// All losses of a call, in the order they happened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// No losses.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reports a field that was dropped.
    pub fn dropped(&mut self, path: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        self.0.push(Loss {
            path: path.into(),
            kind: LossKind::Dropped,
            why: why.into(),
        });
    }

    /// Reports a field that was approximated.
    pub fn approximated(&mut self, path: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        self.0.push(Loss {
            path: path.into(),
            kind: LossKind::Approximated,
            why: why.into(),
        });
    }

    /// Reports a field that was dropped, unless it was reported before: once per stream, not once per event.
    pub fn dropped_once(&mut self, path: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        let path = path.into();
        if !self.has(&path) {
            self.dropped(path, why);
        }
    }

    /// The same for one that was approximated.
    pub fn approximated_once(
        &mut self,
        path: impl Into<String>,
        why: impl Into<Cow<'static, str>>,
    ) {
        let path = path.into();
        if !self.has(&path) {
            self.approximated(path, why);
        }
    }

    /// True when a loss of this field was reported.
    pub fn has(&self, path: &str) -> bool {
        self.0.iter().any(|loss| loss.path == path)
    }

    /// Adds the losses of another step.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many fields were lost.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when everything survived.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Loss> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = std::slice::Iter<'a, Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
