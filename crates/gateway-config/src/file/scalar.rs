//! What the text of a scalar means where something other than text is expected.

use std::time::Duration;

use serde_json::{Number, Value as Json};

use super::Scalar;

/// A whole number: digits with an optional sign, `_` between digits, or a fraction of zero (`5.0`). Quoted is fine.
///
/// A leading zero is refused: YAML 1.1 reads such a number as octal, YAML 1.2 as decimal.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => digits,
    };
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    let starts_well = digits.starts_with(|c: char| c.is_ascii_digit());
    let ends_well = digits.ends_with(|c: char| c.is_ascii_digit());
    if leading_zero || !starts_well || !ends_well {
        return None;
    }
    format!("{sign}{}", digits.replace('_', "")).parse().ok()
}

/// A finite decimal number.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let decimal = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    if !text.bytes().all(decimal) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// True or false. The spellings of YAML 1.1 are taken too: nothing else can be meant by them here.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A duration: `200ms`, `30s`, `5m`, `1h`, `7d`, or plain seconds (`30`, `0.5`).
pub(crate) fn duration(text: &str) -> Option<Duration> {
    // The sum of a few such durations must still be one.
    const LONGEST_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;
    const UNITS: [(&str, f64); 5] = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
    ];
    let seconds = scaled(text, &UNITS)?;
    if seconds > LONGEST_SECONDS {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// A number of bytes: plain, or with `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1024).
pub(crate) fn size(text: &str) -> Option<u64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    const UNITS: [(&str, f64); 10] = [
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("k", 1e3),
        ("m", 1e6),
        ("g", 1e9),
        ("b", 1.0),
    ];
    let bytes = scaled(text, &UNITS)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0..2^53, where every whole number is exact"
    )]
    (0.0..=LARGEST)
        .contains(&bytes)
        .then_some(bytes.round() as u64)
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let (amount, factor) = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|amount| (amount, *factor)))
        .unwrap_or((&text, 1.0));
    let amount = amount.trim_end();
    let decimal = !amount.is_empty() && amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    decimal
        .then(|| amount.parse::<f64>().ok())?
        .map(|amount| amount * factor)
}

/// Seconds since 1970 of a date (`2027-01-31`, its first moment in UTC) or of an RFC 3339 time.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let days = date(text.get(..10)?)?;
    let seconds = days.checked_mul(86_400)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(seconds);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let time = pair(rest, 0)? * 3600 + pair(rest, 3)? * 60 + pair(rest, 6)?;
    let colons = rest.get(2..3)? == ":" && rest.get(5..6)? == ":";
    let in_range = pair(rest, 0)? < 24 && pair(rest, 3)? < 60 && pair(rest, 6)? <= 60;
    if !colons || !in_range {
        return None;
    }
    let zone = rest.get(8..)?;
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => zone,
    };
    Some(seconds + time - offset(zone)?)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let in_range = zone.len() == 6 && zone.get(3..4)? == ":";
    let (hours, minutes) = (pair(zone, 1)?, pair(zone, 4)?);
    (in_range && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn pair(text: &str, at: usize) -> Option<i64> {
    let digits = text.get(at..at.checked_add(2)?)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Days since 1970 of `YYYY-MM-DD`.
fn date(text: &str) -> Option<i64> {
    let year = pair(text, 0)? * 100 + pair(text, 2)?;
    let (month, day) = (pair(text, 5)?, pair(text, 8)?);
    let dashes = text.get(4..5)? == "-" && text.get(7..8)? == "-";
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !dashes || !(1..=12).contains(&month) || !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    Some(
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468,
    )
}

/// The JSON value of a scalar, by the core schema of YAML 1.2.
///
/// Numbers that JSON or the reader cannot hold exactly in kind (`0x1f`, `.inf`, a leading zero) stay text.
pub(crate) fn json(scalar: &Scalar) -> Json {
    let text = scalar.text.as_str();
    if !scalar.plain {
        return Json::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    decimal(text).map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

/// True when a plain scalar is a boolean of YAML 1.2.
pub(crate) fn is_bool(scalar: &Scalar) -> bool {
    scalar.plain && matches!(json(scalar), Json::Bool(_))
}

fn decimal(text: &str) -> Option<Number> {
    let digits = text.trim_start_matches(['-', '+']);
    let mut bytes = digits.bytes();
    let first = bytes.next()?;
    let starts_well = first.is_ascii_digit()
        || (first == b'.' && bytes.next().is_some_and(|b| b.is_ascii_digit()));
    let one_sign = text.len() <= digits.len().saturating_add(1);
    let whole = digits.bytes().all(|b| b.is_ascii_digit());
    if !starts_well || !one_sign || (whole && digits.len() > 1 && first == b'0') {
        return None;
    }
    if whole {
        let text = text.trim_start_matches('+');
        if let Ok(value) = text.parse::<i64>() {
            return Some(Number::from(value));
        }
        if let Ok(value) = text.parse::<u64>() {
            return Some(Number::from(value));
        }
    }
    number(text).and_then(Number::from_f64)
}
