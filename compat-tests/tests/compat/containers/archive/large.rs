//! Files that are larger than any memory they may take on the way.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![many_megabytes_pass_through];
    tests.extend(tests![the_daemon_stays_small].into_iter().map(|t| t.ours_only().alone()));
    tests
}

/// A tar of one file of so many MiB that do not compress, made as it is read.
struct Stream {
    left: u64,
    head: Vec<u8>,
    seed: u64,
    sum: u64,
}

impl Stream {
    fn new(mebibytes: u64) -> (Self, u64) {
        let size = mebibytes << 20;
        let mut header = tar::Header::new_ustar();
        header.set_path("big").unwrap();
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        (Self { left: size, head: header.as_bytes().to_vec(), seed: 1, sum: 0 }, 512 + size + 1024)
    }

    /// The next block, the same for every stream.
    fn block(seed: &mut u64) -> Vec<u8> {
        let mut block = Vec::with_capacity(1 << 20);
        while block.len() < 1 << 20 {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            block.extend_from_slice(&seed.to_le_bytes());
        }
        block
    }

    fn write(mut self, to: &mut impl std::io::Write) -> u64 {
        to.write_all(&self.head).unwrap();
        while self.left > 0 {
            let block = Self::block(&mut self.seed);
            self.sum = fold(self.sum, &block);
            to.write_all(&block).unwrap();
            self.left -= block.len() as u64;
        }
        to.write_all(&[0; 1024]).unwrap();
        self.sum
    }
}

fn fold(sum: u64, bytes: &[u8]) -> u64 {
    bytes.chunks_exact(8).fold(sum, |sum, word| {
        sum.rotate_left(5) ^ u64::from_le_bytes(word.try_into().unwrap()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// Sends so many MiB into a container and gets them back; how long each way took.
fn there_and_back(container: &Container, mebibytes: u64) -> (Duration, Duration) {
    let begun = Instant::now();
    let (stream, length) = Stream::new(mebibytes);
    let path = format!("{VERSION}{}", container.path("/archive?path=/root"));
    let head = format!("PUT {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let mut wire = engine().client.connect();
    std::io::Write::write_all(&mut wire, head.as_bytes()).unwrap();
    let sum = stream.write(&mut wire);
    vch_compat_tests::raw::receive(wire, "PUT").unwrap().finish().expect(200);
    let (inwards, begun) = (begun.elapsed(), Instant::now());
    let live = open("GET", &container.path("/archive?path=/root/big"), None);
    assert_eq!(live.head.status, 200);
    let mut archive = tar::Archive::new(live.body);
    let mut entries = archive.entries().unwrap();
    let mut entry = entries.next().unwrap().unwrap();
    assert_eq!(entry.size(), mebibytes << 20);
    let (mut back, mut block) = (0, vec![0; 1 << 20]);
    for _ in 0..mebibytes {
        entry.read_exact(&mut block).unwrap();
        back = fold(back, &block);
    }
    drop(entry);
    assert!(entries.next().is_none());
    assert_eq!(back, sum, "what came back is not what was sent");
    (inwards, begun.elapsed())
}

fn many_megabytes_pass_through() {
    let container = Container::idle();
    there_and_back(&container, 40);
}

/// The daemon's resident memory in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn the_daemon_stays_small() {
    // Larger for a measurement by hand.
    let mebibytes = std::env::var("VCH_TEST_CP_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let pid = engine().pid.unwrap();
    let container = Container::idle();
    there_and_back(&container, 1);
    let before = resident(pid);
    let (most, done) = (AtomicU64::new(before), AtomicBool::new(false));
    let spans = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(resident(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let spans = std::panic::catch_unwind(|| there_and_back(&container, mebibytes));
        done.store(true, Ordering::Relaxed);
        spans
    });
    let (inwards, outwards) = spans.unwrap();
    let most = most.into_inner();
    eprintln!(
        "{mebibytes} MiB: {inwards:?} in, {outwards:?} out; the daemon had {} MiB, at most {} MiB",
        before >> 20,
        most >> 20
    );
    assert!(most - before < 30 << 20, "the daemon grew from {before} to {most} bytes");
}
