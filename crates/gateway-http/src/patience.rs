//! How long a caller waits.
//!
//! | header | value | what it bounds |
//! |---|---|---|
//! | `x-request-timeout` | seconds as `30` or `1.5`, or with a unit: `500ms`, `30s`, `2m` | the whole answer |
//! | `x-litellm-timeout` | seconds | the whole answer |
//! | `x-portkey-request-timeout` | milliseconds | the whole answer |
//! | `x-litellm-stream-timeout` | seconds | the first event of a stream, or a whole answer |
//! | `cf-aig-request-timeout` | milliseconds | the first event of a stream, or a whole answer |
//!
//! The time counts from the last byte of the request, over all attempts. Of several headers the shortest time counts.
//! The endpoint's own `timeout` holds as well. A value that is no time is an error: a caller that gets no bound where it
//! asked for one would wait for ever.

use std::time::Duration;

use gateway_schema::{CallError, ErrorKind};
use http::{HeaderMap, HeaderName};

/// How long a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Patience {
    /// For the whole answer.
    pub(crate) whole: Option<Duration>,
    /// For the first event of a stream, or for a whole answer.
    pub(crate) begin: Option<Duration>,
}

/// What a number without a unit counts.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
}

type Name = (HeaderName, Unit);

const fn name(text: &'static str, unit: Unit) -> Name {
    (HeaderName::from_static(text), unit)
}

static WHOLE: [Name; 3] = [
    name("x-request-timeout", Unit::Seconds),
    name("x-litellm-timeout", Unit::Seconds),
    name("x-portkey-request-timeout", Unit::Milliseconds),
];
static BEGIN: [Name; 2] = [
    name("x-litellm-stream-timeout", Unit::Seconds),
    name("cf-aig-request-timeout", Unit::Milliseconds),
];
/// Beyond this a bound is none.
const LONGEST: Duration = Duration::from_hours(24);

/// Reads how long the caller waits.
pub(crate) fn read(headers: &HeaderMap) -> Result<Patience, CallError> {
    Ok(Patience {
        whole: shortest(headers, &WHOLE)?,
        begin: shortest(headers, &BEGIN)?,
    })
}

fn shortest(headers: &HeaderMap, names: &[Name]) -> Result<Option<Duration>, CallError> {
    let mut shortest: Option<Duration> = None;
    for (name, unit) in names {
        let Some(value) = headers.get(name) else {
            continue;
        };
        let text = value.to_str().unwrap_or("?").trim();
        let time = time(text, *unit).ok_or_else(|| not_a_time(name.as_str(), text, *unit))?;
        shortest = Some(shortest.map_or(time, |known| known.min(time)));
    }
    Ok(shortest)
}

fn time(text: &str, unit: Unit) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
    let with_unit = units
        .iter()
        .find_map(|(word, seconds)| Some((text.strip_suffix(word)?, *seconds)));
    let (number, seconds) = with_unit.unwrap_or(match unit {
        Unit::Seconds => (text, 1.0),
        Unit::Milliseconds => (text, 0.001),
    });
    let number: f64 = number.trim().parse().ok()?;
    let time = number * seconds;
    (number > 0.0 && time.is_finite())
        .then(|| Duration::from_secs_f64(time.min(LONGEST.as_secs_f64())))
}

fn not_a_time(name: &str, found: &str, unit: Unit) -> CallError {
    let expected = match unit {
        Unit::Seconds => "a number of seconds above 0, or a time such as 500ms or 2m",
        Unit::Milliseconds => "a number of milliseconds above 0",
    };
    let found: String = found.chars().take(40).collect();
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The header {name} is '{found}'; {expected} is expected."),
    )
    .with_code("invalid_timeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Result<Patience, CallError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        read(&map)
    }

    #[test]
    fn every_spelling_is_read_in_its_own_unit() {
        for (name, value, millis) in [
            ("x-request-timeout", "30", 30_000),
            ("x-request-timeout", " 1.5 ", 1_500),
            ("x-request-timeout", "250ms", 250),
            ("x-request-timeout", "2m", 120_000),
            ("x-request-timeout", "7 s", 7_000),
            ("x-litellm-timeout", "0.5", 500),
            ("x-portkey-request-timeout", "400", 400),
        ] {
            let patience = of(&[(name, value)]).unwrap();
            assert_eq!(
                patience.whole,
                Some(Duration::from_millis(millis)),
                "{name}: {value}"
            );
            assert_eq!(patience.begin, None);
        }
        for (name, value) in [
            ("x-litellm-stream-timeout", "3"),
            ("cf-aig-request-timeout", "3000"),
        ] {
            let patience = of(&[(name, value)]).unwrap();
            assert_eq!(patience.begin, Some(Duration::from_secs(3)), "{name}");
        }
        let both = of(&[("x-request-timeout", "9"), ("x-litellm-timeout", "4")]).unwrap();
        assert_eq!(both.whole, Some(Duration::from_secs(4)));
        assert_eq!(of(&[]).unwrap(), Patience::default());
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_was_found() {
        for value in ["", "soon", "0", "-1", "nan", "inf", "10h"] {
            let error = of(&[("x-request-timeout", value)]).unwrap_err();
            let message = error.message();
            assert!(
                message.contains("x-request-timeout") && message.contains(value),
                "{message}"
            );
        }
    }
}
