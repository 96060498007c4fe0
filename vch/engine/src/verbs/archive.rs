//! `cp`: a path of a container's looked at, packed into a tar, or a tar unpacked into it (moby daemon/archive.go).

use crate::container::Container;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Begun, Input};
use crate::requests::Extract;
use crate::stream::{Archive, PathStat};
use std::sync::Arc;
use vch_sandbox::proto::{FileAnswer, FileFailure, FileFailureClass, FileWork};

impl Engine {
    /// Looks at a path of a container's, whatever its state.
    ///
    /// # Errors
    /// No such container or path.
    pub async fn stat_path(&self, name: &str, path: &str) -> Result<PathStat> {
        let container = self.find(name)?;
        let begun = files::begin(self, &container, FileWork::Stat { path: path.to_owned() }, None).await?;
        stat_of(begun.answer, name, path)
    }

    /// Packs a path of a container's into a tar.
    ///
    /// # Errors
    /// No such container or path. What fails later breaks the tar off.
    pub async fn archive(&self, name: &str, path: &str) -> Result<Archive> {
        let container = self.find(name)?;
        let work = FileWork::Pack { path: path.to_owned() };
        let Begun { answer, content } = files::begin(self, &container, work, None).await?;
        let stat = stat_of(answer, name, path)?;
        self.tell_of(&container, "archive-path");
        Ok(Archive { stat, content })
    }

    /// Unpacks a tar, compressed or not, into a directory of a container's.
    ///
    /// # Errors
    /// No such container or directory; it may not be written; a tar that is none or cannot be unpacked there. What was
    /// unpacked until then stays.
    pub async fn extract(&self, name: &str, request: Extract, body: Input) -> Result<()> {
        let container = self.find(name)?;
        let record = container.record();
        let work = FileWork::Unpack {
            path: request.path.clone(),
            keep_kinds: request.keep_kinds,
            owner: Some(record.spec.user.clone()).filter(|user| request.to_user && !user.is_empty()),
            read_only: record.spec.host.readonly_rootfs,
        };
        let plain = vch_images::archive::plain(body).await.map_err(|e| Error::chain("read the archive", &e))?;
        match files::begin(self, &container, work, Some(plain)).await?.answer {
            FileAnswer::Failed(failure) => Err(explain(failure, name, &request.path)),
            _ => {
                self.tell_of(&container, "extract-to-dir");
                Ok(())
            }
        }
    }

    fn tell_of(&self, container: &Arc<Container>, action: &str) {
        self.tell_container(&container.record(), action, []);
    }
}

fn stat_of(answer: FileAnswer, name: &str, path: &str) -> Result<PathStat> {
    match answer {
        FileAnswer::Stat(stat) => Ok(stat.into()),
        FileAnswer::Failed(failure) => Err(explain(failure, name, path)),
        FileAnswer::Done => Err(Error::system(format!("the guest did not say what {path} is"))),
    }
}

fn explain(failure: FileFailure, name: &str, path: &str) -> Error {
    match failure.class {
        FileFailureClass::NotFound => Error::not_found(format!("Could not find the file {path} in container {name}")),
        FileFailureClass::Refused => Error::invalid(failure.message),
        FileFailureClass::Other => Error::system(failure.message),
    }
}
