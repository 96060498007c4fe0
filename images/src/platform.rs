//! Platforms (`os/architecture[/variant]`) and which entry of an index suits one.
//!
//! The words and aliases are containerd's `platforms` package. Called by pull, load and the engine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ImageError;

/// An operating system and an instruction set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, `linux`.
    #[serde(default)]
    pub os: String,
    /// Architecture in Go's words, `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Variant of the architecture, `v8`; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Default for Platform {
    /// What the guests of this host run.
    fn default() -> Self {
        Self { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: String::new() }
    }
}

impl Platform {
    /// The same platform in its plain spelling: aliases and default variants resolved.
    pub fn normalized(&self) -> Self {
        let os = match self.os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = self.variant.to_ascii_lowercase();
        let (architecture, variant) = match (self.architecture.to_ascii_lowercase().as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "v1" | "") => ("amd64".to_owned(), String::new()),
            ("x86_64" | "x86-64", _) => ("amd64".to_owned(), variant),
            ("i386", _) => ("386".to_owned(), String::new()),
            ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64".to_owned(), String::new()),
            ("aarch64", _) => ("arm64".to_owned(), variant),
            ("armhf", _) => ("arm".to_owned(), "v7".to_owned()),
            ("armel", _) => ("arm".to_owned(), "v6".to_owned()),
            ("arm", "" | "7") => ("arm".to_owned(), "v7".to_owned()),
            ("arm", "5" | "6" | "8") => ("arm".to_owned(), format!("v{variant}")),
            (other, _) => (other.to_owned(), variant),
        };
        Self { os, architecture, variant }
    }

    /// How well an offered platform serves this wanted one: `None` for not at all, else smaller is better.
    pub fn rank(&self, offered: &Platform) -> Option<u32> {
        let (wanted, offered) = (self.normalized(), offered.normalized());
        if wanted.os != offered.os || wanted.architecture != offered.architecture {
            return None;
        }
        if wanted.variant == offered.variant {
            return Some(0);
        }
        let level = |variant: &str| variant.strip_prefix('v').and_then(|v| v.parse::<u32>().ok());
        match (level(&wanted.variant), level(&offered.variant)) {
            // A later CPU runs an earlier one's programs; the nearest below is the best.
            (Some(wanted), Some(offered)) if offered < wanted => Some(wanted - offered),
            (Some(wanted), None) if offered.variant.is_empty() => Some(wanted),
            _ => None,
        }
    }
}

impl FromStr for Platform {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let bad = || ImageError::BadPlatform(text.to_owned());
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(|part| plain(part)) {
            return Err(bad());
        }
        let platform = match parts.as_slice() {
            ["linux"] => Self::default(),
            // One word that is no operating system is an architecture, as containerd reads it.
            [architecture] if is_architecture(architecture) => {
                Self { architecture: (*architecture).to_owned(), ..Self::default() }
            }
            [os, architecture] => {
                Self { os: (*os).to_owned(), architecture: (*architecture).to_owned(), variant: String::new() }
            }
            [os, architecture, variant] => {
                Self { os: (*os).to_owned(), architecture: (*architecture).to_owned(), variant: (*variant).to_owned() }
            }
            _ => return Err(bad()),
        };
        Ok(platform.normalized())
    }
}

fn is_architecture(word: &str) -> bool {
    const KNOWN: &[&str] = &[
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
        "riscv64", "s390x", "wasm", "x86_64", "x86-64", "aarch64", "armhf", "armel", "i386",
    ];
    KNOWN.contains(&word)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_platforms_as_containerd_does() {
        for (text, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("amd64", Some("linux/amd64")),
            ("linux", Some("linux/amd64")),
            ("linux/arm64/v8", Some("linux/arm64")),
            ("linux/arm", Some("linux/arm/v7")),
            ("aarch64", Some("linux/arm64")),
            ("linux/amd64/v3", Some("linux/amd64/v3")),
            ("windows/amd64", Some("windows/amd64")),
            ("", None),
            ("foo", None),
            ("linux/", None),
            ("linux/amd64/v1/x", None),
            ("lin ux/amd64", None),
        ] {
            assert_eq!(text.parse::<Platform>().ok().map(|p| p.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_nearest_variant_not_above_is_the_best() {
        let rank = |wanted: &str, offered: &str| wanted.parse::<Platform>().unwrap().rank(&offered.parse().unwrap());
        assert_eq!(rank("linux/amd64", "linux/amd64"), Some(0));
        assert_eq!(rank("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(rank("linux/amd64/v3", "linux/amd64"), Some(3));
        assert_eq!(rank("linux/amd64/v3", "linux/amd64/v2"), Some(1));
        assert_eq!(rank("linux/amd64", "linux/arm64"), None);
        assert_eq!(rank("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(rank("linux/amd64", "windows/amd64"), None);
    }
}
