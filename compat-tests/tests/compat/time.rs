//! Times as the API writes them.

use serde_json::Value;

/// Checks that a value is an RFC 3339 time: `2006-01-02T15:04:05[.999999999](Z|+01:00)`.
#[track_caller]
pub(crate) fn assert_is_a_time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20
        && bytes.iter().enumerate().take(19).all(|(at, b)| match at {
            4 | 7 => *b == b'-',
            10 => *b == b'T',
            13 | 16 => *b == b':',
            _ => b.is_ascii_digit(),
        })
        && (text.ends_with('Z') || bytes[bytes.len() - 3] == b':');
    assert!(shaped, "not a time: {value}");
}

/// Seconds since 1970 of a time in UTC.
#[track_caller]
pub(crate) fn seconds(value: &Value) -> f64 {
    assert_is_a_time(value);
    let text = value.as_str().unwrap();
    let number = |at: std::ops::Range<usize>| text[at].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970 in the proleptic Gregorian calendar, the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
            - 719_469;
    let whole = days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    let fraction = text[19..].trim_end_matches('Z');
    let fraction = if fraction.is_empty() { 0.0 } else { format!("0{fraction}").parse().unwrap() };
    whole as f64 + fraction
}

/// The time of something that has not happened.
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

/// The engine's clock is the host's: seconds since 1970, now.
pub(crate) fn now() -> f64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.map(|d| d.as_secs_f64()).unwrap_or_default()
}
