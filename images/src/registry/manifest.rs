//! Manifests and indexes: Docker's schema 2 and OCI's, told apart and checked.
//!
//! Called by pull and by the loading of OCI layouts. Sources: distribution `manifest-v2-2.md`, OCI image-spec 1.1.

use serde::Deserialize;

use super::RegistryError;
use crate::digest::Digest;
use crate::image::Descriptor;
use crate::platform::Platform;

pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SCHEMA1: &[&str] = &[
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
/// Configuration types Docker takes for an image (moby `distribution/registry.go`).
const CONFIGS: &[&str] = &[
    "application/vnd.docker.container.image.v1+json",
    OCI_CONFIG,
    "application/octet-stream",
    "application/json",
    "text/html",
    "",
];
const LAYERS: &[&str] = &[
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
];
const FOREIGN: &[&str] = &[
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
];
/// More layers than any image has; a disk has room for far fewer.
const MAX_LAYERS: usize = 1000;

/// A manifest of either kind.
#[derive(Debug)]
pub(crate) enum Manifest {
    Image(ImageManifest),
    Index(Index),
}

/// One image for one platform.
#[derive(Debug)]
pub(crate) struct ImageManifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// Images for several platforms.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) entries: Vec<IndexEntry>,
}

/// An entry of an index.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct IndexEntry {
    #[serde(flatten)]
    pub(crate) descriptor: Descriptor,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(default)]
    pub(crate) annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<IndexEntry>>,
    #[serde(default, rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads a manifest; `reference` is for messages, `content_type` what the registry called it.
    pub(crate) fn parse(bytes: &[u8], content_type: &str, reference: &str) -> Result<Self, RegistryError> {
        if SCHEMA1.contains(&content_type) {
            return Err(RegistryError::Schema1(reference.to_owned()));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(RegistryError::Manifest)?;
        if raw.schema_version == 1 || raw.fs_layers.is_some() || SCHEMA1.contains(&raw.media_type.as_str()) {
            return Err(RegistryError::Schema1(reference.to_owned()));
        }
        if raw.schema_version != 2 {
            return Err(RegistryError::ManifestContent("its schemaVersion is not 2"));
        }
        let kind = if raw.media_type.is_empty() { content_type } else { &raw.media_type };
        let is_index = match kind {
            DOCKER_LIST | OCI_INDEX => true,
            DOCKER_MANIFEST | OCI_MANIFEST => false,
            // A registry that forgets the type: the shape says it.
            "" | "application/json" | "text/plain" | "application/octet-stream" => raw.manifests.is_some(),
            other => return Err(RegistryError::MediaType(other.to_owned())),
        };
        match (is_index, raw.config, raw.layers, raw.manifests) {
            (true, None, None, Some(entries)) => Ok(Self::Index(Index { entries })),
            (false, Some(config), Some(layers), None) => Ok(Self::Image(ImageManifest { config, layers }.checked()?)),
            // One text that reads as both would have one digest with two meanings.
            _ => Err(RegistryError::ManifestContent("it is neither an image manifest nor an index")),
        }
    }
}

impl ImageManifest {
    fn checked(self) -> Result<Self, RegistryError> {
        if !CONFIGS.contains(&self.config.media_type.as_str()) {
            let class = match self.config.media_type.as_str() {
                "application/vnd.docker.plugin.v1+json" => "plugin",
                _ => "unknown",
            };
            return Err(RegistryError::NotAnImage { media_type: self.config.media_type, class });
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(RegistryError::ManifestContent("it has more than 1000 layers"));
        }
        for layer in &self.layers {
            if FOREIGN.iter().any(|prefix| layer.media_type.starts_with(prefix)) {
                return Err(RegistryError::ForeignLayer(layer.digest.clone()));
            }
            if !LAYERS.contains(&layer.media_type.as_str()) {
                return Err(RegistryError::MediaType(layer.media_type.clone()));
            }
        }
        Ok(self)
    }
}

impl Index {
    /// The entry that serves a platform best.
    pub(crate) fn choose(&self, platform: &Platform) -> Result<&IndexEntry, RegistryError> {
        let is_manifest = |entry: &&IndexEntry| {
            matches!(entry.descriptor.media_type.as_str(), DOCKER_MANIFEST | OCI_MANIFEST | "") || is_schema1(entry)
        };
        let ranked = self.entries.iter().filter(is_manifest).filter_map(|entry| {
            // An entry that names no platform is taken only where nothing fits; its configuration decides then.
            let rank = entry.platform.as_ref().map_or(Some(u32::MAX), |offered| platform.rank(offered));
            rank.map(|rank| (rank, entry))
        });
        let best = ranked.min_by_key(|(rank, _)| *rank).map(|(_, entry)| entry);
        best.ok_or_else(|| RegistryError::NoPlatform(platform.clone()))
    }
}

fn is_schema1(entry: &IndexEntry) -> bool {
    SCHEMA1.contains(&entry.descriptor.media_type.as_str())
}

/// The digest of a manifest as named by the registry, checked against what was asked for.
pub(crate) fn verify(bytes: &[u8], expected: &Digest) -> Result<(), RegistryError> {
    let mut hasher = crate::digest::Hasher::new(expected.algorithm());
    hasher.update(bytes);
    if hasher.finish() != *expected {
        return Err(RegistryError::ManifestDigest(expected.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(config: &str, layer: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"sha256:{HEX}","size":1}},
                "layers":[{{"mediaType":"{layer}","digest":"sha256:{HEX}","size":1}}]}}"#
        )
    }

    fn words(text: &str, content_type: &str) -> String {
        Manifest::parse(text.as_bytes(), content_type, "docker.io/library/x:latest")
            .map_or_else(|e| e.to_string(), |_| "ok".into())
    }

    #[test]
    fn both_formats_are_read_and_all_else_is_refused() {
        let oci_layer = "application/vnd.oci.image.layer.v1.tar+zstd";
        assert_eq!(words(&image(OCI_CONFIG, oci_layer), OCI_MANIFEST), "ok");
        assert_eq!(words(&image("application/vnd.docker.container.image.v1+json", LAYERS[1]), DOCKER_MANIFEST), "ok");
        assert_eq!(words(&image(OCI_CONFIG, oci_layer), "application/json"), "ok");
        assert!(words(r#"{"schemaVersion":1,"fsLayers":[]}"#, "application/json").starts_with("[DEPRECATION NOTICE]"));
        let notice = words("", SCHEMA1[1]);
        assert!(notice.contains("Suggest the author of docker.io/library/x:latest to upgrade"), "{notice}");
        assert_eq!(
            words(&image("application/vnd.docker.plugin.v1+json", oci_layer), DOCKER_MANIFEST),
            "Encountered remote \"application/vnd.docker.plugin.v1+json\"(plugin) when fetching"
        );
        let foreign =
            words(&image(OCI_CONFIG, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), OCI_MANIFEST);
        assert!(foreign.contains("foreign layer"), "{foreign}");
        assert!(
            words(&image(OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+encrypted"), OCI_MANIFEST)
                .contains("unsupported")
        );
        assert!(words("{}", OCI_MANIFEST).contains("schemaVersion"));
        assert!(words("[", OCI_MANIFEST).contains("invalid manifest"));
        let both = image(OCI_CONFIG, oci_layer).replacen('{', r#"{"manifests":[],"#, 1);
        assert!(words(&both, OCI_MANIFEST).contains("neither"));
        assert!(words(&image(OCI_CONFIG, oci_layer), OCI_INDEX).contains("neither"));
    }

    #[test]
    fn the_entry_for_the_platform_is_chosen() {
        let entry = |platform: &str, n: u32| {
            format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"sha256:{n:064x}","size":1{platform}}}"#)
        };
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{},{},{},{}]}}"#,
            entry("", 1),
            entry(r#","platform":{"os":"unknown","architecture":"unknown"}"#, 2),
            entry(r#","platform":{"os":"linux","architecture":"arm64","variant":"v8"}"#, 3),
            entry(r#","platform":{"os":"linux","architecture":"amd64"}"#, 4),
        );
        let Ok(Manifest::Index(index)) = Manifest::parse(text.as_bytes(), OCI_INDEX, "x") else { panic!("no index") };
        let chosen = |platform: &str| {
            index.choose(&platform.parse().unwrap()).map(|e| e.descriptor.digest.hex()[63..].to_owned())
        };
        assert_eq!(chosen("linux/amd64").unwrap(), "4");
        assert_eq!(chosen("linux/arm64").unwrap(), "3");
        assert_eq!(chosen("linux/s390x").unwrap(), "1");
        let only = Index { entries: index.entries[1..].to_vec() };
        assert_eq!(
            only.choose(&"linux/s390x".parse().unwrap()).unwrap_err().to_string(),
            "no matching manifest for linux/s390x in the manifest list entries"
        );
    }
}
