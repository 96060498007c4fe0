//! The connection over a pipe, which like the port reads as ended while nobody is at the other end.

use super::*;
use rustix::pipe::{PipeFlags, pipe_with};

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
