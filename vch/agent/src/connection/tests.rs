//! The connection over a pipe, which like the port reads as ended while nobody is at the other end; and its streams over
//! a socket pair, with the test as their host.

use super::streams::Streams;
use super::*;
use proptest::prelude::*;
use rustix::pipe::{PipeFlags, pipe_with};
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use vch_agent_proto::WINDOW;

fn pipe() -> (Connection, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap();
    (Connection::new(read), write)
}

/// A clone's host connects and says hello at once: the guest may hear the words before it hears that somebody came.
/// Taken for a host that had gone, its first words were answered into nothing.
#[test]
fn words_that_overtake_the_news_of_their_host_are_not_a_host_that_went() {
    let (mut connection, host) = pipe();
    let mut bytes = Vec::new();
    Frame::eof(7).encode_into(&mut bytes);
    rustix::io::write(&host, &bytes).unwrap();
    drop(host);
    assert_eq!(connection.read(), Read::More);
    assert_eq!(connection.next_frame(), Some(Frame::eof(7)));
    assert_eq!(connection.read(), Read::Dry, "the host was not seen yet, so it cannot have gone");
}

#[test]
fn a_host_that_was_seen_and_goes_is_absent_once() {
    let (mut connection, host) = pipe();
    assert_eq!(connection.read(), Read::Dry);
    drop(host);
    assert_eq!(connection.read(), Read::Absent);
    assert_eq!(connection.read(), Read::Dry);
}

/// The agent's streams and the host at the other end of a small socket.
struct Pair {
    connection: Connection,
    streams: Streams,
    host: UnixStream,
    decoder: Decoder,
    /// What the host got, by stream; the end of a stream is an empty frame more.
    data: BTreeMap<u32, Vec<u8>>,
    ended: Vec<u32>,
    resets: Vec<u32>,
    credited: BTreeMap<u32, u32>,
}

impl Pair {
    fn new() -> Self {
        let (agent, host) = UnixStream::pair().unwrap();
        agent.set_nonblocking(true).unwrap();
        host.set_nonblocking(true).unwrap();
        Self {
            connection: Connection::new(agent.into()),
            streams: Streams::default(),
            host,
            decoder: Decoder::default(),
            data: BTreeMap::new(),
            ended: Vec::new(),
            resets: Vec::new(),
            credited: BTreeMap::new(),
        }
    }

    fn output(&mut self, number: u32) -> OwnedFd {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap();
        self.streams.add_output(number, Some(read));
        write
    }

    fn input(&mut self, number: u32) -> OwnedFd {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap();
        self.streams.add_input(number, Some(write), false);
        read
    }

    /// One turn of the event loop, with every descriptor looked at.
    fn turn(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|&number| self.streams.set_ready(number));
        self.streams.feed_all(&mut self.connection);
        self.streams.pump(&mut self.connection);
        self.connection.set_writable();
        self.connection.flush();
    }

    /// The host takes everything that is there.
    fn take(&mut self) {
        use std::io::Read as _;
        let mut bytes = [0; 8192];
        while let Ok(count) = self.host.read(&mut bytes) {
            self.decoder.push(&bytes[..count]);
        }
        while let Some(frame) = self.decoder.next_frame().unwrap() {
            match frame.kind {
                Kind::Data => self.data.entry(frame.stream).or_default().extend(&frame.payload),
                Kind::Eof => self.ended.push(frame.stream),
                Kind::Reset => self.resets.push(frame.stream),
                Kind::Credit => *self.credited.entry(frame.stream).or_default() += frame.credited().unwrap(),
                Kind::Request | Kind::Reply | Kind::Event => panic!("{frame:?}"),
            }
        }
    }

    fn send(&mut self, frame: &Frame) {
        self.streams.receive(frame, &mut self.connection);
    }

    fn got(&self, number: u32) -> usize {
        self.data.get(&number).map_or(0, Vec::len)
    }
}

fn fill(pipe: &OwnedFd) -> usize {
    let mut filled = 0;
    while let Ok(count) = rustix::io::write(pipe, &[b'x'; 4096]) {
        filled += count;
    }
    filled
}

fn fill_all(pipes: &[OwnedFd]) {
    for pipe in pipes {
        fill(pipe);
    }
}

#[test]
fn output_stops_at_its_credit_and_goes_on_with_more() {
    let mut pair = Pair::new();
    let pipe = pair.output(2);
    for _ in 0..200 {
        fill(&pipe);
        pair.turn(&[2]);
        pair.take();
    }
    assert_eq!(pair.got(2), WINDOW as usize);
    pair.send(&Frame::credit(2, 1000));
    pair.turn(&[2]);
    pair.take();
    assert_eq!(pair.got(2), WINDOW as usize + 1000);
    drop(pipe);
    pair.send(&Frame::credit(2, WINDOW));
    for _ in 0..20 {
        pair.turn(&[2]);
        pair.take();
    }
    assert_eq!(pair.ended, [2]);
}

#[test]
fn a_flood_that_the_host_does_not_take_leaves_no_more_than_its_bound_in_the_agent() {
    let mut pair = Pair::new();
    let pipes: Vec<OwnedFd> = (1..=20).map(|n| pair.output(n * 2)).collect();
    let numbers: Vec<u32> = (1..=20).map(|n| n * 2).collect();
    for _ in 0..200 {
        fill_all(&pipes);
        pair.turn(&numbers);
    }
    let waiting = pair.connection.out.len() - pair.connection.sent;
    assert!(waiting <= HIGH_WATER + MAX_DATA + 64, "{waiting}");
}

#[test]
fn a_quiet_stream_gets_its_turn_beside_floods() {
    let mut pair = Pair::new();
    let floods: Vec<OwnedFd> = (1..=3).map(|n| pair.output(n * 2)).collect();
    let quiet = pair.output(100);
    let numbers = [2, 4, 6, 100];
    for _ in 0..10 {
        fill_all(&floods);
        pair.turn(&numbers);
    }
    rustix::io::write(&quiet, b"here").unwrap();
    let mut turns = 0;
    while pair.got(100) == 0 {
        fill_all(&floods);
        for flood in [2, 4, 6] {
            pair.send(&Frame::credit(flood, 64 * 1024));
        }
        pair.turn(&numbers);
        pair.take();
        turns += 1;
        assert!(turns < 5, "the quiet stream waits");
    }
    assert_eq!(pair.data[&100], b"here");
}

#[test]
fn input_waits_for_its_pipe_is_credited_as_taken_and_ends_after_its_last_byte() {
    let mut pair = Pair::new();
    let pipe = pair.input(1);
    let sent: Vec<u8> = (0..WINDOW).map(|n| (n % 251) as u8).collect();
    for piece in sent.chunks(MAX_DATA) {
        pair.send(&Frame::data(1, piece));
    }
    pair.send(&Frame::eof(1));
    let mut got: Vec<u8> = Vec::new();
    let mut bytes = [0; 10_000];
    loop {
        match rustix::io::read(&pipe, &mut bytes) {
            Ok(0) => break,
            Ok(count) => got.extend(&bytes[..count]),
            Err(Errno::AGAIN) => pair.turn(&[1]),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(got == sent);
    pair.turn(&[]);
    pair.take();
    let credited = pair.credited.get(&1).copied().unwrap_or(0);
    assert!((WINDOW / 2..=WINDOW).contains(&credited), "{credited}");
    assert!(!pair.streams.contains(1));
}

#[test]
fn input_that_nobody_reads_is_reset_and_late_frames_are_dropped() {
    let mut pair = Pair::new();
    drop(pair.input(1));
    pair.send(&Frame::data(1, b"x"));
    pair.turn(&[]);
    pair.take();
    assert_eq!(pair.resets, [1]);
    pair.send(&Frame::data(1, b"late"));
    pair.send(&Frame::eof(1));
    pair.send(&Frame::credit(99, 1));
    pair.send(&Frame::reset(99));
    pair.turn(&[1, 99]);
    pair.take();
    assert_eq!(pair.resets, [1]);
}

#[test]
fn reset_output_is_drained_without_a_word() {
    let mut pair = Pair::new();
    let pipe = pair.output(2);
    pair.send(&Frame::reset(2));
    for _ in 0..50 {
        assert!(fill(&pipe) > 0, "the process is not held up");
        pair.turn(&[2]);
    }
    drop(pipe);
    for _ in 0..20 {
        pair.turn(&[2]);
    }
    pair.take();
    assert_eq!((pair.got(2), pair.ended.len()), (0, 0));
    assert!(!pair.streams.contains(2));
}

#[test]
fn a_connection_that_ends_takes_its_streams_along_but_not_the_processes() {
    let mut pair = Pair::new();
    let (pipe, _stdin) = (pair.output(2), pair.input(1));
    pair.send(&Frame::data(1, b"given before"));
    pair.connection.clear();
    pair.streams.disconnect();
    for _ in 0..50 {
        assert!(fill(&pipe) > 0);
        pair.turn(&[1, 2]);
    }
    pair.take();
    assert_eq!(pair.got(2), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the order of writing, crediting and taking: every byte arrives, in order, and never beyond the credit.
    #[test]
    fn streams_are_whole_and_within_credit(steps in prop::collection::vec((0u32..3, 0usize..70_000, any::<bool>()), 1..60)) {
        let mut pair = Pair::new();
        let numbers = [2, 4, 6];
        let pipes: Vec<OwnedFd> = numbers.iter().map(|&number| pair.output(number)).collect();
        let (mut written, mut granted) = ([0usize; 3], [WINDOW as usize; 3]);
        for (which, amount, take) in steps {
            let which = which as usize;
            let bytes: Vec<u8> = (written[which]..written[which] + amount).map(|at| (at % 251) as u8).collect();
            written[which] += rustix::io::write(&pipes[which], &bytes).unwrap_or(0);
            pair.turn(&numbers);
            if take {
                pair.take();
                let more = amount as u32 / 2;
                pair.send(&Frame::credit(numbers[which], more));
                granted[which] += more as usize;
            }
            for (at, number) in numbers.iter().enumerate() {
                prop_assert!(pair.got(*number) <= granted[at]);
            }
        }
        drop(pipes);
        for number in numbers {
            pair.send(&Frame::credit(number, 1 << 24));
        }
        for _ in 0..200 {
            pair.turn(&numbers);
            pair.take();
            if pair.ended.len() == numbers.len() {
                break;
            }
        }
        pair.ended.sort_unstable();
        prop_assert_eq!(&pair.ended, &numbers);
        for (at, number) in numbers.iter().enumerate() {
            let expected: Vec<u8> = (0..written[at]).map(|byte| (byte % 251) as u8).collect();
            prop_assert!(pair.data.get(number).cloned().unwrap_or_default() == expected);
        }
    }
}
