//! A container's record: everything about it that outlives the daemon. Its version tells how to read it.

use super::spec::ContainerSpec;
use super::state::State;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Version of the record's shape that this daemon writes.
const VERSION: u32 = 1;

/// What stands on disk for a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    /// 64 hex digits.
    pub(crate) id: String,
    /// Name without a slash.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// `sha256:…`.
    pub(crate) image_id: String,
    /// `os/arch[/variant]`.
    pub(crate) platform: String,
    /// Program, then arguments.
    pub(crate) command: Vec<String>,
    /// What was asked for, image defaults merged in.
    pub(crate) spec: Arc<ContainerSpec>,
    /// What it is now.
    pub(crate) state: State,
}

impl Record {
    /// A new container's record.
    pub(crate) fn new(id: String, name: String, image_id: String, platform: String, spec: ContainerSpec) -> Self {
        let command = spec.entrypoint.iter().flatten().chain(spec.cmd.iter().flatten()).cloned().collect();
        Self {
            version: VERSION,
            id,
            name,
            created: Timestamp::now(),
            image_id,
            platform,
            command,
            spec: Arc::new(spec),
            state: State::default(),
        }
    }

    /// As it is written.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::chain("encode a container's record", &e))
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// The bytes are no record, or one of a newer daemon.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| Error::chain("read a container's record", &e))?;
        if head.version != VERSION {
            return Err(Error::system(format!(
                "a container's record has version {}, this daemon reads {VERSION}: start the daemon that wrote it",
                head.version
            )));
        }
        serde_json::from_slice(bytes).map_err(|e| Error::chain("read a container's record", &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_a_newer_one_refused() {
        let spec = ContainerSpec { cmd: Some(vec!["true".into()]), ..Default::default() };
        let mut record = Record::new("ab".into(), "n".into(), "sha256:0".into(), "linux/amd64".into(), spec);
        let again = Record::decode(&record.encode().unwrap()).unwrap();
        assert_eq!(again.command, ["true"]);
        assert_eq!(again.spec, record.spec);
        record.version = 2;
        let error = Record::decode(&record.encode().unwrap()).unwrap_err();
        assert!(error.message.contains("version 2"));
    }
}
