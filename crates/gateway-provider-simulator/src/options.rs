//! The simulator's settings.

use std::time::Duration;

use gateway_schema::{OptionKind, OptionProblem, OptionSpec, Options};
use serde_json::Value;

use crate::fault::Fault;

/// What a simulator accepts under `model.config`.
pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::optional(
        "seed",
        OptionKind::Integer,
        "Answers depend on this number and on the request, on nothing else. Default 0.",
    ),
    OptionSpec::optional(
        "reply",
        OptionKind::Text,
        "What chats and completions say: `lorem` (made-up words) or `echo` (the last message again). Default lorem.",
    ),
    OptionSpec::optional(
        "reply_tokens",
        OptionKind::Integer,
        "How long made-up answers are, in tokens of about 4 bytes. Default 24.",
    ),
    OptionSpec::optional(
        "time_to_first_token",
        OptionKind::Text,
        "How long to think before the first token, as `50ms` or `1.5s`. Default 0ms.",
    ),
    OptionSpec::optional(
        "tokens_per_second",
        OptionKind::Number,
        "How fast tokens follow. Default 0: at once.",
    ),
    OptionSpec::optional(
        "dimensions",
        OptionKind::Integer,
        "How long embedding vectors are unless the request says. Default 16.",
    ),
    OptionSpec::optional(
        "faults",
        OptionKind::Maps,
        "What goes wrong, and when: a list of `{kind, rate | every | at, after_events, retry_after, status, pause}`.",
    ),
];

/// What chats and completions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speech {
    /// Made-up words.
    #[default]
    Lorem,
    /// The last message of the user's again.
    Echo,
}

/// How a simulator behaves.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Where the randomness comes from, together with the request.
    pub seed: u64,
    /// What it says.
    pub speech: Speech,
    /// How much it says.
    pub reply_tokens: u64,
    /// How long it thinks.
    pub time_to_first_token: Duration,
    /// The pause between tokens.
    pub token_interval: Duration,
    /// How long its vectors are.
    pub dimensions: u32,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            speech: Speech::Lorem,
            reply_tokens: 24,
            time_to_first_token: Duration::ZERO,
            token_interval: Duration::ZERO,
            dimensions: 16,
            faults: Vec::new(),
        }
    }
}

/// The longest pause that may be configured.
const LONGEST: Duration = Duration::from_hours(1);

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut settings = Self::default();
        let mut problems = Vec::new();
        let mut keep = |problem: Result<(), OptionProblem>| problems.extend(problem.err());
        keep(integer(options, "seed", i64::MIN..=i64::MAX).map(|seed| {
            settings.seed = seed.map_or(0, i64::cast_unsigned);
        }));
        keep(speech(options).map(|speech| settings.speech = speech));
        keep(
            integer(options, "reply_tokens", 1..=1_000_000).map(|tokens| {
                if let Some(tokens) = tokens {
                    settings.reply_tokens = tokens.unsigned_abs();
                }
            }),
        );
        keep(
            pause(options.get("time_to_first_token"), "time_to_first_token").map(|wait| {
                settings.time_to_first_token = wait.unwrap_or_default();
            }),
        );
        keep(interval(options).map(|interval| settings.token_interval = interval));
        keep(integer(options, "dimensions", 1..=8192).map(|dimensions| {
            if let Some(Ok(dimensions)) = dimensions.map(u32::try_from) {
                settings.dimensions = dimensions;
            }
        }));
        match Fault::read_all(options.get("faults")) {
            Ok(faults) => settings.faults = faults,
            Err(more) => problems.extend(more),
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(problems)
        }
    }
}

fn integer(
    options: &Options,
    name: &str,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, OptionProblem> {
    let Some(value) = options.get(name) else {
        return Ok(None);
    };
    match value.as_i64() {
        Some(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => Err(OptionProblem::new(
            name,
            format!(
                "{value} is not a whole number from {} to {}",
                allowed.start(),
                allowed.end()
            ),
        )),
    }
}

fn speech(options: &Options) -> Result<Speech, OptionProblem> {
    match options.get("reply").map(Value::as_str) {
        None | Some(Some("lorem")) => Ok(Speech::Lorem),
        Some(Some("echo")) => Ok(Speech::Echo),
        Some(_) => Err(OptionProblem::new("reply", "must be `lorem` or `echo`")),
    }
}

fn interval(options: &Options) -> Result<Duration, OptionProblem> {
    let name = "tokens_per_second";
    let Some(value) = options.get(name) else {
        return Ok(Duration::ZERO);
    };
    match value.as_f64() {
        Some(0.0) => Ok(Duration::ZERO),
        Some(rate) if rate.is_finite() && rate >= 0.001 => Ok(Duration::from_secs_f64(1.0 / rate)),
        _ => Err(OptionProblem::new(
            name,
            format!("{value} is not a number of 0.001 or more (0: at once)"),
        )),
    }
}

/// Reads a pause: `50ms`, `1.5s`, or a number of seconds.
pub(crate) fn pause(value: Option<&Value>, name: &str) -> Result<Option<Duration>, OptionProblem> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => seconds(text.trim()),
        _ => None,
    };
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(pause)) if pause <= LONGEST => Ok(Some(pause)),
        _ => Err(OptionProblem::new(
            name,
            format!("{value} is not a time of at most an hour, as `50ms` or `1.5s`"),
        )),
    }
}

fn seconds(text: &str) -> Option<f64> {
    let (number, scale) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else {
        (text, 1.0)
    };
    number
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Settings, Vec<OptionProblem>> {
        let Value::Object(map) = value else {
            panic!("not a map")
        };
        Settings::read(&Options::new(map))
    }

    #[test]
    fn everything_can_be_set() {
        let settings = read(json!({
            "seed": -1, "reply": "echo", "reply_tokens": 7, "time_to_first_token": "50ms",
            "tokens_per_second": 200, "dimensions": 3, "faults": [{"kind": "cut", "every": 2}],
        }))
        .unwrap();
        assert_eq!(settings.seed, u64::MAX);
        assert_eq!(settings.speech, Speech::Echo);
        assert_eq!(settings.time_to_first_token, Duration::from_millis(50));
        assert_eq!(settings.token_interval, Duration::from_millis(5));
        assert_eq!((settings.reply_tokens, settings.dimensions), (7, 3));
        assert_eq!(settings.faults.len(), 1);
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let problems = read(json!({
            "seed": 1.5, "reply": "sing", "reply_tokens": 0, "time_to_first_token": "soon",
            "tokens_per_second": -1, "dimensions": 100_000,
        }))
        .unwrap_err();
        let paths: Vec<&str> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        let all = [
            "seed",
            "reply",
            "reply_tokens",
            "time_to_first_token",
            "tokens_per_second",
            "dimensions",
        ];
        assert_eq!(paths, all);
    }
}
