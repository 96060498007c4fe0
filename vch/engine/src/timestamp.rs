//! Points in time as Docker writes them: nanoseconds since the Unix epoch, shown as RFC 3339 with nanoseconds.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nanoseconds since the Unix epoch; [`Timestamp::ZERO`] is Go's zero time, shown as the year 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// "Never": what Docker shows as `0001-01-01T00:00:00Z`.
    pub const ZERO: Self = Self(0);

    /// The present.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Whole seconds since the epoch.
    pub fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Whether this is Go's zero time.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// RFC 3339 in UTC with trailing zeros of the fraction dropped, as Go's `time.RFC3339Nano` (inspect).
    pub fn rfc3339_nano(self) -> String {
        if self.is_zero() {
            return "0001-01-01T00:00:00Z".into();
        }
        let fixed = self.rfc3339_fixed();
        let trimmed = fixed.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
        format!("{trimmed}Z")
    }

    /// RFC 3339 in UTC with exactly nine digits of fraction, as in log lines.
    pub fn rfc3339_fixed(self) -> String {
        let Ok(t) = OffsetDateTime::from_unix_timestamp_nanos(self.0.into()) else { return String::new() };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.nanosecond()
        )
    }

    /// Reads RFC 3339.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(t.unix_timestamp_nanos()).ok().map(Self)
    }

    /// Nanoseconds from `earlier` to here, 0 when it is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A duration in Docker's rough words ("About a minute", "5 hours"), after go-units `HumanDuration`.
pub fn human_duration(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    let hours = (duration.as_secs_f64() / 3600.0).round() as u64;
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn nanoseconds_are_shown_as_go_shows_them() {
        assert_eq!(Timestamp(0).rfc3339_nano(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_700_000_000_120_000_000).rfc3339_nano(), "2023-11-14T22:13:20.12Z");
        assert_eq!(Timestamp(1_700_000_000_000_000_000).rfc3339_nano(), "2023-11-14T22:13:20Z");
        assert_eq!(Timestamp(1_700_000_000_120_000_000).rfc3339_fixed(), "2023-11-14T22:13:20.120000000Z");
    }

    #[test]
    fn rfc3339_is_read_back() {
        let t = Timestamp(1_700_000_000_123_456_789);
        assert_eq!(Timestamp::parse_rfc3339(&t.rfc3339_nano()), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn durations_are_told_as_docker_tells_them() {
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (150, "2 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (86400 * 3, "3 days"),
        ] {
            assert_eq!(human_duration(Duration::from_secs(seconds)), text);
        }
    }
}
