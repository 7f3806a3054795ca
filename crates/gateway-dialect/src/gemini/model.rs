//! What a Gemini model accepts, read from its name. A name that is not understood counts as a model of the current API
//! that demands nothing special.
//!
//! Read 2026-11-21: <https://ai.google.dev/gemini-api/docs/thinking>, <https://ai.google.dev/gemini-api/docs/thought-signatures>.

/// Version of a model: major, minor.
type Version = (u32, u32);

/// What a model accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits {
    version: Option<Version>,
    pro: bool,
    lite: bool,
}

/// How a model can be told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThinkingMode {
    /// Not at all.
    Unsupported,
    /// With a token budget.
    Budget,
    /// With a level.
    Level,
}

impl Traits {
    /// Reads a name: `gemini-2.5-flash-lite`, `gemini-3-pro-preview`, `models/gemini-1.5-pro-002`, ...
    pub(super) fn of(model: &str) -> Self {
        let name = model
            .rfind("gemini-")
            .and_then(|at| model.get(at + "gemini-".len()..))
            .unwrap_or_default();
        let number = name.split('-').next().unwrap_or_default();
        let mut words = number.split('.').map(str::parse::<u32>);
        let version = match (words.next(), words.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
            (Some(Ok(major)), None) => Some((major, 0)),
            _ => None,
        };
        Self {
            version,
            pro: name.contains("pro"),
            lite: name.contains("lite"),
        }
    }

    /// Calls without a proof of the model's own are refused.
    pub(super) fn demands_signatures(self) -> bool {
        self.version.is_some_and(|version| version >= (3, 0))
    }

    /// Pictures may stand inside the result of a function.
    pub(super) fn takes_media_in_results(self) -> bool {
        self.version.is_none_or(|version| version >= (3, 0))
    }

    /// How it can be told to think.
    pub(super) fn thinking(self) -> ThinkingMode {
        match self.version {
            Some(version) if version < (2, 5) => ThinkingMode::Unsupported,
            Some(version) if version < (3, 0) => ThinkingMode::Budget,
            Some(_) => ThinkingMode::Level,
            None => ThinkingMode::Budget,
        }
    }

    /// Thinking cannot be switched off.
    pub(super) fn always_thinks(self) -> bool {
        match self.thinking() {
            ThinkingMode::Budget => self.pro,
            ThinkingMode::Level => true,
            ThinkingMode::Unsupported => false,
        }
    }

    /// The lowest level is `minimal`, not `low`.
    pub(super) fn takes_minimal(self) -> bool {
        !self.pro
    }

    /// The level `medium` is known.
    pub(super) fn takes_medium(self) -> bool {
        !(self.pro && self.version == Some((3, 0)))
    }

    /// The range of thinking budgets.
    pub(super) fn budgets(self) -> (u64, u64) {
        match (self.pro, self.lite) {
            (true, _) => (128, 32_768),
            (false, true) => (512, 24_576),
            (false, false) => (1, 24_576),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling() {
        for (name, version) in [
            ("gemini-2.5-flash", Some((2, 5))),
            ("models/gemini-1.5-pro-002", Some((1, 5))),
            ("gemini-3-pro-preview", Some((3, 0))),
            ("gemini-3.1-flash-lite", Some((3, 1))),
            ("gemini-flash-latest", None),
            ("configured-model", None),
        ] {
            assert_eq!(Traits::of(name).version, version, "{name}");
        }
    }

    #[test]
    fn what_a_model_takes_follows_its_version() {
        assert!(Traits::of("gemini-3-flash-preview").demands_signatures());
        assert!(!Traits::of("gemini-2.5-pro").demands_signatures());
        assert_eq!(
            Traits::of("gemini-2.0-flash").thinking(),
            ThinkingMode::Unsupported
        );
        assert!(Traits::of("gemini-2.5-pro").always_thinks());
        assert!(!Traits::of("gemini-2.5-flash").always_thinks());
        assert_eq!(Traits::of("gemini-2.5-flash-lite").budgets().0, 512);
    }
}
