//! One file as a tar entry: ustar, with PAX records for what does not fit (POSIX.1-2017, pax), as Docker writes it.
//!
//! Times are whole seconds, names of users and groups are left out, of the extended attributes only
//! `security.capability` is kept: so does dockerd (moby pkg/archive, FileInfoHeader and ReadSecurityXattrToTarHeader).

use super::CHUNK;
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use tar::{EntryType, Header};

/// Bytes of a block, to which everything is padded.
const BLOCK: usize = 512;
/// Longest name that a header holds, in bytes.
const NAME: usize = 100;

/// Writes entries one after another.
pub(super) struct Entries<'a, W> {
    output: &'a mut W,
    /// Files with several names, by device and inode, and the name that was written first.
    linked: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
}

impl<'a, W: Write> Entries<'a, W> {
    /// A tar that goes to `output`.
    pub(super) fn new(output: &'a mut W) -> Self {
        Self { output, linked: HashMap::new(), buffer: vec![0; CHUNK] }
    }

    /// Adds the file at `path` as `name`. One that cannot be read, and a socket, is left out, as by dockerd.
    ///
    /// # Errors
    /// The output's.
    pub(super) fn add(&mut self, path: &Path, name: &[u8], metadata: &Metadata) -> io::Result<()> {
        let kind = metadata.file_type();
        let mut header = header(metadata);
        let mut name = name.to_vec();
        let mut target = Vec::new();
        let mut content = None;
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            if name.last() != Some(&b'/') {
                name.push(b'/');
            }
        } else if let Some(first) = self.first_name(&name, metadata) {
            header.set_entry_type(EntryType::Link);
            target = first;
        } else if kind.is_symlink() {
            let Ok(link) = std::fs::read_link(path) else { return Ok(()) };
            header.set_entry_type(EntryType::Symlink);
            target = link.as_os_str().as_bytes().to_vec();
        } else if kind.is_file() {
            let Some(file) = open(path) else { return Ok(()) };
            header.set_entry_type(EntryType::Regular);
            header.set_size(metadata.size());
            content = Some(file);
        } else if kind.is_fifo() {
            header.set_entry_type(EntryType::Fifo);
        } else if kind.is_char_device() || kind.is_block_device() {
            header.set_entry_type(if kind.is_block_device() { EntryType::Block } else { EntryType::Char });
            header.set_device_major(rustix::fs::major(metadata.rdev()))?;
            header.set_device_minor(rustix::fs::minor(metadata.rdev()))?;
        } else {
            return Ok(());
        }
        let mut records = Vec::new();
        if let Some(capability) = capability(path) {
            record(&mut records, b"SCHILY.xattr.security.capability", &capability);
        }
        self.write_header(header, &name, &target, records)?;
        match content {
            Some(file) => self.write_content(file, metadata.size()),
            None => Ok(()),
        }
    }

    /// Adds an empty file that says something of another one: a whiteout.
    ///
    /// # Errors
    /// The output's.
    pub(super) fn add_mark(&mut self, name: &[u8], mode: u32, of: &Metadata) -> io::Result<()> {
        let mut header = header(of);
        header.set_entry_type(EntryType::Regular);
        header.set_mode(mode);
        self.write_header(header, name, &[], Vec::new())
    }

    /// Ends the tar.
    ///
    /// # Errors
    /// The output's.
    pub(super) fn finish(self) -> io::Result<()> {
        self.output.write_all(&[0; 2 * BLOCK])
    }

    /// For a file with several names, the one it was added by before.
    fn first_name(&mut self, name: &[u8], metadata: &Metadata) -> Option<Vec<u8>> {
        if metadata.nlink() < 2 {
            return None;
        }
        let known = self.linked.get(&(metadata.dev(), metadata.ino())).cloned();
        if known.is_none() {
            self.linked.insert((metadata.dev(), metadata.ino()), name.to_vec());
        }
        known
    }

    fn write_header(&mut self, mut header: Header, name: &[u8], target: &[u8], mut records: Vec<u8>) -> io::Result<()> {
        for (key, value) in [(b"path".as_slice(), name), (b"linkpath".as_slice(), target)] {
            if value.len() > NAME {
                record(&mut records, key, value);
            }
        }
        if !records.is_empty() {
            let mut pax = Header::new_ustar();
            pax.set_entry_type(EntryType::XHeader);
            pax.set_mode(0o644);
            pax.set_size(records.len() as u64);
            fill(&mut pax, b"PaxHeaders.0/record", &[]);
            self.output.write_all(pax.as_bytes())?;
            self.output.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        fill(&mut header, name, target);
        self.output.write_all(header.as_bytes())
    }

    /// Exactly `size` bytes: a file that grows meanwhile is cut, one that shrinks is filled up with zeros, since its
    /// header has been written.
    fn write_content(&mut self, file: File, size: u64) -> io::Result<()> {
        let mut left = size;
        let mut file = file.take(size);
        while left > 0 {
            match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => {
                    self.output.write_all(self.buffer.get(..count).unwrap_or_default())?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if left > 0 {
            io::copy(&mut io::repeat(0).take(left), self.output)?;
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = (size % BLOCK as u64) as usize;
        if over == 0 { Ok(()) } else { self.output.write_all([0; BLOCK].get(over..).unwrap_or_default()) }
    }
}

/// What every entry has of its file.
fn header(metadata: &Metadata) -> Header {
    let mut header = Header::new_ustar();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

/// Names as far as they fit, and the checksum. Names are not checked: they are what the container calls its files.
fn fill(header: &mut Header, name: &[u8], target: &[u8]) {
    let put = |field: &mut [u8], value: &[u8]| field.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
    let old = header.as_old_mut();
    put(&mut old.name, name);
    put(&mut old.linkname, target);
    header.set_cksum();
}

/// A PAX record: its own length in digits, the key, the value.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + digits(rest);
    if digits(length) != digits(rest) {
        length += 1;
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

fn open(path: &Path) -> Option<File> {
    // It may have become a link or a pipe since it was looked at.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    file.metadata().ok()?.is_file().then_some(file)
}

/// `security.capability`, as revision 2: a namespace's root means nothing elsewhere.
fn capability(path: &Path) -> Option<Vec<u8>> {
    const REVISION: usize = 3;
    const LENGTH: usize = 20;
    let mut value = vec![0; 64];
    let length = rustix::fs::lgetxattr(path, c"security.capability", &mut value[..]).ok()?;
    value.truncate(length);
    if value.get(REVISION) == Some(&3) {
        value.truncate(LENGTH);
        value[REVISION] = 2;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&Path, &[u8])]) -> Vec<u8> {
        let mut tar = Vec::new();
        let mut entries = Entries::new(&mut tar);
        for (path, name) in files {
            entries.add(path, name, &std::fs::symlink_metadata(path).unwrap()).unwrap();
        }
        entries.finish().unwrap();
        tar
    }

    #[test]
    fn what_is_written_another_reader_reads() {
        let folder = tempfile::tempdir().unwrap();
        let (file, again, link) = (folder.path().join("f"), folder.path().join("g"), folder.path().join("l"));
        std::fs::write(&file, vec![7; 1000]).unwrap();
        std::fs::hard_link(&file, &again).unwrap();
        let far = "t".repeat(300);
        std::os::unix::fs::symlink(&far, &link).unwrap();
        let long = [b"n".repeat(200), b"/\xff".to_vec()].concat();
        let tar = packed(&[(folder.path(), b"/"), (&file, &long), (&again, b"g"), (&link, b"l")]);
        assert_eq!(tar.len() % BLOCK, 0);
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let target = entry.link_name_bytes().map(|target| target.to_vec()).unwrap_or_default();
            seen.push((entry.header().entry_type(), entry.path_bytes().to_vec(), target, content.len()));
        }
        let expected = [
            (EntryType::Directory, b"/".to_vec(), Vec::new(), 0),
            (EntryType::Regular, long.clone(), Vec::new(), 1000),
            (EntryType::Link, b"g".to_vec(), long, 0),
            (EntryType::Symlink, b"l".to_vec(), far.into_bytes(), 0),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_records_length_counts_its_own_digits() {
        for length in [1, 85, 86, 87, 980, 990, 9_990] {
            let mut records = Vec::new();
            record(&mut records, b"path", &vec![b'x'; length]);
            let text = String::from_utf8(records).unwrap();
            let (number, _) = text.split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), text.len(), "{length}");
        }
    }
}
