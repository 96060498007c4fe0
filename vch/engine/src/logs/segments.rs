//! A log as a row of files, as dockerd names them: `log` is written, `log.1` was full last, `log.2` before it; compressed
//! ones end with `.gz`.
//!
//! Each file of the row has a number that it keeps while its name shifts, so that readers find the file that follows the
//! one they have read to its end: nothing is lost between them or read twice. Names shift under a lock only.

use super::options::Bounds;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of the first file that is written. Older ones, of an earlier daemon, count down from here.
const FIRST: u64 = 1 << 32;

/// The row of files of one log; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Segments {
    path: PathBuf,
    newest: Arc<Mutex<u64>>,
}

impl Segments {
    /// The log that is written at `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, newest: Arc::new(Mutex::new(FIRST)) }
    }

    /// Where the newest file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the file that is written now.
    pub(crate) fn newest(&self) -> u64 {
        *self.lock()
    }

    /// The number of the oldest file.
    pub(crate) fn oldest(&self) -> u64 {
        let newest = self.lock();
        newest.saturating_sub(self.older() as u64)
    }

    /// How many files there are beside the newest.
    fn older(&self) -> usize {
        (1..).take_while(|&index| self.found(index).is_some()).count()
    }

    fn name(&self, index: usize, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        if index > 0 {
            name.push(format!(".{index}"));
        }
        name.push(ending);
        name.into()
    }

    /// The file at this place of the row, and whether it is compressed.
    fn found(&self, index: usize) -> Option<(PathBuf, bool)> {
        [("", false), (".gz", true)]
            .into_iter()
            .filter(|(_, packed)| index > 0 || !packed)
            .map(|(ending, packed)| (self.name(index, ending), packed))
            .find(|(path, _)| path.exists())
    }

    /// Opens the file of this number, or the oldest that is left if that one has gone, as plain text. None if there is no
    /// such file yet.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn open(&self, number: u64) -> io::Result<Option<(u64, File)>> {
        let (number, file, packed) = {
            let newest = self.lock();
            let Some(index) = newest.checked_sub(number).and_then(|index| usize::try_from(index).ok()) else {
                return Ok(None);
            };
            let index = index.min(self.older());
            let Some((path, packed)) = self.found(index) else { return Ok(None) };
            (*newest - index as u64, File::open(path)?, packed)
        };
        Ok(Some((number, if packed { self.plain(&file)? } else { file })))
    }

    /// What a compressed file holds, in a file without a name.
    fn plain(&self, packed: &File) -> io::Result<File> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut plain = tempfile::tempfile_in(folder)?;
        io::copy(&mut GzDecoder::new(packed), &mut plain)?;
        plain.seek(SeekFrom::Start(0))?;
        Ok(plain)
    }

    /// Opens the newest file for appending, and removes what a daemon that died left half made.
    ///
    /// # Errors
    /// The file or its folder cannot be made.
    pub(crate) fn append(&self) -> io::Result<File> {
        remove(&self.name(1, ".gz.tmp"))?;
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::options().create(true).append(true).open(&self.path)
    }

    /// Begins a new file and shifts the others' names; those beyond the bounds go.
    ///
    /// # Errors
    /// A file cannot be renamed, removed or made. The newest file is as it was then, or missing.
    pub(crate) fn rotate(&self, bounds: Bounds) -> io::Result<File> {
        let mut newest = self.lock();
        for index in (1..=self.older()).rev() {
            for ending in ["", ".gz"] {
                let from = self.name(index, ending);
                if index + 1 < bounds.max_files {
                    rename(&from, &self.name(index + 1, ending))?;
                } else {
                    remove(&from)?;
                }
            }
        }
        // A reader that holds a file open reads it to its end, whatever becomes of its name.
        if bounds.max_files > 1 {
            rename(&self.path, &self.name(1, ""))?;
        } else {
            remove(&self.path)?;
        }
        let file = File::options().create(true).append(true).open(&self.path)?;
        *newest += 1;
        Ok(file)
    }

    /// Compresses the file that was full last. Must be done before the next [`Segments::rotate`].
    ///
    /// # Errors
    /// The disk is full, for instance; the file stays as it was then.
    pub(crate) fn pack(&self) -> io::Result<()> {
        let (plain, packed, half) = (self.name(1, ""), self.name(1, ".gz"), self.name(1, ".gz.tmp"));
        let written = (|| {
            let mut encoder = GzEncoder::new(File::create(&half)?, Compression::fast());
            io::copy(&mut File::open(&plain)?, &mut encoder)?;
            encoder.finish()?.flush()
        })();
        if let Err(error) = written {
            remove(&half)?;
            return Err(error);
        }
        let _names = self.lock();
        std::fs::rename(&half, &packed)?;
        remove(&plain)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    unless_missing(std::fs::remove_file(path))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    unless_missing(std::fs::rename(from, to))
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
