//! The image configuration: OCI image-spec 1.1 `config.md` with Docker's extras (Healthcheck, OnBuild, Shell, …).
//!
//! Read from blobs that a registry or an archive gave, written by import. The identifier of an image is the digest of
//! these bytes, so a configuration that was read is never written again: only its blob is passed on.
//!
//! Unknown fields are ignored as Docker does; `null` stands for absent everywhere, as Go's decoder has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::platform::Platform;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or of another shape.
    #[error("invalid image configuration")]
    Json(#[from] serde_json::Error),
    /// No `rootfs`, or one that is not a list of layers.
    #[error("invalid rootfs in image configuration")]
    RootFs,
    /// An operating system that no guest here runs.
    #[error("image operating system \"{0}\" cannot be used on this platform")]
    OperatingSystem(String),
}

/// An image configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Architecture, `amd64`.
    #[serde(deserialize_with = "nullable")]
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Operating system, `linux`.
    #[serde(deserialize_with = "nullable")]
    pub os: String,
    /// Version of the operating system (Windows).
    #[serde(rename = "os.version", deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Features of the operating system (Windows).
    #[serde(rename = "os.features", deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// When the image was made, RFC 3339, exactly as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A remark.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What a container of this image runs, and how.
    #[serde(deserialize_with = "nullable")]
    pub config: RunConfig,
    /// The container a classic build committed.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// The configuration of that container, kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_config: Option<serde_json::Value>,
    /// The version of the Docker that built it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub docker_version: String,
    /// How each layer came to be, oldest first.
    #[serde(deserialize_with = "nullable")]
    pub history: Vec<History>,
    /// The layers by diff ID, oldest first.
    pub rootfs: Option<RootFs>,
}

/// The layers of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Digests of the uncompressed layer tars, oldest first.
    #[serde(default, deserialize_with = "nullable")]
    pub diff_ids: Vec<Digest>,
}

/// One step of an image's making.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A remark.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether this step made no layer.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// The `config` section: the defaults of a container made from the image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RunConfig {
    /// Host name; classic builds leave one behind.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Domain name.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub domainname: String,
    /// `user[:group]`, by name or number.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `port/protocol` of each port meant to be published.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys", skip_serializing_if = "BTreeSet::is_empty")]
    pub exposed_ports: BTreeSet<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// First words of the command; absent differs from empty.
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Last words of the command; absent differs from empty.
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// How to tell that a container is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Whether the command is escaped already (Windows).
    #[serde(deserialize_with = "nullable", skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Paths that want an anonymous volume.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys", skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    /// Working directory.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Build steps for images built from this one.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// Labels.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal `docker stop` sends.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Seconds `docker stop` waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// The shell of shell-form commands.
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// A health check; times in nanoseconds, zero for the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `NONE`, `CMD …` or `CMD-SHELL …`; empty inherits.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one check.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Grace after the start.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two checks during the grace.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

impl ImageConfig {
    /// Reads a configuration blob and checks that it describes layers of an operating system that runs here.
    ///
    /// # Errors
    /// [`ConfigError`], in Docker's words.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_slice(bytes)?;
        match &config.rootfs {
            Some(rootfs) if rootfs.kind == "layers" || rootfs.kind.is_empty() => {}
            _ => return Err(ConfigError::RootFs),
        }
        if !config.os.is_empty() && config.os != "linux" {
            return Err(ConfigError::OperatingSystem(config.os));
        }
        Ok(config)
    }

    /// The diff IDs, oldest first.
    pub fn diff_ids(&self) -> &[Digest] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// For which platform the image is, in its plain spelling; this host's where it does not say.
    pub fn platform(&self) -> Platform {
        let default = Platform::default();
        let or = |own: &str, default: String| if own.is_empty() { default } else { own.to_owned() };
        let (os, architecture) = (or(&self.os, default.os), or(&self.architecture, default.architecture));
        Platform { os, architecture, variant: self.variant.clone() }.normalized()
    }

    /// When the image was made, if that is a date at all.
    pub fn created_at(&self) -> Option<time::OffsetDateTime> {
        let text = self.created.as_deref()?;
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// `null` as the default.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of words, or one word alone (Go's `strslice`).
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::deserialize(deserializer)?.map(|words| match words {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
    }))
}

/// A Go set: an object whose values say nothing.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let map: Option<BTreeMap<String, serde::de::IgnoredAny>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_keys().collect())
}

fn as_keys<S: Serializer>(set: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(set.iter().map(|key| (key, serde_json::Map::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_and_oci_tools_write() {
        let text = r#"{"architecture":"amd64","os":"linux","created":"2024-05-01T10:00:00.123456789Z","author":"me",
            "container_config":{"Cmd":["x"]},"docker_version":"20.10.24","unknown":1,
            "config":{"Hostname":"h","User":"1000:10","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":"one",
              "Cmd":[],"Volumes":{"/data":{}},"WorkingDir":"/w","Labels":null,"OnBuild":["RUN x"],"Shell":["/bin/bash","-c"],
              "Healthcheck":{"Test":["CMD","true"],"Interval":30000000000,"Retries":3},"StopSignal":"SIGINT","ArgsEscaped":true},
            "history":[{"created":"2024-05-01T10:00:00Z","created_by":"ADD"},{"created_by":"CMD","empty_layer":true}],
            "rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#;
        let config = ImageConfig::parse(text.as_bytes()).unwrap();
        assert_eq!(config.config.entrypoint.as_deref(), Some(&["one".to_owned()][..]));
        assert_eq!(config.config.cmd.as_deref(), Some(&[][..]));
        assert!(config.config.exposed_ports.contains("80/tcp") && config.config.volumes.contains("/data"));
        assert_eq!(config.config.healthcheck.as_ref().map(|h| (h.interval, h.retries)), Some((30_000_000_000, 3)));
        assert!(config.history[1].empty_layer && config.config.labels.is_empty());
        assert_eq!(config.diff_ids().len(), 1);
        assert_eq!(config.created_at().map(|t| t.nanosecond()), Some(123_456_789));
        let again = ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn refuses_what_is_no_linux_image() {
        let words = |text: &str| ImageConfig::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(words("7"), "invalid image configuration");
        assert_eq!(words("{}"), "invalid rootfs in image configuration");
        assert_eq!(words(r#"{"rootfs":null}"#), "invalid rootfs in image configuration");
        assert_eq!(words(r#"{"rootfs":{"type":"tree"}}"#), "invalid rootfs in image configuration");
        assert_eq!(
            words(r#"{"os":"windows","rootfs":{"type":"layers","diff_ids":[]}}"#),
            "image operating system \"windows\" cannot be used on this platform"
        );
        assert!(ImageConfig::parse(br#"{"rootfs":{"type":"layers","diff_ids":["sha256:../../x"]}}"#).is_err());
    }
}
