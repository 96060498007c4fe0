//! `Tmpfs` and `Mounts` (moby `volume/mounts/linux_parser.go`, `moby/sys/mount` for tmpfs options).

use super::clean_path;
use crate::error::{ApiError, Result};
use crate::query::quoted;
use crate::wire::mount::Mount;
use std::collections::BTreeMap;
use vch_engine::container::spec::TmpfsMount;

/// Options without a value that a tmpfs may have.
#[rustfmt::skip]
const FLAGS: &[&str] = &[
    "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount",
    "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
    "nostrictatime", "bind", "rbind", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable",
    "runbindable",
];

/// Options with a value that a tmpfs may have.
const SETTINGS: &[&str] = &["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"];

/// `--tmpfs`: where, and with what options.
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn tmpfs(wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    for (target, options) in wanted {
        validate_target(target).map_err(ApiError::invalid)?;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let known = match option.split_once('=') {
                Some((name, _)) => SETTINGS.contains(&name),
                None => FLAGS.contains(&option),
            };
            if !known {
                return Err(ApiError::invalid(format!("invalid tmpfs option {}", quoted(option))));
            }
        }
    }
    Ok(wanted.clone())
}

/// `--mount`: tmpfs is given, everything else refused.
///
/// # Errors
/// 400 in dockerd's words, 501 for what needs volumes.
pub(super) fn mounts(wanted: &[Mount]) -> Result<Vec<TmpfsMount>> {
    let mut mounts = Vec::new();
    for mount in wanted {
        let invalid =
            |why: String| ApiError::invalid(format!("invalid mount config for type {}: {why}", quoted(&mount.kind)));
        if mount.target.is_empty() {
            return Err(invalid("field Target must not be empty".into()));
        }
        validate_target(&mount.target).map_err(invalid)?;
        match mount.kind.as_str() {
            "tmpfs" => {}
            "bind" | "image" if mount.source.is_empty() => {
                return Err(invalid("field Source must not be empty".into()));
            }
            "bind" if !mount.source.starts_with('/') => {
                return Err(invalid(format!("invalid mount path: '{}' mount path must be absolute", mount.source)));
            }
            "bind" | "volume" | "image" | "npipe" | "cluster" => {
                return Err(ApiError::not_implemented(format!(
                    "HostConfig.Mounts of type {} are not supported: containers have no volumes, only tmpfs",
                    quoted(&mount.kind)
                )));
            }
            _ => return Err(invalid("mount type unknown".into())),
        }
        let extra = [
            ("BindOptions", mount.bind_options.is_some()),
            ("ImageOptions", mount.image_options.is_some()),
            ("Source", !mount.source.is_empty()),
        ];
        if let Some((field, _)) = extra.into_iter().find(|(_, given)| *given) {
            return Err(invalid(format!("field {field} must not be specified")));
        }
        mounts.push(tmpfs_mount(mount).map_err(invalid)??);
    }
    Ok(mounts)
}

/// A tmpfs mount, a reason why it is invalid, or a refusal.
fn tmpfs_mount(mount: &Mount) -> std::result::Result<Result<TmpfsMount>, String> {
    let options = mount.tmpfs_options.clone().unwrap_or_default();
    for option in &options.options {
        match option.as_slice() {
            [name] | [name, _] if matches!(name.as_str(), "exec" | "noexec") => {}
            [name] | [name, _] => return Err(format!("invalid option: {name}")),
            _ => return Err("invalid option array length".into()),
        }
    }
    if !options.options.is_empty() {
        return Ok(Err(ApiError::not_implemented(
            "TmpfsOptions.Options is not supported: HostConfig.Tmpfs takes exec and noexec",
        )));
    }
    Ok(Ok(TmpfsMount {
        target: clean_path(&mount.target),
        // Not positive is the kernel's default, as in dockerd.
        size: u64::try_from(options.size_bytes).unwrap_or(0),
        mode: options.mode,
        read_only: mount.read_only,
    }))
}

fn validate_target(target: &str) -> std::result::Result<(), String> {
    let target = target.replace('\\', "/");
    if !target.starts_with('/') {
        return Err(format!("invalid mount path: '{target}' mount path must be absolute"));
    }
    if clean_path(&target) == "/" {
        return Err("invalid specification: destination can't be '/'".into());
    }
    Ok(())
}
