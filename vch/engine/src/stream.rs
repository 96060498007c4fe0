//! What flows between a container and clients: output chunks, a place to write stdin, logs, archives and changes.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;

/// Which output a chunk is of; a terminal has only [`Channel::Stdout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The engine's own word, after the stream has begun (frame type 3).
    System,
}

impl From<vch_sandbox::Channel> for Channel {
    fn from(channel: vch_sandbox::Channel) -> Self {
        match channel {
            vch_sandbox::Channel::Stdout => Self::Stdout,
            vch_sandbox::Channel::Stderr => Self::Stderr,
        }
    }
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which output.
    pub channel: Channel,
    /// The bytes.
    pub bytes: Bytes,
}

/// What a client writes: bytes, then dropped (or closed) at its end of input. Bounded, so that a process that does not
/// read stalls only its own client.
pub type StdinSender = mpsc::Sender<Bytes>;

/// A client's side of an attached process.
pub struct Attached {
    /// Whether the process has a terminal: bytes go raw, without frames.
    pub tty: bool,
    /// The output; ends when the process has ended or the client detached.
    pub output: BoxStream<'static, Chunk>,
    /// Where to write input, if the client attached it. Dropping it is end of input.
    pub stdin: Option<StdinSender>,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").field("tty", &self.tty).field("stdin", &self.stdin.is_some()).finish_non_exhaustive()
    }
}

/// One log line, or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which output.
    pub channel: Channel,
    /// When it was written.
    pub time: crate::timestamp::Timestamp,
    /// The bytes, with their newline.
    pub line: Bytes,
    /// `k=v,k2=v2` where the log driver keeps attributes.
    pub attributes: String,
}

/// A log being read.
pub struct Logs {
    /// Whether the container has a terminal: lines go raw, without frames.
    pub tty: bool,
    /// The entries; ends at the log's end, or with the container when following.
    pub entries: BoxStream<'static, crate::Result<LogEntry>>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("tty", &self.tty).finish_non_exhaustive()
    }
}

/// Bytes as they come; an error where they break off.
pub type Content = BoxStream<'static, crate::Result<Bytes>>;

/// What a path in a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// Its last part; `/` for the root, `.` where the path ends so.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `st_mode`: type and permission bits.
    pub mode: u32,
    /// Last change of its content.
    pub modified: crate::timestamp::Timestamp,
    /// For a link, the path that it leads to in the end.
    pub link_target: String,
}

impl From<vch_sandbox::proto::PathStat> for PathStat {
    fn from(stat: vch_sandbox::proto::PathStat) -> Self {
        let vch_sandbox::proto::PathStat { name, size, mode, modified_ns, link_target } = stat;
        Self { name, size, mode, modified: crate::timestamp::Timestamp(modified_ns), link_target }
    }
}

/// A path of a container's, packed.
pub struct Archive {
    /// What it is.
    pub stat: PathStat,
    /// The tar.
    pub content: Content,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("stat", &self.stat).finish_non_exhaustive()
    }
}

/// What happened to a path of an image's in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It differs.
    Modified,
    /// The image does not have it.
    Added,
    /// Only the image has it.
    Deleted,
}

/// One difference between a container and its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// To which path.
    pub path: String,
}

impl From<vch_sandbox::proto::FileChange> for Change {
    fn from(change: vch_sandbox::proto::FileChange) -> Self {
        use vch_sandbox::proto::ChangeKind as Kind;
        let kind = match change.kind {
            Kind::Modified => ChangeKind::Modified,
            Kind::Added => ChangeKind::Added,
            Kind::Deleted => ChangeKind::Deleted,
        };
        Self { kind, path: change.path }
    }
}
