//! Image references: `busybox`, `localhost:5000/a/b:tag`, `name@sha256:…`, in the grammar of distribution/reference.
//!
//! Called by everything that takes an image's name from a user. A [`Reference`] that exists is normalized: its domain and
//! full path are known, and its text cannot climb out of anything. Errors carry distribution/reference's own words
//! (v0.6), since they reach the client unchanged.

mod parse;
mod pattern;

pub(crate) use parse::is_domain;
pub use pattern::BadPattern;

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

/// Where a name without a domain lives.
pub const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
/// The tag a name without one means.
pub const DEFAULT_TAG: &str = "latest";
/// Longest path of a name, in bytes (domain, tag and digest not counted).
pub const MAX_PATH: usize = 255;

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not in the grammar.
    #[error("invalid reference format")]
    Format,
    /// An upper-case letter in the path.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// 64 hex digits would be taken for an identifier.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// Longer than [`MAX_PATH`].
    #[error("repository name must not be more than 255 characters")]
    TooLong,
    /// A tag by itself that is no tag.
    #[error("invalid tag format")]
    Tag,
    /// The digest behind the `@`.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// A normalized name with an optional tag and an optional digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// What a user may type where an image is wanted: a name, or a full identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyReference {
    /// A name.
    Named(Reference),
    /// `sha256:<64 hex>` or 64 hex digits.
    Id(Digest),
}

impl Reference {
    /// Parses a name as a user types it (`ParseNormalizedNamed`).
    ///
    /// # Errors
    /// [`ReferenceError`] with distribution/reference's words.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        parse::normalized(text)
    }

    /// The registry's host, with its port: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry: `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The canonical name without tag and digest: `docker.io/library/busybox`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The name as users know it: `busybox`, `user/app`, `localhost:5000/app`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        let short = match self.path.strip_prefix(OFFICIAL_PREFIX) {
            // `library/a/b` must keep its prefix, for `a/b` is another repository.
            Some(short) if !short.contains('/') => short,
            _ => &self.path,
        };
        // Some paths mean something else without their domain (`docker.io/a.b/c`, 64 hex digits): those keep it.
        match Self::parse(short) {
            Ok(again) if again.domain == self.domain && again.path == self.path => short.to_owned(),
            _ => self.name(),
        }
    }

    /// The familiar name with tag and digest.
    pub fn familiar(&self) -> String {
        self.suffixed(self.familiar_name())
    }

    /// The tag, when one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether there is neither tag nor digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The same name with this tag, keeping a digest.
    ///
    /// # Errors
    /// [`ReferenceError::Tag`] when the tag is not `[\w][\w.-]{0,127}`.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !parse::is_tag(tag) {
            return Err(ReferenceError::Tag);
        }
        Ok(Self { tag: Some(tag.to_owned()), ..self.clone() })
    }

    /// The same name with this digest, keeping a tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The name alone (`TrimNamed`).
    pub fn trimmed(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// With the tag `latest`, if there is neither tag nor digest (`TagNameOnly`).
    pub fn or_latest(&self) -> Self {
        if !self.is_name_only() {
            return self.clone();
        }
        Self { tag: Some(DEFAULT_TAG.to_owned()), ..self.clone() }
    }

    /// As a store keeps it: `latest` filled in, and the tag dropped where there is a digest.
    pub fn stored(&self) -> Self {
        match self.digest {
            Some(_) => Self { tag: None, ..self.clone() },
            None => self.or_latest(),
        }
    }

    fn suffixed(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

impl AnyReference {
    /// Parses a name or a full identifier (`ParseAnyReference`).
    ///
    /// # Errors
    /// [`ReferenceError`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if let Ok(digest) = Digest::from_sha256_hex(text) {
            return Ok(Self::Id(digest));
        }
        if let Ok(digest) = text.parse() {
            return Ok(Self::Id(digest));
        }
        Reference::parse(text).map(Self::Named)
    }
}

impl fmt::Display for Reference {
    /// The canonical form, `docker.io/library/busybox:latest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.suffixed(self.name()))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
