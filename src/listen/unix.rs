//! A unix socket: the one that a dead daemon left is removed, one that answers is not; owner and group alone may use it.

use super::{Address, ListenError, group};
use rustix::{
    fs::{Mode, fchmod},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with},
};
use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::{UnixListener as Bound, UnixStream},
    },
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

/// `sun_path` of unix(7), less the closing zero.
const MAX_PATH: usize = 107;
/// Clients that may wait for the daemon to take them, while it starts for instance.
const QUEUE: i32 = 1024;

/// A socket's file, removed when this is dropped, unless another has taken its place.
pub(super) struct Socket {
    path: PathBuf,
    inode: u64,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on `path`. The directory is made where it is missing.
pub(super) fn open(path: &Path, group: Option<&str>) -> Result<(UnixListener, Socket), ListenError> {
    let address = || Address::Unix(path.to_owned());
    let failed = |source| ListenError::Io { address: address(), source };
    if path.as_os_str().len() > MAX_PATH {
        return Err(ListenError::TooLong(path.to_owned()));
    }
    let group = group::find(group)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    remove_stale(path)?;
    let bound = bind_closed(path).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Answered(address()),
        _ => failed(source),
    })?;
    let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
    let socket = Socket { path: path.to_owned(), inode };
    chown(path, None, group).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failed)?;
    bound.set_nonblocking(true).map_err(failed)?;
    Ok((UnixListener::from_std(bound).map_err(failed)?, socket))
}

/// Nobody may come in between bind and the setting of group and mode, hence the mode of the unbound socket, which Linux
/// gives to the file (unix(7), `unix_bind_bsd` in the kernel).
fn bind_closed(path: &Path) -> io::Result<Bound> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, QUEUE)?;
    Ok(socket.into())
}

fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Io { address: Address::Unix(path.to_owned()), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => return Err(ListenError::NoSocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(error)),
        // A listener whose queue is full lives as well.
        _ => Err(ListenError::Answered(Address::Unix(path.to_owned()))),
    }
}
