//! `container prune`.

use crate::container::Verb;
use crate::container::state::Status;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::requests::Pruned;
use crate::timestamp::Timestamp;

impl Engine {
    /// Removes every container that does not run and passes the filters (`label`, `label!`, `until`).
    ///
    /// # Errors
    /// A filter that does not exist or has a bad value.
    pub async fn prune_containers(&self, filters: &Filters) -> Result<Pruned> {
        filters.only(&["label", "label!", "until"])?;
        let until = until(filters)?;
        let mut pruned = Pruned::default();
        for container in self.index().all() {
            let record = container.record();
            let label = |name: &str| record.spec.labels.get(name).map(String::as_str);
            let idle = matches!(record.state.status, Status::Created | Status::Exited | Status::Dead);
            let excluded = filters.has("label!") && filters.labels("label!", label);
            if !idle || !filters.labels("label", label) || excluded || until.is_some_and(|until| record.created > until)
            {
                continue;
            }
            let (space, _) = self.sizes(&container, &record).await;
            match container.ask(Verb::Remove { force: false }).await {
                Ok(()) => {
                    pruned.space += u64::try_from(space).unwrap_or(0);
                    pruned.ids.push(container.id.clone());
                }
                Err(error) => tracing::warn!(container = %container.id, %error, "the container could not be pruned"),
            }
        }
        Ok(pruned)
    }
}

/// The time that an `until` filter means: seconds since the epoch, RFC 3339, or a Go duration ago.
pub(crate) fn until(filters: &Filters) -> Result<Option<Timestamp>> {
    let mut values = filters.values("until");
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => parse_until(value).map(Some).ok_or_else(|| {
            Error::invalid(format!(
                "invalid value for \"until\" filter: failed to parse value as time or duration: \"{value}\""
            ))
        }),
        (Some(_), Some(_)) => Err(Error::invalid("more than one until filter specified")),
    }
}

fn parse_until(value: &str) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse_rfc3339(value) {
        return Some(time);
    }
    if let Ok(seconds) = value.parse::<f64>() {
        return Some(Timestamp((seconds * 1e9) as i64));
    }
    let ago = go_duration(value)?;
    Some(Timestamp(Timestamp::now().0.saturating_sub(ago)))
}

/// A Go duration (`1h30m`, `1.5s`, `10ms`) in nanoseconds.
pub(crate) fn go_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_read() {
        assert_eq!(go_duration("1h30m"), Some(5_400_000_000_000));
        assert_eq!(go_duration("1.5s"), Some(1_500_000_000));
        assert_eq!(go_duration(""), None);
        assert_eq!(go_duration("1x"), None);
        assert_eq!(parse_until("2023-11-14T22:13:20Z"), Some(Timestamp(1_700_000_000_000_000_000)));
        assert_eq!(parse_until("1700000000"), Some(Timestamp(1_700_000_000_000_000_000)));
        assert!(parse_until("soon").is_none());
    }
}
