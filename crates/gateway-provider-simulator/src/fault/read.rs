//! Faults as they stand in a configuration.

use std::time::Duration;

use gateway_schema::OptionProblem;
use serde_json::{Map, Value};

use super::{Fault, FaultKind, Schedule, Wait};
use crate::options::pause;

const KEYS: [&str; 8] = [
    "kind",
    "rate",
    "every",
    "at",
    "after_events",
    "retry_after",
    "status",
    "pause",
];

impl Fault {
    /// A fault of this kind that always strikes, with the defaults of a configuration.
    pub const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            when: Schedule::Always,
            after_events: 3,
            wait: Wait::Seconds(1),
            status: 503,
            pause: Duration::from_millis(20),
        }
    }

    /// Reads the list of faults, or a single one.
    pub(crate) fn read_all(value: Option<&Value>) -> Result<Vec<Self>, Vec<OptionProblem>> {
        let one;
        let items: &[Value] = match value {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => {
                one = [other.clone()];
                &one
            }
        };
        let mut faults = Vec::new();
        let mut problems = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let mut reader = Reader {
                index,
                problems: Vec::new(),
            };
            match item {
                Value::Object(map) => faults.extend(reader.fault(map)),
                _ => reader.problem("", "must be a map with a `kind`"),
            }
            problems.append(&mut reader.problems);
        }
        if problems.is_empty() {
            Ok(faults)
        } else {
            Err(problems)
        }
    }
}

struct Reader {
    index: usize,
    problems: Vec<OptionProblem>,
}

impl Reader {
    fn path(&self, key: &str) -> String {
        let dot = if key.is_empty() { "" } else { "." };
        format!("faults.{}{dot}{key}", self.index)
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let problem = OptionProblem::new(self.path(key), message);
        self.problems.push(problem);
    }

    fn fault(&mut self, map: &Map<String, Value>) -> Option<Fault> {
        for key in map.keys() {
            if !KEYS.contains(&key.as_str()) {
                self.problem(
                    key,
                    format!("is not known; a fault takes {}", KEYS.join(", ")),
                );
            }
        }
        let kind = map.get("kind").and_then(Value::as_str);
        let Some((_, kind)) = FaultKind::ALL
            .into_iter()
            .find(|(name, _)| Some(*name) == kind)
        else {
            let names: Vec<&str> = FaultKind::ALL.iter().map(|(name, _)| *name).collect();
            self.problem("kind", format!("must be one of {}", names.join(", ")));
            return None;
        };
        let mut fault = Fault::new(kind);
        fault.when = self.schedule(map);
        if let Some(count) = self.number(map, "after_events", 0..=1_000_000) {
            fault.after_events = usize::try_from(count).unwrap_or(usize::MAX);
        }
        if let Some(status) = self.number(map, "status", 500..=599) {
            fault.status = u16::try_from(status).unwrap_or(503);
        }
        if let Some(wait) = map.get("retry_after").filter(|value| !value.is_null()) {
            match read_wait(wait) {
                Some(wait) => fault.wait = wait,
                None => self.problem(
                    "retry_after",
                    "must be seconds, or `seconds`, `ms`, `azure_ms`, `date` or `none`, with an amount as in `ms:250`",
                ),
            }
        }
        match pause(map.get("pause"), &self.path("pause")) {
            Ok(Some(pause)) => fault.pause = pause,
            Ok(None) => {}
            Err(problem) => self.problems.push(problem),
        }
        Some(fault)
    }

    fn number(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        let number = value.as_u64().filter(|number| allowed.contains(number));
        if number.is_none() {
            let (from, to) = (allowed.start(), allowed.end());
            self.problem(key, format!("must be a whole number from {from} to {to}"));
        }
        number
    }

    fn schedule(&mut self, map: &Map<String, Value>) -> Schedule {
        let given = ["rate", "every", "at"]
            .iter()
            .filter(|key| map.contains_key(**key))
            .count();
        if given > 1 {
            self.problem("", "takes one of `rate`, `every` and `at`, not several");
        }
        if let Some(rate) = map.get("rate") {
            match rate.as_f64() {
                Some(rate) if (0.0..=1.0).contains(&rate) => return Schedule::Rate(rate),
                _ => self.problem("rate", "must be a number from 0 to 1"),
            }
        }
        if let Some(every) = self.number(map, "every", 1..=u64::MAX) {
            return Schedule::Every(every);
        }
        if let Some(at) = map.get("at") {
            let numbers: Option<Vec<u64>> = match at {
                Value::Array(items) => items.iter().map(Value::as_u64).collect(),
                one => one.as_u64().map(|number| vec![number]),
            };
            match numbers {
                Some(numbers) => return Schedule::At(numbers),
                None => self.problem("at", "must be a list of request numbers, counted from 1"),
            }
        }
        Schedule::Always
    }
}

/// A number of seconds, a spelling, or a spelling with its amount.
fn read_wait(value: &Value) -> Option<Wait> {
    if let Some(seconds) = value.as_u64() {
        return Some(Wait::Seconds(seconds));
    }
    let text = value.as_str()?;
    let (word, amount) = match text.split_once(':') {
        Some((word, amount)) => (word.trim(), Some(amount.trim().parse::<u64>().ok()?)),
        None => (text.trim(), None),
    };
    match word {
        "seconds" => Some(Wait::Seconds(amount.unwrap_or(1))),
        "ms" => Some(Wait::Milliseconds(amount.unwrap_or(1000))),
        "azure_ms" => Some(Wait::AzureMilliseconds(amount.unwrap_or(1000))),
        "date" => Some(Wait::Date(amount.unwrap_or(1))),
        "none" if amount.is_none() => Some(Wait::Silent),
        number => number.parse().ok().map(Wait::Seconds),
    }
}
