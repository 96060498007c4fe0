//! The client against a peer that a test scripts itself: what a guest must not do, and what may cross on the way.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vch_agent_proto::{Decoder, Event, Failure, Frame, Kind, MAX_DATA, Probe, Reply, Request, Stdio, WINDOW};

#[derive(Default)]
struct Frames(Decoder);

impl Frames {
    async fn next(&mut self, read: &mut (impl AsyncReadExt + Unpin)) -> Frame {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.0.next_frame().unwrap() {
                return frame;
            }
            let length = timeout(SOON, read.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(length, 0, "the client hung up");
            self.0.push(&buffer[..length]);
        }
    }
}

fn reply(request: &Frame, answer: Result<Reply, Failure>) -> Frame {
    Frame::control(Kind::Reply, request.stream, &answer).unwrap()
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), frame: &Frame) {
    let mut bytes = Vec::new();
    frame.encode_into(&mut bytes);
    write.write_all(&bytes).await.unwrap();
}

/// A client with one started process (number 1, streams: input 1, output 2 and 4), and the peer that started it.
async fn on_script() -> (Client, Process, UnixStream, Frames) {
    let (host, mut peer) = UnixStream::pair().unwrap();
    let client = Client::new(host, Numbers::default());
    let starting = client.run(container("a", &["x"]), PIPES).unwrap();
    let mut frames = Frames::default();
    let run = frames.next(&mut peer).await;
    let Request::Run(sent) = run.message().unwrap() else { panic!("{run:?}") };
    assert_eq!(sent.process.number, 1);
    assert_eq!(sent.process.stdio, Stdio::Pipes { stdin: Some(1), stdout: Some(2), stderr: Some(4) });
    send(&mut peer, &reply(&run, Ok(Reply::Started { pid: 9 }))).await;
    let process = client.started(starting).await.unwrap();
    assert_eq!(process.guest_pid(), 9);
    (client, process, peer, frames)
}

/// What breaks the protocol: each ends the connection, and everybody who waits is told.
#[tokio::test]
async fn a_guest_that_breaks_the_protocol_is_cut_off() {
    let exit = |process| Event::Exited { process, status: ExitStatus::Code(0), oom_killed: false };
    let event = |event: Event| Frame::control(Kind::Event, 0, &event).unwrap();
    let done: Result<Reply, Failure> = Ok(Reply::Done);
    let five = |stream| vec![Frame::data(stream, &vec![0; MAX_DATA]); 5];
    let oversized = [4u32.to_le_bytes(), 2u32.to_le_bytes(), (MAX_DATA as u32 + 1).to_le_bytes()].concat();
    let bytes = |frames: Vec<Frame>| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
        bytes
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("data beyond the credit", bytes(five(2))),
        ("data on a stream that was not opened", bytes(vec![Frame::data(6, b"x")])),
        ("data on a stream of the other direction", bytes(vec![Frame::data(1, b"x")])),
        ("data on stream 0", bytes(vec![Frame::data(0, b"x")])),
        ("an end of a stream that was not opened", bytes(vec![Frame::eof(8)])),
        ("credit beyond the window", bytes(vec![Frame::credit(1, 1)])),
        ("credit that overflows", bytes(vec![Frame::credit(1, u32::MAX)])),
        ("credit for a stream that was not opened", bytes(vec![Frame::credit(3, 1)])),
        ("a reset of a stream that it sends itself", bytes(vec![Frame::reset(2)])),
        ("a reply to nothing", bytes(vec![Frame::control(Kind::Reply, 77, &done).unwrap()])),
        ("a second reply", bytes(vec![Frame::control(Kind::Reply, 1, &done).unwrap()])),
        ("an exit of nothing", bytes(vec![event(exit(2))])),
        ("a release of nothing", bytes(vec![event(Event::Released { container: "b".into() })])),
        ("a probe of nothing", bytes(vec![event(Event::Probe { check: 9, probe: Probe::Begun })])),
        ("a request", bytes(vec![Frame::control(Kind::Request, 1, &Request::Shutdown).unwrap()])),
        ("a frame over its bound", oversized),
        ("an unknown kind", [99u32.to_le_bytes(); 3].concat()),
        ("a malformed event", bytes(vec![Frame { kind: Kind::Event, stream: 0, payload: vec![255; 9] }])),
        ("a short credit", bytes(vec![Frame { kind: Kind::Credit, stream: 1, payload: vec![1] }])),
    ];
    for (what, bytes) in cases {
        let (client, mut process, mut peer, _frames) = on_script().await;
        let waiting = process.handle();
        let output = process.take_output().unwrap();
        let signal = tokio::spawn(async move { waiting.signal(15).await });
        // The client may cut off before everything is written.
        let _ = peer.write_all(&bytes).await;
        let mut closed = client.closed();
        let reason = timeout(SOON, closed.wait_for(Option::is_some)).await.expect(what).unwrap().clone();
        assert!(matches!(reason, Some(Closed::Protocol(_))), "{what}: {reason:?}");
        assert_eq!(timeout(SOON, process.wait()).await.expect(what), Exit::MachineGone, "{what}");
        timeout(SOON, all(output)).await.expect(what);
        assert!(matches!(timeout(SOON, signal).await.expect(what).unwrap(), Err(SandboxError::Protocol(_))), "{what}");
        assert!(matches!(client.run(container("b", &["x"]), PIPES), Err(SandboxError::Protocol(_))), "{what}");
        assert!(*client.released("a").expect(what).borrow(), "{what}");
    }
}

#[tokio::test]
async fn what_crosses_the_end_of_its_stream_is_dropped() {
    let (client, mut process, mut peer, mut frames) = on_script().await;
    drop(process.take_output());
    drop(process.take_stdin());
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let frame = frames.next(&mut peer).await;
        kinds.push((frame.kind, frame.stream));
    }
    kinds.sort_by_key(|(_, stream)| *stream);
    assert_eq!(kinds, [(Kind::Eof, 1), (Kind::Reset, 2), (Kind::Reset, 4)]);
    let exit = Event::Exited { process: 1, status: ExitStatus::Code(0), oom_killed: false };
    let exit = Frame::control(Kind::Event, 0, &exit).unwrap();
    for frame in [Frame::data(2, b"late"), Frame::eof(4), Frame::credit(1, 10), Frame::reset(1), exit.clone(), exit] {
        send(&mut peer, &frame).await;
    }
    assert_eq!(process.wait().await, Exit::Ended { status: ExitStatus::Code(0), oom_killed: false });
    let signal = tokio::spawn(async move { process.handle().signal(9).await });
    let request = frames.next(&mut peer).await;
    send(&mut peer, &reply(&request, Ok(Reply::Done))).await;
    signal.await.unwrap().unwrap();
    assert_eq!(client.link.reason(), None);
}

#[tokio::test]
async fn a_guest_that_hangs_up_leaves_nobody_waiting() {
    let (client, mut process, peer, _frames) = on_script().await;
    let output = process.take_output().unwrap();
    let mut stdin = process.take_stdin().unwrap();
    drop(peer);
    assert_eq!(timeout(SOON, process.wait()).await.unwrap(), Exit::MachineGone);
    timeout(SOON, all(output)).await.unwrap();
    timeout(SOON, stdin.closed()).await.unwrap();
    assert_eq!(stdin.write(Bytes::from("x")).await, Err(WriteError));
    assert!(matches!(process.handle().signal(1).await, Err(SandboxError::MachineGone)));
    assert!(matches!(client.hello(SOON).await, Err(SandboxError::MachineGone)));
}

#[tokio::test]
async fn a_request_has_a_deadline_and_its_late_answer_does_no_harm() {
    let (client, process, mut peer, mut frames) = on_script().await;
    let short = Duration::from_millis(30);
    let sent = client.shutdown(short).unwrap();
    assert!(matches!(client.done(sent).await, Err(SandboxError::Deadline { .. })));
    let late = frames.next(&mut peer).await;
    send(&mut peer, &reply(&late, Ok(Reply::Done))).await;
    let signal = tokio::spawn(async move { process.handle().signal(9).await });
    let request = frames.next(&mut peer).await;
    send(&mut peer, &reply(&request, Ok(Reply::Done))).await;
    signal.await.unwrap().unwrap();
}

/// A guest that reads before it knows that the host is there answers into nothing, or forgets what it read.
#[tokio::test]
async fn a_hello_that_is_lost_is_said_again() {
    let (host, mut peer) = UnixStream::pair().unwrap();
    let client = Client::new(host, Numbers::default());
    let greeting = tokio::spawn(async move { client.hello(SOON).await });
    let mut frames = Frames::default();
    let lost = frames.next(&mut peer).await;
    let again = frames.next(&mut peer).await;
    assert_eq!((lost.payload, again.stream), (again.payload.clone(), lost.stream + 1));
    let hello = proto::Hello { version: proto::VERSION, kernel: "k".into(), personalized: false };
    send(&mut peer, &reply(&again, Ok(Reply::Hello(hello.clone())))).await;
    assert_eq!(greeting.await.unwrap().unwrap(), hello);
}

#[tokio::test]
async fn an_agent_of_another_version_is_refused_with_a_remedy() {
    let (host, mut peer) = UnixStream::pair().unwrap();
    let client = Client::new(host, Numbers::default());
    let greeting = tokio::spawn(async move { client.hello(SOON).await });
    let request = Frames::default().next(&mut peer).await;
    let hello = proto::Hello { version: 9, kernel: "k".into(), personalized: false };
    send(&mut peer, &reply(&request, Ok(Reply::Hello(hello)))).await;
    assert!(greeting.await.unwrap().unwrap_err().to_string().contains("vch guest build"));
}

#[tokio::test]
async fn a_guest_that_never_answers_is_not_asked_without_end() {
    let (client, _process, _peer, _frames) = on_script().await;
    let refused = (0..2000).find_map(|_| client.shutdown(SOON).err());
    assert!(matches!(refused, Some(SandboxError::Busy(_))));
}

#[tokio::test]
async fn control_overtakes_data_and_inputs_take_turns() {
    let (client, mut process, mut peer, mut frames) = on_script().await;
    let second = client.exec("a", container("a", &["y"]).process, PIPES).unwrap();
    let request = frames.next(&mut peer).await;
    send(&mut peer, &reply(&request, Ok(Reply::Started { pid: 10 }))).await;
    let mut second = client.started(second).await.unwrap();
    let (mut one, mut two) = (process.take_stdin().unwrap(), second.take_stdin().unwrap());
    // The window of each, more together than the socket and one frame hold: the peer does not read yet.
    one.write(Bytes::from(vec![1; WINDOW as usize])).await.unwrap();
    two.write(Bytes::from(vec![2; WINDOW as usize])).await.unwrap();
    let handle = process.handle();
    let signal = tokio::spawn(async move { handle.signal(15).await });
    tokio::task::yield_now().await;
    let mut order = Vec::new();
    while order.len() < 9 {
        let frame = frames.next(&mut peer).await;
        if frame.kind == Kind::Request {
            send(&mut peer, &reply(&frame, Ok(Reply::Done))).await;
        }
        order.push((frame.kind, frame.stream));
    }
    signal.await.unwrap().unwrap();
    assert_ne!(order.last().unwrap().0, Kind::Request, "{order:?}");
    let turns: Vec<u32> = order.iter().filter(|(kind, _)| *kind == Kind::Data).map(|(_, stream)| *stream).collect();
    assert!(turns[1..7].windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
}

#[tokio::test]
async fn a_byte_in_each_frame_costs_no_piece_for_each() {
    let (_client, mut process, mut peer, _frames) = on_script().await;
    let mut bytes = Vec::new();
    for _ in 0..WINDOW / 4 {
        Frame::data(2, b"o").encode_into(&mut bytes);
        Frame::data(4, b"e").encode_into(&mut bytes);
    }
    Frame::eof(2).encode_into(&mut bytes);
    Frame::eof(4).encode_into(&mut bytes);
    peer.write_all(&bytes).await.unwrap();
    let output = process.take_output().unwrap();
    let queue = output.queue.clone();
    timeout(SOON, async {
        while queue.is_open() {
            tokio::task::yield_now().await
        }
    })
    .await
    .unwrap();
    assert!(queue.pieces() <= 1100, "{} pieces", queue.pieces());
    let (out, err) = all(output).await;
    assert_eq!((out.len() as u32, err.len() as u32), (WINDOW / 4, WINDOW / 4));
    assert!(out.iter().all(|byte| *byte == b'o') && err.iter().all(|byte| *byte == b'e'));
}

#[tokio::test]
async fn numbers_go_on_where_the_template_stopped() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let first = run(&client, "a", &["true"]).await;
    first.wait().await;
    let numbers = client.numbers();
    client.hang_up().await;
    let (host, mut peer) = UnixStream::pair().unwrap();
    let clone = Client::new(host, numbers);
    let _starting = clone.run(container("b", &["x"]), PIPES).unwrap();
    let run = Frames::default().next(&mut peer).await;
    let Request::Run(sent) = run.message().unwrap() else { panic!("{run:?}") };
    assert_eq!(sent.process.number, 2);
    assert_eq!(sent.process.stdio, Stdio::Pipes { stdin: Some(3), stdout: Some(6), stderr: Some(8) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_goes_through_whole() {
    const BYTES: usize = 256 << 20;
    let (host, mut peer) = UnixStream::pair().unwrap();
    let client = Client::new(host, Numbers::default());
    let starting = client.run(container("a", &["x"]), PIPES).unwrap();
    let guest = tokio::spawn(async move {
        let (mut read, mut write) = peer.split();
        let mut frames = Frames::default();
        let run = frames.next(&mut read).await;
        send(&mut write, &reply(&run, Ok(Reply::Started { pid: 1 }))).await;
        let mut block = Vec::new();
        Frame::data(2, &vec![5; MAX_DATA]).encode_into(&mut block);
        let (mut credit, mut sent) = (WINDOW as usize, 0);
        while sent < BYTES {
            while credit < MAX_DATA {
                credit += frames.next(&mut read).await.credited().unwrap() as usize;
            }
            write.write_all(&block).await.unwrap();
            credit -= MAX_DATA;
            sent += MAX_DATA;
        }
        send(&mut write, &Frame::eof(2)).await;
        send(&mut write, &Frame::eof(4)).await;
        // Kept open, so that the last bytes are read as output and not as the machine's end.
        while !frames.next(&mut read).await.payload.is_empty() {}
    });
    let mut process = client.started(starting).await.unwrap();
    let mut output = process.take_output().unwrap();
    let (start, mut seen) = (std::time::Instant::now(), 0);
    while let Some((_, bytes)) = output.next().await {
        seen += bytes.len();
    }
    assert_eq!(seen, BYTES);
    println!("{:.0} MB/s", BYTES as f64 / 1e6 / start.elapsed().as_secs_f64());
    drop(process);
    timeout(SOON, guest).await.unwrap().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_bytes_make_the_client_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..4000), kind in 0u32..9, length in 0u32..40) {
        runtime().block_on(async {
            let (client, process, mut peer, _frames) = on_script().await;
            let head = [kind.to_le_bytes(), 2u32.to_le_bytes(), length.to_le_bytes()].concat();
            let _ = peer.write_all(&head).await;
            let _ = peer.write_all(&bytes).await;
            drop(peer);
            timeout(SOON, process.wait()).await.unwrap();
            assert!(timeout(SOON, client.closed().wait_for(Option::is_some)).await.is_ok());
        });
    }
}
