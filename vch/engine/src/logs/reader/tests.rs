//! Reading logs back.

use super::*;
use crate::logs::json_file::Writer;

fn log_of(lines: &[(Channel, i64, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut writer = Writer::open(&path).unwrap();
    for (channel, second, text) in lines {
        writer.add(*channel, Timestamp(second * 1_000_000_000), text.as_bytes());
    }
    writer.flush().unwrap();
    (folder, path)
}

async fn texts(path: &Path, options: ReadLogs, progress: Progress) -> Vec<String> {
    let (entries, mut seen) = mpsc::channel(4);
    let (_keep, progress) = watch::channel(progress);
    tokio::spawn(read(path.into(), options, progress, entries));
    let mut texts = Vec::new();
    while let Some(entry) = seen.recv().await {
        texts.push(String::from_utf8(entry.unwrap().line.to_vec()).unwrap());
    }
    texts
}

fn both() -> ReadLogs {
    ReadLogs { stdout: true, stderr: true, ..Default::default() }
}

#[tokio::test]
async fn tails_times_and_channels_are_honoured() {
    let (_folder, path) = log_of(&[
        (Channel::Stdout, 1, "one\n"),
        (Channel::Stderr, 2, "two \"quoted\" é\n"),
        (Channel::Stdout, 3, "three\n"),
        (Channel::Stdout, 4, "no end"),
    ]);
    let idle = Progress::default();
    assert_eq!(texts(&path, both(), idle).await, ["one\n", "two \"quoted\" é\n", "three\n", "no end"]);
    assert_eq!(texts(&path, ReadLogs { tail: Some(2), ..both() }, idle).await, ["three\n", "no end"]);
    assert_eq!(texts(&path, ReadLogs { tail: Some(0), ..both() }, idle).await, Vec::<String>::new());
    assert_eq!(texts(&path, ReadLogs { tail: Some(99), ..both() }, idle).await.len(), 4);
    assert_eq!(texts(&path, ReadLogs { stderr: false, ..both() }, idle).await, ["one\n", "three\n", "no end"]);
    let at = |s: i64| Some(Timestamp(s * 1_000_000_000));
    let middle = ReadLogs { since: at(2), until: at(3), ..both() };
    assert_eq!(texts(&path, middle, idle).await, ["two \"quoted\" é\n", "three\n"]);
}

#[tokio::test]
async fn a_tail_longer_than_one_step_is_found() {
    let line = format!("{}\n", "x".repeat(1000));
    let lines: Vec<_> = (0..300).map(|n| (Channel::Stdout, n, line.as_str())).collect();
    let (_folder, path) = log_of(&lines);
    assert_eq!(texts(&path, ReadLogs { tail: Some(200), ..both() }, Progress::default()).await.len(), 200);
}

#[tokio::test]
async fn a_follower_sees_what_is_written_later_and_ends_with_the_writer() {
    let (_folder, path) = log_of(&[(Channel::Stdout, 1, "one\n")]);
    let (progress, watch) = watch::channel(Progress { flushed: 1, runs: 1, writing: true });
    let (entries, mut seen) = mpsc::channel(4);
    tokio::spawn(read(path.clone(), ReadLogs { follow: true, ..both() }, watch, entries));
    assert_eq!(seen.recv().await.unwrap().unwrap().line, "one\n");
    let mut writer = Writer::open(&path).unwrap();
    writer.add(Channel::Stdout, Timestamp(2), b"two\n");
    writer.flush().unwrap();
    progress.send_modify(|p| p.flushed += 1);
    assert_eq!(seen.recv().await.unwrap().unwrap().line, "two\n");
    progress.send_modify(|p| p.writing = false);
    assert!(seen.recv().await.is_none());
}

#[tokio::test]
async fn a_log_that_does_not_exist_is_empty() {
    assert!(texts(Path::new("/nonexistent/log"), both(), Progress::default()).await.is_empty());
}
