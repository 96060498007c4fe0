//! An archive in cpio's `newc` format, as the kernel unpacks it (Linux's `driver-api/early-userspace/buffer-format.rst`).
//!
//! The image's maker fills one. It promises the same bytes for the same entries: no time, owner or number of the host's
//! gets in.
//!
//! It is not compressed: gzip, lz4, zstd and no compression boot within 3 % of each other under emulation, and 3 MiB on
//! disk are nothing.

/// Type bits of a mode.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const CHARACTER: u32 = 0o020_000;

/// An archive under construction.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; those above it must have been added before.
    pub(super) fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[]);
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(path, REGULAR | mode, (0, 0), content);
    }

    /// Adds a character device.
    pub(super) fn character(&mut self, path: &str, mode: u32, device: (u32, u32)) {
        self.entry(path, CHARACTER | mode, device, &[]);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        // A file's size has 32 bits here; no file of ours comes near.
        let size = content.len() as u32;
        // inode, mode, uid, gid, links, mtime, size, device of the file, device that it is, name's length, checksum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, path.len() as u32 + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        fields.iter().for_each(|field| self.bytes.extend_from_slice(format!("{field:08x}").as_bytes()));
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    /// What busybox's cpio makes of it; every test machine has busybox-static for its images.
    #[test]
    fn another_cpio_lists_what_was_put_in() {
        let mut archive = Archive::default();
        archive.directory("dev");
        archive.character("dev/console", 0o600, (5, 1));
        archive.file("init", 0o755, b"seven b");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let mut cpio = Command::new("busybox")
            .args(["cpio", "-tv"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs busybox: apt-get install busybox-static");
        cpio.stdin.take().unwrap().write_all(&bytes).unwrap();
        let text = String::from_utf8(cpio.wait_with_output().unwrap().stdout).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
        let brief: Vec<(&str, &str)> = rows.iter().map(|row| (row[0], row[row.len() - 1])).collect();
        assert_eq!(brief, [("drwxr-xr-x", "dev"), ("crw-------", "dev/console"), ("-rwxr-xr-x", "init")], "{text}");
    }
}
