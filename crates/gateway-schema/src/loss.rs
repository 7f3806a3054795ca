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

/// How many distinct losses are listed; further ones are counted.
const MAX_LISTED: usize = 256;
/// How much of a path is kept. Paths can hold keys that the caller or the provider chose.
const MAX_PATH_BYTES: usize = 256;

/// All losses of a call, in the order they happened.
///
/// Each pair of path and kind is listed once, however often it is reported, so that the events of a stream do not grow
/// the list. At most 256 are listed; further ones are counted only, and a path is cut behind 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Losses {
    listed: Vec<Loss>,
    #[serde(skip)]
    unlisted: usize,
}

impl Losses {
    /// No losses.
    pub const fn new() -> Self {
        Self {
            listed: Vec::new(),
            unlisted: 0,
        }
    }

    /// Reports a field that was dropped.
    pub fn dropped(&mut self, path: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        self.report(path.into(), LossKind::Dropped, why.into());
    }

    /// Reports a field that was approximated.
    pub fn approximated(&mut self, path: impl Into<String>, why: impl Into<Cow<'static, str>>) {
        self.report(path.into(), LossKind::Approximated, why.into());
    }

    /// True when a loss of this field was reported.
    pub fn has(&self, path: &str) -> bool {
        self.listed.iter().any(|loss| loss.path == path)
    }

    /// Adds the losses of another step.
    pub fn extend(&mut self, other: Self) {
        self.unlisted = self.unlisted.saturating_add(other.unlisted);
        for loss in other.listed {
            self.add(loss);
        }
    }

    /// How many fields were lost.
    pub fn len(&self) -> usize {
        self.listed.len().saturating_add(self.unlisted)
    }

    /// True when everything survived.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The losses that are listed, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Loss> {
        self.listed.iter()
    }

    fn report(&mut self, mut path: String, kind: LossKind, why: Cow<'static, str>) {
        if path.len() > MAX_PATH_BYTES {
            path.truncate(path.floor_char_boundary(MAX_PATH_BYTES));
        }
        self.add(Loss { path, kind, why });
    }

    fn add(&mut self, loss: Loss) {
        let is_listed = self
            .listed
            .iter()
            .any(|known| known.kind == loss.kind && known.path == loss.path);
        if is_listed {
            return;
        }
        if self.listed.len() < MAX_LISTED {
            self.listed.push(loss);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = std::slice::Iter<'a, Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_every_event_reports_is_listed_once() {
        let mut losses = Losses::new();
        for _ in 0..1_000 {
            losses.dropped("choices[1]", "one answer");
            losses.approximated("choices[1]", "one answer");
        }
        assert_eq!((losses.len(), losses.iter().count()), (2, 2));
    }

    #[test]
    fn the_list_is_bounded_and_the_rest_is_counted() {
        let mut losses = Losses::new();
        for index in 0..1_000 {
            losses.dropped(format!("messages[{index}].name"), "no names");
        }
        let mut all = Losses::new();
        all.extend(losses);
        assert_eq!((all.len(), all.iter().count()), (1_000, MAX_LISTED));
    }

    #[test]
    fn a_long_path_is_cut_at_a_character() {
        let mut losses = Losses::new();
        losses.dropped("é".repeat(1_000), "unknown");
        let path = &losses.iter().next().unwrap().path;
        assert_eq!(path.len(), MAX_PATH_BYTES);
    }
}
