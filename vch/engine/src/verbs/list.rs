//! `ps`: a snapshot of the index, filtered as moby's `daemon/list.go` does.

use crate::container::Container;
use crate::container::record::Record;
use crate::container::state::Status;
use crate::container::view::ContainerSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::requests::ListContainers;
use crate::timestamp::Timestamp;
use std::sync::Arc;

/// Filters that dockerd knows.
const FILTERS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const STATES: &[&str] = &["created", "dead", "exited", "paused", "removing", "restarting", "running"];

impl Engine {
    /// Containers, newest first.
    ///
    /// # Errors
    /// A filter that does not exist or has a bad value; a container named by `before` or `since` that does not exist.
    pub async fn list(&self, options: ListContainers) -> Result<Vec<ContainerSummary>> {
        let filters = &options.filters;
        filters.only(FILTERS)?;
        let wanted = Wanted::of(self, filters)?;
        let limit = options.limit.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let by_state =
            filters.has("status") || !wanted.exited.is_empty() || filters.has("before") || filters.has("since");
        let everything = options.all || limit.is_some() || by_state;
        let mut found: Vec<(Arc<Record>, Arc<Container>)> =
            self.index().all().into_iter().map(|container| (container.record(), container)).collect();
        found.sort_by(|(a, _), (b, _)| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        found.retain(|(record, _)| (everything || record.state.status.is_running()) && wanted.has(record));
        found.truncate(limit.unwrap_or(usize::MAX));
        let now = Timestamp::now();
        let mut summaries = Vec::with_capacity(found.len());
        for (record, container) in found {
            let sizes = if options.size { Some(self.sizes(&container, &record).await) } else { None };
            summaries.push(ContainerSummary {
                id: record.id.clone(),
                name: record.name.clone(),
                image: self.shown_image(&record.spec.image, &record.image_id),
                image_id: record.image_id.clone(),
                command: as_text(&record.command),
                created: record.created,
                spec: Arc::clone(&record.spec),
                state: record.state.clone(),
                status: record.state.sentence(now),
                size_rw: sizes.map(|s| s.0),
                size_root_fs: sizes.map(|s| s.1),
            });
        }
        Ok(summaries)
    }
}

/// The filters, their values checked and looked up once.
struct Wanted<'a> {
    filters: &'a Filters,
    exited: Vec<i32>,
    before: Option<(Timestamp, String)>,
    since: Option<(Timestamp, String)>,
    ancestors: Option<Vec<String>>,
    task: Option<bool>,
    published: Option<Vec<String>>,
    exposed: Option<Vec<String>>,
}

impl<'a> Wanted<'a> {
    fn of(engine: &Engine, filters: &'a Filters) -> Result<Self> {
        let bad = |key: &str, value: &str| Error::invalid(format!("invalid filter '{key}={value}'"));
        let exited = filters
            .values("exited")
            .map(|value| value.parse().map_err(|_| bad("exited", value)))
            .collect::<Result<_>>()?;
        if let Some(value) = filters.values("status").find(|value| !STATES.contains(value)) {
            return Err(bad("status", value));
        }
        let healths = ["starting", "healthy", "unhealthy", "none"];
        if let Some(value) = filters.values("health").find(|value| !healths.contains(value)) {
            return Err(Error::invalid(format!("unrecognised filter value for health: {value}")));
        }
        let moment = |key: &str| {
            filters
                .values(key)
                .next()
                .map(|name| engine.find(name).map(|c| (c.record().created, c.id.clone())))
                .transpose()
        };
        // An image that does not exist is nobody's ancestor: that is no error.
        let ancestors = filters
            .has("ancestor")
            .then(|| filters.values("ancestor").flat_map(|name| engine.image_and_children(name)).collect());
        let task = filters.boolean("is-task")?;
        let all_ports = |key: &str| {
            let all = filters.values(key).map(|value| ports(key, value)).collect::<Result<Vec<_>>>()?.concat();
            Ok::<_, Error>(filters.has(key).then_some(all))
        };
        let (published, exposed) = (all_ports("publish")?, all_ports("expose")?);
        Ok(Self {
            published,
            exposed,
            filters,
            exited,
            before: moment("before")?,
            since: moment("since")?,
            ancestors,
            task,
        })
    }

    fn has(&self, record: &Record) -> bool {
        let filters = self.filters;
        let state = &record.state;
        let ended = matches!(state.status, Status::Exited | Status::Dead);
        let host = &record.spec.host;
        let network = if matches!(host.network_mode.as_str(), "default" | "") { "bridge" } else { &host.network_mode };
        let name = record.name.as_str();
        filters.prefix("id", &record.id)
            && (filters.matches("name", name) || filters.matches("name", &format!("/{name}")))
            && filters.labels("label", |key| record.spec.labels.get(key).map(String::as_str))
            && filters.exact("status", state.status.word())
            && (self.exited.is_empty() || (ended && self.exited.contains(&state.exit_code)))
            && self.before.as_ref().is_none_or(|(time, id)| record.created < *time && record.id != *id)
            && self.since.as_ref().is_none_or(|(time, id)| record.created > *time && record.id != *id)
            && self.ancestors.as_ref().is_none_or(|ids| ids.contains(&record.image_id))
            && filters.exact("health", state.health.as_ref().map_or("none", |health| health.status.word()))
            && filters.exact("network", network)
            && self.task.is_none_or(|task| !task)
            && (!filters.has("isolation") || filters.matches("isolation", &host.isolation))
            && (!filters.has("volume") || host.tmpfs.keys().any(|target| filters.has_value("volume", target)))
            // Nothing publishes ports yet.
            && self.published.is_none()
            && self
                .exposed
                .as_ref()
                .is_none_or(|ports| ports.iter().any(|port| record.spec.exposed_ports.contains(port)))
    }
}

/// Program and arguments in one line, as dockerd writes it: arguments with a space in quotes that nothing escapes.
fn as_text(command: &[String]) -> String {
    let mut text = String::new();
    for (at, word) in command.iter().enumerate() {
        match at {
            0 => text.push_str(word),
            _ if word.contains(' ') => text.push_str(&format!(" '{word}'")),
            _ => text.push_str(&format!(" {word}")),
        }
    }
    text
}

/// The ports that `publish` or `expose` names: `80`, `53/udp`, `8000-8010/tcp`.
///
/// # Errors
/// dockerd's words for what is no port.
fn ports(key: &str, value: &str) -> Result<Vec<String>> {
    if value.contains(':') {
        return Err(Error::invalid(format!("filter for '{key}' should not contain ':': {value}")));
    }
    let (range, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let bad = |what: &str| Error::invalid(format!("error while looking up for {key} {value}: {what}"));
    let number = |text: &str| text.parse::<u16>().map_err(|_| bad(&format!("invalid port \"{text}\"")));
    let (first, last) = (number(first)?, number(last)?);
    if last < first {
        return Err(bad(&format!("invalid range specified for port: {range}")));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_as_dockerd_tells_them() {
        let words = ["sh", "-c", "sleep 1", "it's"].map(str::to_owned);
        assert_eq!(as_text(&words), "sh -c 'sleep 1' it's");
    }

    #[test]
    fn ports_are_ranges_of_one_protocol() {
        assert_eq!(ports("expose", "80").unwrap(), ["80/tcp"]);
        assert_eq!(ports("expose", "8000-8001/udp").unwrap(), ["8000/udp", "8001/udp"]);
        for bad in ["99999999/tcp", "x", "2-1", "1:2", ""] {
            assert!(ports("publish", bad).is_err(), "{bad}");
        }
    }
}
