//! `limit`: MLflow's own key, calls per renewal period.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::context::Context;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::Place;
use crate::file::check::{Echo, describe};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "a limit",
    &[
        Key::required(
            "calls",
            Shape::Integer(0, i64::MAX),
            "Calls that one client address may make in each renewal period.",
        ),
        Key::required(
            "renewal_period",
            Shape::Text,
            "`second`, `minute`, `hour`, `day`, `month` (30 days) or `year` (360 days), also as `5 minutes`.",
        ),
        Key::optional(
            "key",
            Shape::Text,
            "Read and shown, as MLflow does, but not used.",
        ),
    ],
);

/// MLflow's limit: fixed windows, counted per client address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLimit {
    /// Calls per renewal period, as written.
    pub calls: u64,
    /// The renewal period, as written.
    pub renewal_period: String,
    /// Shown by the management API; without effect.
    pub key: Option<String>,
    /// What the two together mean. Never empty; all must pass.
    pub windows: Vec<CallWindow>,
    /// Where it stands.
    pub place: Place,
}

/// So many calls in a window of so many units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallWindow {
    /// Calls per window.
    pub calls: u64,
    /// Units per window, at least 1.
    pub multiples: u64,
    /// The unit.
    pub unit: WindowUnit,
}

/// A unit of time, with the lengths that MLflow's limiter gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowUnit {
    /// 1 second.
    Second,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
    /// 30 days.
    Month,
    /// 360 days.
    Year,
}

impl WindowUnit {
    const ALL: [Self; 6] = [
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Day,
        Self::Month,
        Self::Year,
    ];

    /// The name in MLflow's messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Its length.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 360 * 86_400,
        }
    }
}

impl CallWindow {
    /// The length of the window in seconds.
    pub const fn seconds(self) -> u64 {
        self.unit.seconds().saturating_mul(self.multiples)
    }
}

impl Serialize for CallLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("calls", &self.calls)?;
        map.serialize_entry("renewal_period", &self.renewal_period)?;
        if let Some(key) = &self.key {
            map.serialize_entry("key", key)?;
        }
        map.end()
    }
}

pub(crate) fn read(item: &Item<'_>, context: &mut Context<'_>) -> Option<CallLimit> {
    let calls = item.count_at("calls")?;
    let period = item.text_at("renewal_period")?;
    let Some(windows) = windows(calls, period) else {
        refuse(&item.get("renewal_period")?, context);
        return None;
    };
    Some(CallLimit {
        calls,
        renewal_period: period.to_owned(),
        key: item.text_at("key").map(str::to_owned),
        windows,
        place: item.place(),
    })
}

fn refuse(item: &Item<'_>, context: &mut Context<'_>) {
    let message = "this is not a period that is known";
    let diagnostic = Diagnostic::error(Kind::Value, item.place(), message)
        .at(&item.path)
        .found(describe(item.node, Echo::Yes))
        .allowed("`second`, `minute`, `hour`, `day`, `month` or `year`, also as `5 minutes`")
        .near(
            item.text().unwrap_or_default(),
            WindowUnit::ALL.map(WindowUnit::as_str),
        );
    context.problems.push(diagnostic);
}

/// What `<calls>/<period>` means. The grammar is that of the limiter MLflow uses, which also takes several windows
/// in one text (`minute; 100 per hour`).
fn windows(calls: u64, period: &str) -> Option<Vec<CallWindow>> {
    let mut parts = period.split([',', ';', '|']);
    let first = span(parts.next()?)?;
    let mut windows = vec![CallWindow {
        calls,
        multiples: first.0,
        unit: first.1,
    }];
    for part in parts {
        let part = part.trim();
        let end = part.find(|c: char| !c.is_ascii_digit())?;
        let (calls, rest) = part.split_at_checked(end)?;
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('/').or_else(|| strip_word(rest, "per"))?;
        let (multiples, unit) = span(rest)?;
        windows.push(CallWindow {
            calls: calls.parse().ok()?,
            multiples,
            unit,
        });
    }
    Some(windows)
}

/// `minute`, `minutes`, `5 minutes`.
fn span(text: &str) -> Option<(u64, WindowUnit)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (multiples, name) = text.split_at_checked(end)?;
    let name = name.trim_start();
    let unit = WindowUnit::ALL.into_iter().find(|unit| {
        strip_word(name, unit.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.eq_ignore_ascii_case("s"))
    })?;
    // As in the limiter, a multiple of zero is no multiple.
    let multiples = if multiples.is_empty() {
        1
    } else {
        multiples.parse::<u64>().ok()?.max(1)
    };
    Some((multiples, unit))
}

/// `text` after `word`, in any case.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_mean_what_the_limiter_of_mlflow_means_by_them() {
        let one = |period: &str| windows(5, period).map(|w| (w[0].multiples, w[0].unit, w.len()));
        assert_eq!(one("minute"), Some((1, WindowUnit::Minute, 1)));
        assert_eq!(one("Minutes"), Some((1, WindowUnit::Minute, 1)));
        assert_eq!(one(" 5 minutes "), Some((5, WindowUnit::Minute, 1)));
        assert_eq!(one("12hours"), Some((12, WindowUnit::Hour, 1)));
        assert_eq!(one("0 day"), Some((1, WindowUnit::Day, 1)));
        assert_eq!(one("minute;100 per hour"), Some((1, WindowUnit::Minute, 2)));
        assert_eq!(one("minute, 10/2 days"), Some((1, WindowUnit::Minute, 2)));
        for wrong in [
            "fortnight",
            "",
            "minut",
            "minutess",
            "m",
            "5",
            "-1 minute",
            "minute;",
            "1.5 hours",
            "é",
        ] {
            assert_eq!(one(wrong), None, "{wrong}");
        }
    }
}
