//! When to come back, in every spelling that providers use.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The longest wait that is believed. Quotas of a day come back within it; a provider that asks for more is asked again
/// after it all the same.
const LONGEST: Duration = Duration::from_hours(24);

/// Reads `retry-after-ms`, `x-ms-retry-after-ms` (milliseconds) and `retry-after` (seconds, also with a fraction, or
/// an HTTP date). The finest one that is readable wins; nonsense and negative values count as absent. No wait is longer
/// than a day.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let number = |name: &str| -> Option<f64> {
        let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    let bounded = |seconds: f64| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()));
    number("retry-after-ms")
        .or_else(|| number("x-ms-retry-after-ms"))
        .map(|millis| bounded(millis / 1000.0))
        .or_else(|| number("retry-after").map(bounded))
        .or_else(|| {
            let text = headers.get("retry-after")?.to_str().ok()?;
            let at = http_date(text)?;
            Some(
                at.duration_since(now)
                    .unwrap_or(Duration::ZERO)
                    .min(LONGEST),
            )
        })
}

/// Reads the date of RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(',')?.1.split_ascii_whitespace();
    let day: i64 = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month_name)?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    if words.next() != Some("GMT") || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, with March as the first month.
    let (shifted_year, shifted_month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        retry_after(
            &headers,
            SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
        )
    }

    #[test]
    fn every_spelling_of_retry_after_is_read() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(&[("retry-after", "0.5")]),
            Some(Duration::from_millis(500))
        );
        assert_eq!(
            wait(&[("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait(&[("x-ms-retry-after-ms", "40")]),
            Some(Duration::from_millis(40))
        );
        assert_eq!(
            wait(&[("retry-after", "2"), ("retry-after-ms", "1900")]),
            Some(Duration::from_millis(1900))
        );
        assert_eq!(
            wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]),
            Some(Duration::from_mins(1))
        );
        assert_eq!(
            wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        for (name, value) in [
            ("retry-after", "31536000"),
            ("retry-after", "1e300"),
            ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
            ("retry-after-ms", "9999999999999"),
        ] {
            assert_eq!(wait(&[(name, value)]), Some(LONGEST), "{name}: {value}");
        }
    }

    #[test]
    fn nonsense_counts_as_absent() {
        for value in [
            "",
            "-3",
            "soon",
            "NaN",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(wait(&[]), None);
    }
}
