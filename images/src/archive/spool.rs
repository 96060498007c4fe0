//! An archive's files on disk, hashed on the way, since what describes them may come last.
//!
//! Called by load. Every file lies under the store's `ingest/`, so one that becomes a blob is only renamed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};

use serde::de::DeserializeOwned;

use super::ArchiveError;
use super::walk::{Kind, Walk};
use crate::content::{ContentError, DOCUMENT_LIMIT, Pin, Shared, TempFile};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::ImageError;

/// More entries than any archive of images has.
const MAX_ENTRIES: usize = 65_536;
/// Links followed before giving up.
const MAX_LINKS: usize = 16;

enum Item {
    File(Spooled),
    Link(String),
}

struct Spooled {
    digest: Digest,
    size: u64,
    /// `None` once it is a blob.
    temp: Option<TempFile>,
}

/// The files of an archive.
pub(super) struct Spool {
    items: HashMap<String, Item>,
}

impl Spool {
    /// Reads a tar stream to its end. Blocks.
    pub(super) fn read(shared: &Shared, reader: impl Read) -> Result<Self, ImageError> {
        let mut walk = Walk::new(reader);
        let mut items = HashMap::new();
        while let Some(entry) = walk.next()? {
            if items.len() >= MAX_ENTRIES {
                return Err(ArchiveError::TooLarge("it has more than 65536 entries").into());
            }
            let name = plain(&entry.name).ok_or_else(|| ArchiveError::BadLink(entry.name.clone()))?;
            let item = match entry.kind {
                Kind::Directory => continue,
                Kind::File => Item::File(Spooled::write(shared, walk.content())?),
                Kind::Hardlink(target) => {
                    Item::Link(plain(&target).ok_or_else(|| ArchiveError::BadLink(name.clone()))?)
                }
                Kind::Symlink(target) => {
                    let below = name.rsplit_once('/').map_or("", |(dir, _)| dir);
                    let target = plain(&format!("{below}/{target}"));
                    Item::Link(target.ok_or_else(|| ArchiveError::BadLink(name.clone()))?)
                }
            };
            items.insert(name, item);
        }
        Ok(Self { items })
    }

    /// Whether there is such a file.
    pub(super) fn contains(&self, name: &str) -> bool {
        plain(name).is_some_and(|name| self.items.contains_key(&name))
    }

    /// The bytes of a document, and their digest.
    pub(super) fn document(&self, shared: &Shared, name: &str) -> Result<(Vec<u8>, Digest), ImageError> {
        let item = self.find(name)?;
        if item.size > DOCUMENT_LIMIT {
            return Err(ArchiveError::TooLarge("a document in it is larger than 4 MiB").into());
        }
        let Some(temp) = &item.temp else { return Ok((shared.read_document(&item.digest)?, item.digest.clone())) };
        let mut bytes = Vec::new();
        File::open(temp.path())
            .and_then(|file| file.take(DOCUMENT_LIMIT).read_to_end(&mut bytes))
            .map_err(ContentError::io("read", temp.path()))?;
        Ok((bytes, item.digest.clone()))
    }

    /// A JSON document.
    pub(super) fn json<T: DeserializeOwned>(&self, shared: &Shared, name: &str) -> Result<T, ImageError> {
        let (bytes, _) = self.document(shared, name)?;
        let wrong = |source| ArchiveError::Json { name: name.to_owned(), source };
        Ok(serde_json::from_slice(&bytes).map_err(wrong)?)
    }

    /// Digest and size of a file.
    pub(super) fn facts(&self, name: &str) -> Result<(Digest, u64), ImageError> {
        let item = self.find(name)?;
        Ok((item.digest.clone(), item.size))
    }

    /// Makes a file a blob of the store.
    pub(super) fn keep(&mut self, shared: &Shared, name: &str) -> Result<Pin, ImageError> {
        let key = self.key(name)?;
        let Some(Item::File(item)) = self.items.get_mut(&key) else {
            return Err(ArchiveError::Missing(name.to_owned()).into());
        };
        match item.temp.take() {
            Some(temp) => Ok(shared.put_blob(temp, &item.digest)?),
            None => shared.find_blob(&item.digest).ok_or_else(|| ContentError::Missing(item.digest.clone()).into()),
        }
    }

    fn find(&self, name: &str) -> Result<&Spooled, ImageError> {
        match self.items.get(&self.key(name)?) {
            Some(Item::File(item)) => Ok(item),
            _ => Err(ArchiveError::Missing(name.to_owned()).into()),
        }
    }

    /// The name of the file that a name leads to.
    fn key(&self, name: &str) -> Result<String, ImageError> {
        let missing = || ArchiveError::Missing(name.to_owned());
        let mut key = plain(name).ok_or_else(missing)?;
        for _ in 0..MAX_LINKS {
            match self.items.get(&key) {
                None => return Err(missing().into()),
                Some(Item::File(_)) => return Ok(key),
                Some(Item::Link(target)) => key.clone_from(target),
            }
        }
        Err(ArchiveError::BadLink(name.to_owned()).into())
    }
}

impl Spooled {
    fn write(shared: &Shared, mut content: impl Read) -> Result<Self, ImageError> {
        let (temp, mut file) = TempFile::create(&shared.layout)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let n = content.read(&mut buffer).map_err(ArchiveError::Read)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            file.write_all(&buffer[..n]).map_err(ContentError::io("write", temp.path()))?;
            size += n as u64;
        }
        Ok(Self { digest: hasher.finish(), size, temp: Some(temp) })
    }
}

/// A name within the archive, without `.` and `..`; `None` for one that climbs out.
fn plain(name: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/")).or_else(|| (!name.is_empty()).then(|| ".".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_stay_inside() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("./a//b/", Some("a/b")),
            ("/a", Some("a")),
            ("a/../b", Some("b")),
            ("./", Some(".")),
            ("..", None),
            ("a/../../b", None),
            ("", None),
        ] {
            assert_eq!(plain(name).as_deref(), expected, "{name}");
        }
    }
}
