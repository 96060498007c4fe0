//! Work on a container's files: a process in the guest like any other, see [`vch_agent_proto::files`].

use super::process::Starting;
use super::{Client, Streams};
use crate::SandboxError;
use vch_agent_proto::{self as proto, FileWork, Request};

impl Client {
    /// Sends work on the files of a container that runs here.
    pub(crate) fn files(&self, container: &str, work: FileWork, streams: Streams) -> Result<Starting, SandboxError> {
        self.start("beginning work on files", streams, |process, stdio| Request::Files {
            container: container.to_owned(),
            process,
            stdio,
            work: Box::new(work),
        })
    }

    /// Sends work on the files of a container that does not run, in the place of its first process.
    pub(crate) fn files_at_rest(
        &self,
        container: proto::Container,
        work: FileWork,
        streams: Streams,
    ) -> Result<Starting, SandboxError> {
        self.first("beginning work on files", container, streams, |container| Request::FilesAtRest {
            container: Box::new(container),
            work: Box::new(work),
        })
    }
}
