//! Work on a container's files, done by a process of the agent's own inside the container's root: what `docker cp`,
//! `export`, `diff` and `commit` need.
//!
//! Such a process has streams as any other. Standard output begins with an answer in one frame of its own ([`encode`]);
//! behind it comes the tar or the list that the work makes. Work that takes a tar reads it from standard input, to its
//! end, and answers then. The exit code is 0 only if everything was written, so a listener that has seen the end of the
//! output and this code has it whole.

use serde::{Deserialize, Serialize};

/// Largest answer in bytes: a path, its target and a sentence.
pub const MAX_ANSWER: usize = 32 * 1024;

/// What is to be done. Paths are absolute, as the container sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileWork {
    /// Looks at a path. Answered by [`FileAnswer::Stat`].
    Stat {
        /// The path; a final `/` or `/.` follows a link.
        path: String,
    },
    /// Packs a path, and what is below it, into a tar whose names begin with the path's last part. Answered by
    /// [`FileAnswer::Stat`].
    Pack {
        /// The path; a final `/` or `/.` follows a link.
        path: String,
    },
    /// Unpacks a tar from standard input into a directory. Answered by [`FileAnswer::Done`].
    Unpack {
        /// The directory; links are followed.
        path: String,
        /// Whether a directory may not take a non-directory's place, nor the other way round.
        keep_kinds: bool,
        /// Everything becomes this user's (`user[:group]`, by name or number), whatever the tar says.
        owner: Option<String>,
        /// Whether the root file system may not be written.
        read_only: bool,
    },
    /// Packs the whole root file system, without what is mounted on it. Answered by [`FileAnswer::Done`].
    Export,
    /// Lists what differs from the image, a [`FileChange`] each. Answered by [`FileAnswer::Done`].
    Changes,
    /// Packs what differs from the image as a layer of its own, in the form of the OCI image specification (layer.md).
    /// Answered by [`FileAnswer::Done`].
    Layer,
}

/// How work went, or began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileAnswer {
    /// It went well, or its output follows.
    Done,
    /// What the path is; its tar may follow.
    Stat(PathStat),
    /// It went wrong.
    Failed(FileFailure),
}

/// What a path is: lstat(2) of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStat {
    /// Its last part; `/` for the root, `.` where the path ends so.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `st_mode`: type and permission bits.
    pub mode: u32,
    /// Last change of its content, in nanoseconds since the Unix epoch.
    pub modified_ns: i64,
    /// For a link, the path that it leads to in the end, as far as that can be told.
    pub link_target: String,
}

/// Why work failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFailure {
    /// What kind of failure it is; the engine maps it to Docker's statuses.
    pub class: FileFailureClass,
    /// A sentence in the words of dockerd.
    pub message: String,
}

/// Kinds of failure that the host treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileFailureClass {
    /// The path does not exist.
    NotFound,
    /// The work cannot be done there, whatever the tar.
    Refused,
    /// Anything else.
    Other,
}

/// One difference from the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// What happened.
    pub kind: ChangeKind,
    /// To which path.
    pub path: String,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It is in the image too, and differs.
    Modified,
    /// The image does not have it.
    Added,
    /// Only the image has it.
    Deleted,
}

/// Bytes that are no message of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileMessageError {
    /// The length at its head is over the bound.
    #[error("a message of {0} bytes exceeds the {MAX_ANSWER} that it may have")]
    TooLong(usize),
    /// The bytes are not that message, or cannot be.
    #[error("malformed message")]
    Malformed,
}

/// A message with its length before it (`u32` LE).
///
/// # Errors
/// It is longer than [`MAX_ANSWER`].
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FileMessageError> {
    let payload = postcard::to_stdvec(message).map_err(|_| FileMessageError::Malformed)?;
    if payload.len() > MAX_ANSWER {
        return Err(FileMessageError::TooLong(payload.len()));
    }
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    bytes.extend(payload);
    Ok(bytes)
}

/// The message at the head of `bytes` and how many bytes it takes, or none until more have come.
///
/// # Errors
/// Too long, or no such message: the rest is of no use then.
pub fn decode<M: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Option<(M, usize)>, FileMessageError> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > MAX_ANSWER {
        return Err(FileMessageError::TooLong(length));
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(Some((message, 4 + length))),
        _ => Err(FileMessageError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_read_back_and_nothing_beyond_it() {
        let change = FileChange { kind: ChangeKind::Deleted, path: "/a".into() };
        let mut bytes = encode(&change).unwrap();
        let length = bytes.len();
        assert_eq!(decode::<FileChange>(&bytes[..length - 1]), Ok(None));
        bytes.extend(b"more");
        assert_eq!(decode(&bytes), Ok(Some((change, length))));
    }

    #[test]
    fn a_length_over_the_bound_is_refused_before_any_payload_is_read() {
        let bytes = (MAX_ANSWER as u32 + 1).to_le_bytes();
        assert_eq!(decode::<FileAnswer>(&bytes), Err(FileMessageError::TooLong(MAX_ANSWER + 1)));
        let long = FileChange { kind: ChangeKind::Added, path: "x".repeat(MAX_ANSWER) };
        assert!(encode(&long).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<FileAnswer>(&bytes);
            let _ = decode::<FileChange>(&bytes);
        }
    }
}
