//! Containers' files.

use crate::wire::archive;
use vch_engine::stream::{Change, ChangeKind, PathStat};

/// Linux file types, and the bits of Go's `os.FileMode` that stand for them.
const TYPES: &[(u32, u32)] = &[
    (0o040_000, 1 << 31),
    (0o120_000, 1 << 27),
    (0o060_000, 1 << 26),
    (0o020_000, 1 << 26 | 1 << 21),
    (0o010_000, 1 << 25),
    (0o140_000, 1 << 24),
];

/// setuid, setgid and sticky likewise.
const BITS: &[(u32, u32)] = &[(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];

pub(crate) fn path_stat(stat: &PathStat) -> archive::PathStat {
    let kind = TYPES.iter().find(|(linux, _)| stat.mode & 0o170_000 == *linux).map_or(0, |(_, go)| *go);
    let bits = BITS.iter().filter(|(linux, _)| stat.mode & linux != 0).fold(0, |sum, (_, go)| sum | go);
    archive::PathStat {
        name: stat.name.clone(),
        size: stat.size,
        mode: kind | bits | stat.mode & 0o777,
        mtime: match stat.modified {
            // A file may well be from then; elsewhere it stands for no time at all.
            time if time.is_zero() => "1970-01-01T00:00:00Z".into(),
            time => time.rfc3339_nano(),
        },
        link_target: stat.link_target.clone(),
    }
}

pub(crate) fn change(change: Change) -> archive::Change {
    let kind = match change.kind {
        ChangeKind::Modified => 0,
        ChangeKind::Added => 1,
        ChangeKind::Deleted => 2,
    };
    archive::Change { path: change.path, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vch_engine::timestamp::Timestamp;

    #[test]
    fn modes_are_those_of_go() {
        // As stock dockerd 20.10 sent them.
        for (linux, go) in
            [(0o120_777, 134_218_239), (0o040_755, 2_147_484_141), (0o100_644, 420), (0o101_755, 1_049_069)]
        {
            let stat =
                PathStat { name: "x".into(), size: 0, mode: linux, modified: Timestamp(0), link_target: String::new() };
            let stat = path_stat(&stat);
            assert_eq!((stat.mode, stat.mtime.as_str()), (go, "1970-01-01T00:00:00Z"), "{linux:o}");
        }
    }
}
