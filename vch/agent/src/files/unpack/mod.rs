//! A tar unpacked into a directory of the container's (moby daemon/archive_unix.go and pkg/archive, Unpack and
//! createTarFile), with their words.
//!
//! The tar is the client's, the directory the container's, which may change it meanwhile: neither leads out of the
//! process's root. That names stay below the directory is checked because dockerd refuses those that do not.

use super::stat;
use super::{CHUNK, other, path_error, spoken};
use crate::container::user;
use crate::failure::quoted;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tar::EntryType;
use vch_agent_proto::{FileFailure, FileFailureClass};

/// Mode of directories that the tar only implies.
const IMPLIED: u32 = 0o755;

/// How it is to be unpacked.
pub(super) struct Wanted<'a> {
    /// A directory may not take a non-directory's place, nor the other way round.
    pub(super) keep_kinds: bool,
    /// Everything becomes this user's.
    pub(super) owner: Option<&'a str>,
    /// The root file system may not be written.
    pub(super) read_only: bool,
}

/// One entry, as its header and its PAX records say it.
struct Item {
    kind: EntryType,
    name: PathBuf,
    /// Where it goes.
    path: PathBuf,
    target: PathBuf,
    mode: u32,
    owner: (u32, u32),
    times: Timestamps,
    device: u64,
    size: u64,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Unpacks `input`, to its end, into the directory at `path`; links on the way there, and at its end, are followed.
///
/// # Errors
/// There is no such directory, it may not be written, the tar is none, or something of it cannot be made. What was made
/// until then stays.
pub(super) fn unpack(path: &str, wanted: &Wanted<'_>, mut input: impl Read) -> Result<(), FileFailure> {
    let folder = destination(path)?;
    if wanted.read_only {
        return Err(refused("container rootfs is marked read-only"));
    }
    let owner = match wanted.owner {
        Some(user) => user::find(user, &[]).map(|user| Some((user.uid, user.gid))).map_err(|e| other(e.message))?,
        None => None,
    };
    let mut archive = tar::Archive::new(io::BufReader::with_capacity(CHUNK, &mut input));
    let mut folders = Vec::new();
    for entry in archive.entries().map_err(bad_tar)? {
        let mut entry = entry.map_err(bad_tar)?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let mut item = item(&mut entry, &folder)?;
        if let Some(owner) = owner {
            item.owner = owner;
        }
        if make_way(&item, &folder, wanted.keep_kinds)? {
            make(&item, &folder, &mut entry)?;
            if item.kind == EntryType::Directory {
                folders.push((item.path, item.times));
            }
        }
    }
    // What was made in a directory has changed its time.
    for (path, times) in folders {
        set_times(&path, &times)?;
    }
    drop(archive);
    // It may be padded with more zeros than a tar needs; its sender is to be rid of them.
    io::copy(&mut input, &mut io::sink()).map(drop).map_err(bad_tar)
}

/// The directory that a path means.
fn destination(path: &str) -> Result<PathBuf, FileFailure> {
    let asked = stat::absolute(path);
    let found = std::fs::canonicalize(asked.trim_end_matches("/.").trim_end_matches('/').to_owned() + "/.")
        .or_else(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            // What the path means without its end says better what is wrong with it.
            Some(Errno::NOTDIR) => std::fs::canonicalize(asked.trim_end_matches("/.").trim_end_matches('/')),
            _ => Err(error),
        })
        .map_err(|error| path_error("lstat", Path::new(&asked), &error))?;
    if found.is_dir() {
        Ok(found)
    } else if asked.ends_with(['/', '.']) {
        Err(path_error("lstat", Path::new(&asked), &Errno::NOTDIR.into()))
    } else {
        Err(refused("extraction point is not a directory"))
    }
}

fn item(entry: &mut tar::Entry<'_, impl Read>, folder: &Path) -> Result<Item, FileFailure> {
    let bytes = entry.path_bytes().into_owned();
    let is_folder = bytes.last() == Some(&b'/');
    let name = clean(Path::new(std::ffi::OsStr::from_bytes(&bytes)));
    let path = clean(&folder.join(name.strip_prefix("/").unwrap_or(&name)));
    if !path.starts_with(folder) {
        return Err(other(format!("{} is outside of {}", shown(&name), shown(folder))));
    }
    let target = entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default();
    let (mut modified, mut accessed, mut attributes) = (None, None, Vec::new());
    for record in entry.pax_extensions().map_err(bad_tar)?.into_iter().flatten() {
        let record = record.map_err(bad_tar)?;
        match record.key_bytes() {
            b"mtime" => modified = record.value().ok().and_then(time),
            b"atime" => accessed = record.value().ok().and_then(time),
            b"GNU.sparse.major" | b"GNU.sparse.map" => {
                return Err(other(format!("{}: sparse files in PAX form are not supported", shown(&name))));
            }
            key => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    attributes.push((name.to_vec(), record.value_bytes().to_vec()));
                }
            }
        }
    }
    let size = entry.size();
    let header = entry.header();
    let old = header.as_old();
    let number = |field: &[u8], value: io::Result<u64>| match value {
        // A field that nobody filled in is 0 for Go, and for most others.
        Err(_) if field.iter().all(|byte| matches!(byte, 0 | b' ')) => Ok(0),
        value => value.map_err(bad_tar),
    };
    let modified = match modified {
        Some(time) => time,
        None => Timespec { tv_sec: number(&old.mtime, header.mtime())?.cast_signed(), tv_nsec: 0 },
    };
    let accessed = accessed.filter(|time| (time.tv_sec, time.tv_nsec) > (modified.tv_sec, modified.tv_nsec));
    let kind = match header.entry_type() {
        // What was no directory before there were types for it.
        EntryType::Regular if is_folder => EntryType::Directory,
        kind => kind,
    };
    let device = match kind {
        EntryType::Char | EntryType::Block => {
            let part = |value: io::Result<Option<u32>>| value.map_err(bad_tar).map(Option::unwrap_or_default);
            rustix::fs::makedev(part(header.device_major())?, part(header.device_minor())?)
        }
        _ => 0,
    };
    Ok(Item {
        kind,
        path,
        target: PathBuf::from(std::ffi::OsString::from_vec(target)),
        mode: number(&old.mode, header.mode().map(u64::from))? as u32 & 0o7777,
        owner: (number(&old.uid, header.uid())? as u32, number(&old.gid, header.gid())? as u32),
        times: Timestamps { last_access: accessed.unwrap_or(modified), last_modification: modified },
        device,
        size,
        attributes,
        name,
    })
}

/// Makes the directories above, and takes away what stands in the way; whether there is anything to make then.
fn make_way(item: &Item, folder: &Path, keep_kinds: bool) -> Result<bool, FileFailure> {
    let parent = item.path.parent().unwrap_or(folder);
    if std::fs::symlink_metadata(parent).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        make_folders(parent)?;
    }
    let Ok(there) = std::fs::symlink_metadata(&item.path) else { return Ok(true) };
    let becomes_folder = item.kind == EntryType::Directory;
    if keep_kinds && there.is_dir() != becomes_folder {
        let (was, is) = if becomes_folder { ("non-directory", "directory") } else { ("directory", "non-directory") };
        return Err(other(format!("cannot overwrite {was} {} with {is} {}", shown(&item.path), shown(folder))));
    }
    if there.is_dir() && item.name.as_os_str() == "." {
        return Ok(false);
    }
    if !(there.is_dir() && becomes_folder) {
        let removed =
            if there.is_dir() { std::fs::remove_dir_all(&item.path) } else { std::fs::remove_file(&item.path) };
        removed.map_err(|error| path_error("unlinkat", &item.path, &error)).map_err(no_class)?;
    }
    Ok(true)
}

fn make(item: &Item, folder: &Path, content: &mut impl Read) -> Result<(), FileFailure> {
    let Item { path, mode, .. } = item;
    let failed = |call: &'static str| move |error: io::Error| no_class(path_error(call, path, &error));
    let own = Mode::from_raw_mode(*mode);
    match item.kind {
        EntryType::Directory => match rustix::fs::mkdir(path, own) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed("mkdir")(error.into())),
        },
        EntryType::Regular | EntryType::GNUSparse => write(item, content)?,
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            let kind = match item.kind {
                EntryType::Char => rustix::fs::FileType::CharacterDevice,
                EntryType::Block => rustix::fs::FileType::BlockDevice,
                _ => rustix::fs::FileType::Fifo,
            };
            rustix::fs::mknodat(CWD, path, kind, own, item.device).map_err(|e| failed("mknod")(e.into()))?;
        }
        EntryType::Link => {
            let target = clean(&folder.join(item.target.strip_prefix("/").unwrap_or(&item.target)));
            if !target.starts_with(folder) {
                return Err(other(format!("invalid hardlink {} -> {}", shown(&target), shown(&item.target))));
            }
            std::fs::hard_link(&target, path).map_err(|error| two_paths("link", &target, path, &error))?;
        }
        EntryType::Symlink => {
            let parent = path.parent().unwrap_or(folder);
            // As Go joins paths: an absolute target too.
            let target = clean(&parent.join(item.target.strip_prefix("/").unwrap_or(&item.target)));
            if !target.as_os_str().as_bytes().starts_with(folder.as_os_str().as_bytes()) {
                return Err(other(format!("invalid symlink {} -> {}", shown(path), shown(&item.target))));
            }
            std::os::unix::fs::symlink(&item.target, path)
                .map_err(|error| two_paths("symlink", &item.target, path, &error))?;
        }
        kind => return Err(other(format!("unhandled tar header type {}", kind.as_byte()))),
    }
    std::os::unix::fs::lchown(path, Some(item.owner.0), Some(item.owner.1)).map_err(failed("lchown"))?;
    for (name, value) in &item.attributes {
        match rustix::fs::lsetxattr(path, name.as_slice(), value, XattrFlags::empty()) {
            // Some may not be set; dockerd passes over them as well.
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(failed("lsetxattr")(error.into())),
        }
    }
    // After the owner, whose change takes setuid away. A link has no mode of its own.
    let follows_link = item.kind == EntryType::Link && path.is_symlink();
    if item.kind != EntryType::Symlink && !follows_link {
        rustix::fs::chmod(path, own).map_err(|e| failed("chmod")(e.into()))?;
    }
    // A further name of a file leaves it the time that its first name brought.
    if item.kind == EntryType::Link { Ok(()) } else { set_times(path, &item.times) }
}

fn write(item: &Item, content: &mut impl Read) -> Result<(), FileFailure> {
    let failed = |call: &'static str| move |error: io::Error| no_class(path_error(call, &item.path, &error));
    // What was there has been taken away: whatever is there now was put there meanwhile, and is not followed.
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(&item.path, flags, Mode::from_raw_mode(item.mode));
    let mut file = File::from(file.map_err(|error| failed("open")(error.into()))?);
    let mut buffer = vec![0; CHUNK];
    let mut left = item.size;
    while left > 0 {
        let count = content.read(&mut buffer).map_err(bad_tar)?;
        if count == 0 {
            return Err(other("unexpected EOF"));
        }
        file.write_all(buffer.get(..count).unwrap_or_default()).map_err(failed("write"))?;
        left = left.saturating_sub(count as u64);
    }
    Ok(())
}

/// Makes a directory and those above it, as root's own.
fn make_folders(path: &Path) -> Result<(), FileFailure> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
    missing.reverse();
    for part in missing {
        rustix::fs::mkdir(part, Mode::from_raw_mode(IMPLIED))
            .map_err(|error| no_class(path_error("mkdir", part, &error.into())))?;
    }
    Ok(())
}

fn set_times(path: &Path, times: &Timestamps) -> Result<(), FileFailure> {
    rustix::fs::utimensat(CWD, path, times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| no_class(path_error("chtimes", path, &error.into())))
}

/// `.`, `..` and doubled slashes resolved by the words alone, as Go's `filepath.Clean`; a relative path may still climb.
fn clean(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => drop(out.pop()),
                Some(Component::RootDir) => {}
                _ => out.push(".."),
            },
            part => out.push(part),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// PAX times: seconds and a fraction in decimals.
fn time(text: &str) -> Option<Timespec> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let (seconds, nanoseconds): (i64, i64) = (seconds.parse().ok()?, digits.parse().ok()?);
    match (text.starts_with('-'), nanoseconds) {
        (true, 1..) => Some(Timespec { tv_sec: seconds - 1, tv_nsec: 1_000_000_000 - nanoseconds }),
        _ => Some(Timespec { tv_sec: seconds, tv_nsec: nanoseconds }),
    }
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn refused(message: &str) -> FileFailure {
    FileFailure { class: FileFailureClass::Refused, message: message.to_owned() }
}

/// What fails while unpacking is no missing destination, whatever the error.
fn no_class(failure: FileFailure) -> FileFailure {
    FileFailure { class: FileFailureClass::Other, ..failure }
}

fn two_paths(call: &str, from: &Path, to: &Path, error: &io::Error) -> FileFailure {
    other(format!("{call} {} {}: {}", from.display(), to.display(), spoken(error)))
}

/// A stream that is no tar, or breaks off, in the words of Go's archive/tar.
fn bad_tar(error: io::Error) -> FileFailure {
    let broken_off =
        error.kind() == ErrorKind::UnexpectedEof || error.to_string().contains("failed to read entire block");
    other(if broken_off { "unexpected EOF" } else { "archive/tar: invalid tar header" })
}

#[cfg(test)]
mod tests;
