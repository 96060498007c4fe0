//! Events as the API tells them; the bus that carries them.

use crate::timestamp::Timestamp;
use std::collections::BTreeMap;

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
