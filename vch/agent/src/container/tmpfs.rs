//! `--tmpfs` options as mount(8) words them: flags, propagation, and what the file system itself takes.

use rustix::mount::{MountFlags, MountPropagationFlags};

/// Options, sorted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Mount flags.
    pub(crate) flags: MountFlags,
    /// Propagation, to be set after mounting.
    pub(crate) propagation: Vec<MountPropagationFlags>,
    /// The rest, for the file system, which refuses what it does not know.
    pub(crate) data: String,
}

impl Options {
    /// Sorts options; a later one wins over an earlier of the same matter.
    pub(crate) fn parse(options: &[String]) -> Self {
        let mut parsed = Self { flags: MountFlags::empty(), propagation: Vec::new(), data: String::new() };
        for option in options.iter().flat_map(|option| option.split(',')).filter(|option| !option.is_empty()) {
            if let Some((flag, set)) = flag(option) {
                parsed.flags.set(flag, set);
            } else if let Some(propagation) = propagation(option) {
                parsed.propagation.push(propagation);
            } else if option != "defaults" {
                if !parsed.data.is_empty() {
                    parsed.data.push(',');
                }
                parsed.data.push_str(option);
            }
        }
        parsed
    }
}

fn flag(option: &str) -> Option<(MountFlags, bool)> {
    Some(match option {
        "ro" => (MountFlags::RDONLY, true),
        "rw" => (MountFlags::RDONLY, false),
        "nosuid" => (MountFlags::NOSUID, true),
        "suid" => (MountFlags::NOSUID, false),
        "nodev" => (MountFlags::NODEV, true),
        "dev" => (MountFlags::NODEV, false),
        "noexec" => (MountFlags::NOEXEC, true),
        "exec" => (MountFlags::NOEXEC, false),
        "sync" => (MountFlags::SYNCHRONOUS, true),
        "async" => (MountFlags::SYNCHRONOUS, false),
        "dirsync" => (MountFlags::DIRSYNC, true),
        "noatime" => (MountFlags::NOATIME, true),
        "atime" => (MountFlags::NOATIME, false),
        "nodiratime" => (MountFlags::NODIRATIME, true),
        "diratime" => (MountFlags::NODIRATIME, false),
        "relatime" => (MountFlags::RELATIME, true),
        "norelatime" => (MountFlags::RELATIME, false),
        "strictatime" => (MountFlags::STRICTATIME, true),
        "nostrictatime" => (MountFlags::STRICTATIME, false),
        _ => return None,
    })
}

fn propagation(option: &str) -> Option<MountPropagationFlags> {
    use MountPropagationFlags as P;
    Some(match option {
        "private" => P::PRIVATE,
        "rprivate" => P::PRIVATE | P::REC,
        "shared" => P::SHARED,
        "rshared" => P::SHARED | P::REC,
        "slave" => P::DOWNSTREAM,
        "rslave" => P::DOWNSTREAM | P::REC,
        "unbindable" => P::UNBINDABLE,
        "runbindable" => P::UNBINDABLE | P::REC,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Options {
        Options::parse(&options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_sorted_and_later_ones_win() {
        let options = parse(&["noexec", "nosuid", "nodev", "exec", "size=64m", "mode=1770", "rslave"]);
        assert_eq!(options.flags, MountFlags::NOSUID | MountFlags::NODEV);
        assert_eq!(options.data, "size=64m,mode=1770");
        assert_eq!(options.propagation, [MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC]);
    }

    #[test]
    fn several_options_may_come_in_one_string() {
        assert_eq!(parse(&["ro,uid=1000"]), parse(&["ro", "uid=1000"]));
        assert_eq!(parse(&[""]).data, "");
    }
}
