//! Work on files as a scripted program: one file is there, `/etc/hi`, and one change, to it.

use super::Proc;
use vch_agent_proto::files::encode;
use vch_agent_proto::{
    ChangeKind, ExitStatus, FileAnswer, FileChange, FileFailure, FileFailureClass, FileWork, PathStat,
};

/// The name that the program is known by.
pub(super) const NAME: &str = "work-on-files";

/// Stands for the tar that is packed, and is asked for when one is unpacked.
const TAR: &[u8] = b"tar of /etc/hi";

/// Does what it is told.
pub(super) async fn work(mut proc: Proc) -> ExitStatus {
    let (answer, rest) = match proc.work.take() {
        Some(FileWork::Stat { path }) => (stat(&path), Vec::new()),
        Some(FileWork::Pack { path }) => (stat(&path), TAR.to_vec()),
        Some(FileWork::Unpack { read_only: true, .. }) => {
            (failed(FileFailureClass::Refused, "container rootfs is marked read-only"), Vec::new())
        }
        Some(FileWork::Unpack { .. }) => {
            let mut tar = Vec::new();
            while let Some(bytes) = proc.stdin.read().await {
                tar.extend_from_slice(&bytes);
            }
            let answer = match tar == TAR {
                true => FileAnswer::Done,
                false => failed(FileFailureClass::Other, "archive/tar: invalid tar header"),
            };
            (answer, Vec::new())
        }
        Some(FileWork::Changes) => {
            let change = FileChange { kind: ChangeKind::Modified, path: "/etc/hi".into() };
            (FileAnswer::Done, encode(&change).unwrap_or_default())
        }
        _ => (FileAnswer::Done, TAR.to_vec()),
    };
    let good = !matches!(answer, FileAnswer::Failed(_));
    let told =
        proc.stdout.write(&encode(&answer).unwrap_or_default()).await && (!good || proc.stdout.write(&rest).await);
    ExitStatus::Code(u8::from(!(good && told)))
}

fn stat(path: &str) -> FileAnswer {
    match path {
        "/etc/hi" => FileAnswer::Stat(PathStat {
            name: "hi".into(),
            size: 2,
            mode: 0o100_644,
            modified_ns: 1_000_000_000,
            link_target: String::new(),
        }),
        _ => failed(FileFailureClass::NotFound, &format!("lstat {path}: no such file or directory")),
    }
}

fn failed(class: FileFailureClass, message: &str) -> FileAnswer {
    FileAnswer::Failed(FileFailure { class, message: message.to_owned() })
}
