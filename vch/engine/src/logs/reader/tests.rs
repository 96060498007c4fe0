//! Reading logs back.

use super::*;
use crate::logs::attributes::Attributes;
use crate::logs::json_file::Writer;
use crate::logs::options::Bounds;

const ENDLESS: Bounds = Bounds { max_size: None, max_files: 1, compress: false };

fn writer(log: &Segments, bounds: Bounds) -> Writer {
    Writer::open(log.clone(), bounds, Attributes::new()).unwrap()
}

fn log_of(lines: &[(Channel, i64, &str)]) -> (tempfile::TempDir, Segments) {
    let folder = tempfile::tempdir().unwrap();
    let log = Segments::new(folder.path().join("log"));
    let mut writer = writer(&log, ENDLESS);
    for (channel, second, text) in lines {
        writer.add(*channel, Timestamp(second * 1_000_000_000), text.as_bytes());
    }
    writer.flush().unwrap();
    (folder, log)
}

async fn texts(log: &Segments, options: ReadLogs, progress: Progress) -> Vec<String> {
    let (entries, mut seen) = mpsc::channel(4);
    let (_keep, progress) = watch::channel(progress);
    tokio::spawn(read(log.clone(), options, progress, entries));
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
    let (_folder, log) = log_of(&[
        (Channel::Stdout, 1, "one\n"),
        (Channel::Stderr, 2, "two \"quoted\" é\n"),
        (Channel::Stdout, 3, "three\n"),
        (Channel::Stdout, 4, "no end"),
    ]);
    let idle = Progress::default();
    assert_eq!(texts(&log, both(), idle).await, ["one\n", "two \"quoted\" é\n", "three\n", "no end"]);
    assert_eq!(texts(&log, ReadLogs { tail: Some(2), ..both() }, idle).await, ["three\n", "no end"]);
    assert_eq!(texts(&log, ReadLogs { tail: Some(0), ..both() }, idle).await, Vec::<String>::new());
    assert_eq!(texts(&log, ReadLogs { tail: Some(99), ..both() }, idle).await.len(), 4);
    assert_eq!(texts(&log, ReadLogs { stderr: false, ..both() }, idle).await, ["one\n", "three\n", "no end"]);
    let at = |s: i64| Some(Timestamp(s * 1_000_000_000));
    let middle = ReadLogs { since: at(2), until: at(3), ..both() };
    assert_eq!(texts(&log, middle, idle).await, ["two \"quoted\" é\n", "three\n"]);
}

#[tokio::test]
async fn a_tail_longer_than_one_step_is_found() {
    let line = format!("{}\n", "x".repeat(1000));
    let lines: Vec<_> = (0..300).map(|n| (Channel::Stdout, n, line.as_str())).collect();
    let (_folder, log) = log_of(&lines);
    assert_eq!(texts(&log, ReadLogs { tail: Some(200), ..both() }, Progress::default()).await.len(), 200);
}

#[tokio::test]
async fn a_follower_sees_what_is_written_later_and_ends_with_the_writer() {
    let (_folder, log) = log_of(&[(Channel::Stdout, 1, "one\n")]);
    let (progress, watch) = watch::channel(Progress { flushed: 1, runs: 1, writing: true });
    let (entries, mut seen) = mpsc::channel(4);
    tokio::spawn(read(log.clone(), ReadLogs { follow: true, ..both() }, watch, entries));
    assert_eq!(seen.recv().await.unwrap().unwrap().line, "one\n");
    let mut writer = writer(&log, ENDLESS);
    writer.add(Channel::Stdout, Timestamp(2), b"two\n");
    writer.flush().unwrap();
    progress.send_modify(|p| p.flushed += 1);
    assert_eq!(seen.recv().await.unwrap().unwrap().line, "two\n");
    progress.send_modify(|p| p.writing = false);
    assert!(seen.recv().await.is_none());
}

#[tokio::test]
async fn a_log_that_does_not_exist_is_empty() {
    assert!(texts(&Segments::new("/nonexistent/log".into()), both(), Progress::default()).await.is_empty());
}

/// A log whose files hold a few lines each.
fn small(max_files: usize, compress: bool) -> Bounds {
    Bounds { max_size: Some(300), max_files, compress }
}

fn numbered(writer: &mut Writer, numbers: std::ops::Range<i64>) {
    for n in numbers {
        writer.add(Channel::Stdout, Timestamp((n + 1) * 1_000_000_000), format!("line {n}\n").as_bytes());
    }
    writer.flush().unwrap();
}

fn lines_of(numbers: std::ops::Range<i64>) -> Vec<String> {
    numbers.map(|n| format!("line {n}\n")).collect()
}

#[tokio::test]
async fn full_files_are_read_in_order_compressed_or_not() {
    for compress in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = Segments::new(folder.path().join("log"));
        let mut writer = writer(&log, small(1000, compress));
        (0..20).for_each(|n| numbered(&mut writer, n * 10..n * 10 + 10));
        drop(writer);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert!(files > 10, "{files}");
        assert_eq!(folder.path().join("log.1.gz").exists(), compress);
        assert_eq!(folder.path().join("log.1").exists(), !compress);
        let idle = Progress::default();
        assert_eq!(texts(&log, both(), idle).await, lines_of(0..200));
        for tail in [1, 3, 4, 5, 17, 150, 200, 500] {
            let from = 200 - i64::try_from(tail).unwrap().min(200);
            assert_eq!(texts(&log, ReadLogs { tail: Some(tail), ..both() }, idle).await, lines_of(from..200), "{tail}");
        }
        let at = |n: i64| Some(Timestamp((n + 1) * 1_000_000_000));
        let middle = ReadLogs { since: at(33), until: at(151), ..both() };
        assert_eq!(texts(&log, middle, idle).await, lines_of(33..152));
        // Another daemon finds them too.
        let again = Segments::new(folder.path().join("log"));
        assert_eq!(texts(&again, both(), idle).await, lines_of(0..200));
        let written = Written::open(again).await.unwrap().unwrap();
        let (entries, mut seen) = mpsc::channel(1000);
        written.read(both(), entries).await;
        let mut count = 0;
        while let Some(entry) = seen.recv().await {
            assert_eq!(entry.unwrap().line, format!("line {count}\n"));
            count += 1;
        }
        assert_eq!(count, 200);
    }
}

#[tokio::test]
async fn files_beyond_the_bound_go() {
    for max_files in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let log = Segments::new(folder.path().join("log"));
        let mut writer = writer(&log, small(max_files, max_files > 1));
        (0..20).for_each(|n| numbered(&mut writer, n * 10..n * 10 + 10));
        drop(writer);
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), max_files);
        assert!(files.iter().all(|file| file.metadata().unwrap().len() < 600));
        let left = texts(&log, both(), Progress::default()).await;
        assert_eq!(left, lines_of(200 - i64::try_from(left.len()).unwrap()..200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_go_on_over_files_without_loss_or_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let log = Segments::new(folder.path().join("log"));
    let (progress, watch) = watch::channel(Progress { flushed: 0, runs: 1, writing: true });
    let mut writer = writer(&log, small(100_000, true));
    let followers: Vec<_> = (0..20)
        .map(|_| {
            let (entries, mut seen) = mpsc::channel(4);
            tokio::spawn(read(log.clone(), ReadLogs { follow: true, ..both() }, watch.clone(), entries));
            tokio::spawn(async move {
                let mut texts = Vec::new();
                while let Some(entry) = seen.recv().await {
                    texts.push(String::from_utf8(entry.unwrap().line.to_vec()).unwrap());
                }
                texts
            })
        })
        .collect();
    for n in 0..200 {
        tokio::task::block_in_place(|| numbered(&mut writer, n * 5..n * 5 + 5));
        progress.send_modify(|p| p.flushed += 1);
    }
    drop(writer);
    progress.send_modify(|p| p.writing = false);
    for follower in followers {
        assert_eq!(follower.await.unwrap(), lines_of(0..1000));
    }
}
