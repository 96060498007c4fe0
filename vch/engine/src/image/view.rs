//! How images are shown, and the parameters of image calls.

use crate::container::spec::Healthcheck;
use std::collections::{BTreeMap, BTreeSet};

/// An image in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// `sha256:…`.
    pub id: String,
    /// Parent's ID or empty.
    pub parent: String,
    /// Familiar references with tags.
    pub repo_tags: Vec<String>,
    /// Familiar references with digests.
    pub repo_digests: Vec<String>,
    /// Seconds since the epoch.
    pub created: i64,
    /// Bytes of all layers' content.
    pub size: i64,
    /// Bytes shared with other images, or −1 when not computed.
    pub shared_size: i64,
    /// Containers that use it, or −1 when not computed.
    pub containers: i64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What an image says of the containers made from it (the config's `config` object).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageDefaults {
    /// User.
    pub user: String,
    /// Exposed ports.
    pub exposed_ports: BTreeSet<String>,
    /// Environment.
    pub env: Vec<String>,
    /// Entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Command.
    pub cmd: Option<Vec<String>>,
    /// Volumes' paths.
    pub volumes: BTreeSet<String>,
    /// Working directory.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Stop signal.
    pub stop_signal: Option<String>,
    /// Health check.
    pub healthcheck: Option<Healthcheck>,
    /// Shell.
    pub shell: Option<Vec<String>>,
    /// Build triggers.
    pub on_build: Vec<String>,
    /// Whether the command is already escaped.
    pub args_escaped: bool,
}

/// An image in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageView {
    /// `sha256:…`.
    pub id: String,
    /// Familiar references with tags.
    pub repo_tags: Vec<String>,
    /// Familiar references with digests.
    pub repo_digests: Vec<String>,
    /// Parent's ID or empty.
    pub parent: String,
    /// Comment of the last history entry.
    pub comment: String,
    /// When it was made, RFC 3339 as the config has it; none where the config has none.
    pub created: Option<String>,
    /// Who made it.
    pub author: String,
    /// Docker version that built it.
    pub docker_version: String,
    /// CPU architecture in Go's words.
    pub architecture: String,
    /// Variant of the architecture.
    pub variant: String,
    /// Operating system in Go's words.
    pub os: String,
    /// Version of the operating system.
    pub os_version: String,
    /// Bytes of all layers' content.
    pub size: i64,
    /// Defaults for containers.
    pub defaults: ImageDefaults,
    /// Diff IDs, lowest first.
    pub layers: Vec<String>,
    /// When it was last tagged here; `Timestamp::ZERO` for never.
    pub last_tag_time: crate::timestamp::Timestamp,
}

/// One line of `history`, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryItem {
    /// `sha256:…` for the newest, `<missing>` for the others.
    pub id: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// The instruction.
    pub created_by: String,
    /// Tags, on the newest only.
    pub tags: Vec<String>,
    /// Bytes of the layer's content.
    pub size: i64,
    /// Comment.
    pub comment: String,
}

/// What `rmi` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A reference is gone.
    Untagged(String),
    /// An image or layer is gone.
    Deleted(String),
}

/// A login for a registry, from `X-Registry-Auth` or `POST /auth`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Refresh token instead of a password.
    pub identity_token: String,
    /// Bearer token to send as it is.
    pub registry_token: String,
    /// Registry that it is for.
    pub server: String,
}

impl std::fmt::Debug for Credentials {
    /// Secrets are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// `pull`.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    /// `fromImage`.
    pub name: String,
    /// `tag`: a tag, a digest, or empty for all tags.
    pub tag: String,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// Login.
    pub credentials: Option<Credentials>,
}

/// `push`.
#[derive(Debug, Clone, Default)]
pub struct Push {
    /// The name, with or without a tag.
    pub name: String,
    /// `tag`, or empty for what the name says, or all tags.
    pub tag: String,
    /// `os/arch[/variant]` that the image must be for.
    pub platform: Option<String>,
    /// Login.
    pub credentials: Option<Credentials>,
}

/// `commit`.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The container's name or ID.
    pub container: String,
    /// `repo`, or empty.
    pub repository: String,
    /// `tag`, or empty.
    pub tag: String,
    /// Who made it.
    pub author: String,
    /// Comment.
    pub comment: String,
    /// Whether the container stands still meanwhile.
    pub pause: bool,
    /// Dockerfile instructions that change the config.
    pub changes: Vec<String>,
    /// What the image's config is made from, what is open in it from the container's; none is the container's own.
    pub config: Option<crate::container::spec::ContainerSpec>,
}

/// `import` (`fromSrc=-`).
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// `repo`, or empty.
    pub repository: String,
    /// `tag`, or empty.
    pub tag: String,
    /// Comment.
    pub message: String,
    /// Dockerfile instructions that change the config.
    pub changes: Vec<String>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
}

/// One message of a progress stream (moby's `jsonmessage.JSONMessage`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is about.
    pub id: Option<String>,
    /// What happens.
    pub status: Option<String>,
    /// A line of plain output instead of a status.
    pub stream: Option<String>,
    /// Bytes so far and in all, in a message that has a bar.
    pub bar: Option<(u64, u64)>,
    /// A tag that was pushed, in a message that has nothing else.
    pub pushed: Option<Pushed>,
}

/// A tag that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The tag.
    pub tag: String,
    /// The manifest's digest.
    pub digest: String,
    /// The manifest's size in bytes.
    pub size: u64,
}

/// What a login gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginOutcome {
    /// `Login Succeeded`.
    pub status: String,
    /// Refresh token to keep instead of the password, or empty.
    pub identity_token: String,
}

/// What a registry has under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistributionView {
    /// Media type of the manifest or index.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// OS, architecture and variant of each platform.
    pub platforms: Vec<(String, String, String)>,
}

/// `search`.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What the names have in them, with or without a registry's host before it.
    pub term: String,
    /// At most so many; 0 for the default.
    pub limit: i64,
    /// Filters.
    pub filters: crate::filters::Filters,
    /// Login.
    pub credentials: Option<Credentials>,
}

/// A repository that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// How many like it.
    pub stars: i64,
    /// Whether Docker keeps it.
    pub official: bool,
}
