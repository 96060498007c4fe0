//! Events as the API tells them; the bus that carries them.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::requests::WatchEvents;
use crate::timestamp::Timestamp;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// The daemon itself.
    Daemon,
}

impl Subject {
    /// The word in `Type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Daemon => "daemon",
        }
    }
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub subject: Subject,
    /// `create`, `start`, `die`, `exec_create: cmd`, …
    pub action: String,
    /// The subject's ID.
    pub id: String,
    /// Labels, name, image, exit code, …
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub time: Timestamp,
}

impl Event {
    /// Whether the event passes the filters of a watcher, after moby's `daemon/events/filter.go`.
    pub fn passes(&self, filters: &Filters) -> bool {
        self.action_passes(filters)
            && filters.exact("type", self.subject.word())
            && filters.exact("scope", "local")
            && filters.exact("daemon", if self.subject == Subject::Daemon { &self.id } else { "" })
            && self.named(filters, Subject::Container)
            && self.named(filters, Subject::Volume)
            && self.named(filters, Subject::Network)
            && self.image_passes(filters)
            && filters.labels("label", |name| self.attributes.get(name).map(String::as_str))
    }

    /// `exec_create: cmd` and `health_status: healthy` also match their bare prefix.
    fn action_passes(&self, filters: &Filters) -> bool {
        let bare = self.action.split(':').next().unwrap_or_default();
        filters.exact("event", &self.action) || filters.has_value("event", bare)
    }

    fn named(&self, filters: &Filters, subject: Subject) -> bool {
        let key = subject.word();
        if !filters.has(key) {
            return true;
        }
        let name = self.attributes.get("name").map_or("", String::as_str);
        let ours = self.subject == subject
            && filters.values(key).any(|v| self.id.starts_with(v) || name == v.strip_prefix('/').unwrap_or(v));
        ours || (subject != Subject::Container && self.attributes.get(key).is_some_and(|v| filters.has_value(key, v)))
    }

    fn image_passes(&self, filters: &Filters) -> bool {
        let untagged = |image: &str| match image.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name.to_owned(),
            _ => image.to_owned(),
        };
        let image = match self.subject {
            Subject::Image => self.attributes.get("name").map_or("", String::as_str),
            _ => self.attributes.get("image").map_or("", String::as_str),
        };
        let matches = |text: &str| filters.matches("image", text);
        !filters.has("image")
            || matches(image)
            || matches(&untagged(image))
            || (self.subject == Subject::Image && (matches(&self.id) || matches(&untagged(&self.id))))
    }
}

impl Engine {
    /// Events, past and to come, that pass the filters.
    ///
    /// # Errors
    /// A filter that does not exist; a span that ends before it begins.
    pub fn events(&self, options: WatchEvents) -> Result<BoxStream<'static, Event>> {
        options.filters.only(FILTERS)?;
        if let (Some(since), Some(until)) = (options.since, options.until)
            && since > until
        {
            return Err(Error::invalid("`since` time cannot be after `until` time"));
        }
        Ok(self.bus().watch(options))
    }
}

/// Filters that dockerd knows for events.
const FILTERS: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Past events that a late watcher can still be told (moby keeps as many).
const KEPT: usize = 256;

/// Events that a slow watcher may lag behind before it misses some.
const LAG: usize = 1024;

/// The bus: every room tells, watchers listen. Telling never waits.
pub(crate) struct Bus {
    past: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Event>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { past: Mutex::default(), live: broadcast::channel(LAG).0 }
    }
}

impl Bus {
    /// Tells everyone.
    pub(crate) fn tell(
        &self,
        subject: Subject,
        action: impl Into<String>,
        id: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let event = Event { subject, action: action.into(), id: id.into(), attributes, time: Timestamp::now() };
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if past.len() == KEPT {
            past.pop_front();
        }
        past.push_back(event.clone());
        // Told under the lock, so that a watcher that subscribes gets each event once: from the past or live.
        let _ = self.live.send(event);
    }

    /// Past events that `options` asks for, then live ones until `options.until`.
    pub(crate) fn watch(&self, options: WatchEvents) -> BoxStream<'static, Event> {
        let (past, live) = {
            let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = |event: &&Event| {
                options.since.is_some_and(|since| event.time >= since)
                    && options.until.is_none_or(|until| event.time <= until)
            };
            (past.iter().filter(wanted).cloned().collect::<Vec<_>>(), self.live.subscribe())
        };
        let filters = options.filters;
        let left = options.until.map(|until| until.since(Timestamp::now()));
        let end = async move {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let live = BroadcastStream::new(live).filter_map(|event| async move {
            event.inspect_err(|error| tracing::warn!(%error, "a watcher of events is slow and misses some")).ok()
        });
        stream::iter(past)
            .chain(live.take_until(Box::pin(end)))
            .filter(move |event| std::future::ready(event.passes(&filters)))
            .boxed()
    }

    /// How many watch.
    pub(crate) fn listeners(&self) -> usize {
        self.live.receiver_count()
    }
}

#[cfg(test)]
mod tests;
