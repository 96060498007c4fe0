//! A machine's own folder under `run`.

use crate::SandboxError;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Longest path of a socket in a machine's folder, in bytes, its terminator not counted: `sun_path` in unix(7).
const SOCKET_PATH: usize = 107;

/// What stands behind `run` in the path of a machine's longest socket.
const SOCKET: &str = "/m-01234567/agent.sock";

/// A folder with a name of its own, mode 0700.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes one.
    pub(crate) fn make(run: &Path) -> Result<Fresh, SandboxError> {
        loop {
            let path = run.join(format!("m-{}", hex::encode(random::<4>()?)));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Fresh { folder: Self { path }, launched: false }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(SandboxError::storage("make the folder", &path)(error)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The machine's name: that of its folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Removes it with all that is in it. One that has gone already is fine.
    pub(crate) fn remove(&self) {
        remove(&self.path);
    }
}

/// A folder whose machine is not launched yet. Dropped before that, it is removed.
#[derive(Debug)]
pub(crate) struct Fresh {
    folder: Folder,
    launched: bool,
}

impl Fresh {
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its machine lives: who has that removes the folder.
    pub(crate) fn launched(mut self) -> Folder {
        self.launched = true;
        self.folder.clone()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.launched {
            self.folder.remove();
        }
    }
}

/// Removes a folder, telling the log when that fails: the next start tries again.
pub(crate) fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a machine's folder");
        }
        _ => {}
    }
}

/// Makes `run` and checks that sockets in it can have a name.
pub(crate) fn prepare(run: &Path) -> Result<(), SandboxError> {
    let length = run.as_os_str().len() + SOCKET.len();
    if length > SOCKET_PATH {
        return Err(SandboxError::Setting(format!(
            "the folder {} is {} bytes too deep for the sockets in it: choose a shorter data root",
            run.display(),
            length - SOCKET_PATH
        )));
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(run);
    made.map_err(SandboxError::storage("make the folder", run))
}

/// Random bytes from the host's kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SandboxError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let source = std::io::Error::other(error.to_string());
            Err(SandboxError::System { what: "get random bytes from the kernel", source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_too_deep_for_sockets_is_refused_with_a_remedy() {
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("d".repeat(SOCKET_PATH));
        let error = prepare(&deep).unwrap_err().to_string();
        assert!(error.contains("choose a shorter data root"), "{error}");
        assert!(!deep.exists());
    }

    #[test]
    fn folders_have_names_of_their_own_and_go_with_their_content() {
        let run = tempfile::tempdir().unwrap();
        drop(Folder::make(run.path()).unwrap());
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
        let folders: Vec<Folder> = (0..50).map(|_| Folder::make(run.path()).unwrap().launched()).collect();
        fs::write(folders[0].path().join("qemu.pid"), "1").unwrap();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 50);
        folders.iter().for_each(Folder::remove);
        folders[0].remove();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
    }
}
