//! What each entry of the tar does to the tree.
//!
//! Called by [`super::build`], entry by entry.

use std::io::Read;
use std::path::Path;

use crate::erofs::{self, Attributes, Body, FileContent, NodeId, Tree, Writer, Xattr, XattrError, XattrIds};

use super::error::{LayerError, Refusal, quote};
use super::path::{Meaning, clean, meaning};
use super::resolve::{check_new_name, find, find_or_make, is_whiteout};
use super::tar::{Archive, Content, Entry, Kind};
use super::{Limits, implied_directory};

/// Memory of a node and its name besides the name's bytes, roughly.
const NODE_COST: u64 = 256;
/// Longest symlink target in bytes.
const SYMLINK_MAX: usize = 4095;
/// The last second that Docker stores as a file's time; it is 2⁶³ nanoseconds.
const LAST_SECOND: i64 = i64::MAX / 1_000_000_000;

const OPAQUE: &[u8] = b"trusted.overlay.opaque";

/// A layer being built.
pub(super) struct Builder<'p> {
    tree: Tree,
    writer: Writer,
    out: &'p Path,
    limits: Limits,
    entries: u64,
    metadata: u64,
    /// The number of the attribute that makes a directory opaque, once one is.
    opaque: Option<u32>,
}

/// An error of one entry: refused, or not for the entry's sake.
enum Failure {
    Refused(Refusal),
    Other(LayerError),
}

impl From<Refusal> for Failure {
    fn from(reason: Refusal) -> Self {
        Self::Refused(reason)
    }
}

impl From<XattrError> for Failure {
    fn from(reason: XattrError) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<LayerError> for Failure {
    fn from(error: LayerError) -> Self {
        Self::Other(error)
    }
}

impl<'p> Builder<'p> {
    pub(super) fn new(writer: Writer, out: &'p Path, limits: Limits) -> Self {
        Self { tree: Tree::new(implied_directory()), writer, out, limits, entries: 0, metadata: 0, opaque: None }
    }

    /// The disk so far, its tree, and the number of entries applied.
    pub(super) fn into_parts(self) -> (Writer, Tree, u64) {
        (self.writer, self.tree, self.entries)
    }

    /// Applies `entry`, the last one that `archive` gave.
    pub(super) fn apply<R: Read>(&mut self, mut entry: Entry, archive: &mut Archive<R>) -> Result<(), LayerError> {
        let name = std::mem::take(&mut entry.name);
        self.apply_named(&name, entry, archive).map_err(|failure| match failure {
            Failure::Refused(reason) => LayerError::Refused { entry: quote(&name), reason },
            Failure::Other(error) => error,
        })
    }

    fn apply_named<R: Read>(&mut self, name: &[u8], entry: Entry, archive: &mut Archive<R>) -> Result<(), Failure> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Refusal::TooManyEntries { limit: self.limits.entries }.into());
        }
        let path = clean(name)?;
        for (at, name) in path.iter().enumerate() {
            let meaning = meaning(name)?;
            if meaning == Meaning::Aufs || meaning == Meaning::Opaque && at + 1 < path.len() {
                return Ok(());
            }
        }
        let Some((last, parents)) = path.split_last() else { return self.apply_root(entry) };
        let parent = self.parent(parents)?;
        match meaning(last)? {
            Meaning::Opaque => self.hide_below(parent)?,
            Meaning::Whiteout(hidden) => self.whiteout(parent, hidden, &entry)?,
            Meaning::File | Meaning::Aufs => self.put(parent, last, entry, archive)?,
        }
        Ok(())
    }

    fn apply_root(&mut self, entry: Entry) -> Result<(), Failure> {
        if !matches!(entry.kind, Kind::Directory) {
            return Err(Refusal::Root.into());
        }
        self.describe(Tree::ROOT, &entry)
    }

    /// The directory in which an entry stands, made where it is missing.
    fn parent(&mut self, path: &[&[u8]]) -> Result<NodeId, Failure> {
        let Self { tree, writer, metadata, limits, opaque, .. } = self;
        let parent = find_or_make(tree, path, |tree, parent, name, hides| {
            charge(metadata, limits, NODE_COST + name.len() as u64)?;
            let xattrs = if hides { XattrIds::from([opaque_id(opaque, writer)?]) } else { XattrIds::default() };
            Ok(tree.add(parent, name, implied_directory(), xattrs, Body::directory()))
        })?;
        Ok(parent)
    }

    fn hide_below(&mut self, directory: NodeId) -> Result<(), Failure> {
        let opaque = opaque_id(&mut self.opaque, &mut self.writer)?;
        let node = self.tree.node_mut(directory);
        if !node.xattrs.contains(&opaque) {
            node.xattrs = node.xattrs.iter().copied().chain([opaque]).collect();
        }
        Ok(())
    }

    fn whiteout(&mut self, parent: NodeId, hidden: &[u8], entry: &Entry) -> Result<(), Failure> {
        match self.tree.child(parent, hidden) {
            Some(id) if self.tree.directory(id).is_some() => self.hide_below(id),
            // A file of this layer hides what is below by itself.
            Some(_) => Ok(()),
            None => {
                check_new_name(&self.tree, parent, hidden)?;
                let Attributes { uid, gid, .. } = attributes(entry)?;
                let attributes = Attributes { uid, gid, ..Attributes::default() };
                self.add(parent, hidden, attributes, XattrIds::default(), Body::Device { block: false, rdev: 0 }, 0)
            }
        }
    }

    fn put<R: Read>(
        &mut self,
        parent: NodeId,
        name: &[u8],
        entry: Entry,
        archive: &mut Archive<R>,
    ) -> Result<(), Failure> {
        check_new_name(&self.tree, parent, name)?;
        let before = self.tree.child(parent, name);
        let body = match &entry.kind {
            Kind::HardLink(target) => return self.hard_link(parent, name, target),
            Kind::Directory => {
                if let Some(id) = before.filter(|id| self.tree.directory(*id).is_some()) {
                    return self.describe(id, &entry);
                }
                let hides = before.is_some_and(|id| is_whiteout(self.tree.node(id)));
                self.add(parent, name, implied_directory(), XattrIds::default(), Body::directory(), 0)?;
                let Some(id) = self.tree.child(parent, name) else { return Ok(()) };
                if hides {
                    self.hide_below(id)?;
                }
                return self.describe(id, &entry);
            }
            Kind::Symlink(target) if target.is_empty() || target.len() > SYMLINK_MAX => {
                return Err(Refusal::SymlinkTarget.into());
            }
            Kind::Symlink(target) => Body::Symlink(target.as_slice().into()),
            Kind::Device { block, major, minor } => {
                let rdev = erofs::rdev(*major, *minor).ok_or(Refusal::Device)?;
                Body::Device { block: *block, rdev }
            }
            Kind::Fifo => Body::Fifo,
            Kind::File(content) => {
                let (attributes, xattrs) = (attributes(&entry)?, self.xattrs(&entry)?);
                let content = self.write(&attributes, &xattrs, content, archive)?;
                return self.add(parent, name, attributes, xattrs, Body::File(content), 0);
            }
        };
        let target_len = if let Body::Symlink(target) = &body { target.len() as u64 } else { 0 };
        let mut attributes = attributes(&entry)?;
        if matches!(body, Body::Symlink(_)) {
            // Linux has no other permissions on symlinks.
            attributes.mode = 0o777;
        }
        let xattrs = self.xattrs(&entry)?;
        self.add(parent, name, attributes, xattrs, body, target_len)
    }

    fn add(
        &mut self,
        parent: NodeId,
        name: &[u8],
        attributes: Attributes,
        xattrs: XattrIds,
        body: Body,
        more: u64,
    ) -> Result<(), Failure> {
        charge(&mut self.metadata, &self.limits, NODE_COST + name.len() as u64 + more)?;
        self.tree.add(parent, name, attributes, xattrs, body);
        Ok(())
    }

    /// Gives a directory the metadata of `entry`; it stays opaque if it was.
    fn describe(&mut self, directory: NodeId, entry: &Entry) -> Result<(), Failure> {
        let (attributes, xattrs) = (attributes(entry)?, self.xattrs(entry)?);
        let node = self.tree.node_mut(directory);
        let hides = self.opaque.is_some_and(|opaque| node.xattrs.contains(&opaque));
        node.attributes = attributes;
        node.xattrs = xattrs;
        if hides { self.hide_below(directory) } else { Ok(()) }
    }

    fn hard_link(&mut self, parent: NodeId, name: &[u8], target: &[u8]) -> Result<(), Failure> {
        let missing = || Refusal::MissingTarget(quote(target));
        let path = clean(target)?;
        let (last, parents) = path.split_last().ok_or_else(|| Refusal::LinkToDirectory(quote(target)))?;
        let directory = find(&self.tree, parents)?.ok_or_else(missing)?;
        let linked = self.tree.child(directory, last).ok_or_else(missing)?;
        if self.tree.directory(linked).is_some() {
            return Err(Refusal::LinkToDirectory(quote(target)).into());
        }
        // Docker removes what has the name before it links: so a link to itself finds nothing.
        if is_whiteout(self.tree.node(linked)) || (directory, *last) == (parent, name) {
            return Err(missing().into());
        }
        charge(&mut self.metadata, &self.limits, NODE_COST + name.len() as u64)?;
        self.tree.link(parent, name, linked);
        Ok(())
    }

    fn write<R: Read>(
        &mut self,
        attributes: &Attributes,
        xattrs: &[u32],
        content: &Content,
        archive: &mut Archive<R>,
    ) -> Result<FileContent, Failure> {
        let limit = self.limits.disk_bytes;
        if content.size > limit.saturating_sub(self.writer.position()) {
            return Err(Refusal::TooLarge { limit }.into());
        }
        let cannot_write = |source| LayerError::Write { path: self.out.to_owned(), source };
        let mut file = self.writer.file(attributes, xattrs, content.size).map_err(cannot_write)?;
        let mut written = 0;
        for segment in &content.segments {
            file.hole(segment.offset - written).map_err(cannot_write)?;
            let mut left = segment.len;
            while left > 0 {
                let piece = archive.data(left)?;
                file.write(piece).map_err(cannot_write)?;
                left -= piece.len() as u64;
                let len = piece.len();
                archive.consume(len);
            }
            written = segment.offset + segment.len;
        }
        file.hole(content.size - written).map_err(cannot_write)?;
        Ok(file.finish().map_err(cannot_write)?)
    }

    /// Stores the attributes that the file would have on a Linux disk under Docker.
    fn xattrs(&mut self, entry: &Entry) -> Result<XattrIds, Failure> {
        let mut kept: Vec<Xattr> = Vec::new();
        for (name, value) in &entry.xattrs {
            charge(&mut self.metadata, &self.limits, 2 * (name.len() + value.len()) as u64)?;
            if is_kept(&entry.kind, name, value) {
                kept.push((name.clone(), value.clone()));
            }
        }
        let stored = self.writer.intern(&kept);
        Ok(stored?)
    }
}

/// Docker ignores attributes that the file system answers with ENOTSUP or EPERM.
fn is_kept(kind: &Kind, name: &[u8], value: &[u8]) -> bool {
    let directory = matches!(kind, Kind::Directory);
    if name.starts_with(b"trusted.overlay.") {
        return directory && name == OPAQUE && value == b"y";
    }
    if name.starts_with(b"user.") {
        return directory || matches!(kind, Kind::File(_));
    }
    match name {
        b"system.posix_acl_access" => !matches!(kind, Kind::Symlink(_)),
        b"system.posix_acl_default" => directory,
        _ => name.starts_with(b"trusted.") || name.starts_with(b"security."),
    }
}

fn opaque_id(known: &mut Option<u32>, writer: &mut Writer) -> Result<u32, XattrError> {
    match known {
        Some(id) => Ok(*id),
        None => Ok(*known.insert(writer.intern_one(OPAQUE, b"y")?)),
    }
}

fn attributes(entry: &Entry) -> Result<Attributes, Refusal> {
    // The highest number means "none" to Linux.
    let owner = |id: i64| u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(Refusal::Owner);
    let (mtime, mtime_nsec) = match entry.mtime {
        (0..LAST_SECOND, _) => entry.mtime,
        _ => (0, 0),
    };
    Ok(Attributes {
        mode: (entry.mode & 0o7777) as u16,
        uid: owner(entry.uid)?,
        gid: owner(entry.gid)?,
        mtime,
        mtime_nsec,
    })
}

fn charge(metadata: &mut u64, limits: &Limits, cost: u64) -> Result<(), Refusal> {
    *metadata += cost;
    let limit = limits.metadata_bytes;
    if *metadata > limit { Err(Refusal::TooMuchMetadata { limit }) } else { Ok(()) }
}
