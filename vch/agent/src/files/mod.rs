//! Work on a container's files: what `docker cp`, `export`, `diff` and `commit` ask of the guest.
//!
//! A fork of the agent does it, without executing any program: it enters the container's root ([`crate::container::view`])
//! and works there with plain paths. What it may see, its root says; what it may harm is the container's own.
//!
//! ```text
//! stat ── resolve        one path                      unpack ── a tar into a directory
//! pack ── walk ─┐        a path and what is below it   changes ─ walk: what differs from the image, listed
//!               └ entry  one file as a tar entry       layer ── walk, entry: the same, packed as a layer
//! ```
//! Words are those of dockerd and of Go's `os`, since clients read them (moby daemon/archive.go, pkg/archive).

mod changes;
mod entry;
mod layer;
mod pack;
mod resolve;
mod stat;
mod unpack;
mod walk;

use crate::container::{setup, stdio::ChildEnds, view};
use crate::failure::{Explain, Failure, FailureClass, failure, words};
use crate::sys::{exec, fork};
use rustix::io::Errno;
use std::convert::Infallible;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use vch_agent_proto::{Container, FileAnswer, FileFailure, FileFailureClass, FileWork, Rootfs};

/// Bytes of output that are written in one go, and of a file that are read in one: more than a pipe holds.
const CHUNK: usize = 128 * 1024;

/// Where the container is.
pub(crate) enum Place<'a> {
    /// It is there, running or frozen.
    Running {
        /// Its mount namespace.
        mounts: &'a OwnedFd,
        /// Paths of the files that are laid over its root.
        laid: &'a [String],
        /// Its root file system.
        rootfs: &'a Rootfs,
    },
    /// Only its disks are there.
    AtRest(&'a Container),
}

/// What ends work: a sentence for the client, or an output that nobody reads any more.
enum Stop {
    Failed(FileFailure),
    Output,
}

type Outcome = Result<(), Stop>;

impl From<FileFailure> for Stop {
    fn from(failure: FileFailure) -> Self {
        Self::Failed(failure)
    }
}

/// Does the work; the child's side of `Files` and `FilesAtRest`.
///
/// # Errors
/// The container's root cannot be entered. Whatever the work itself runs into is told on standard output.
pub(crate) fn run(
    place: &Place<'_>,
    work: &FileWork,
    stdio: ChildEnds,
    channel: &OwnedFd,
) -> Result<Infallible, Failure> {
    setup::prepare(0)?;
    rustix::process::umask(rustix::fs::Mode::empty());
    let image = enter(place, work)?;
    let ChildEnds::Pipes([stdin, Some(stdout), _]) = stdio else {
        return Err(failure(FailureClass::Internal, "work on files needs a pipe for its output"));
    };
    let explain = |why: &str| format!("take over the streams: {why}");
    if let Some(stdin) = &stdin {
        exec::become_standard(stdin.as_fd(), 0).explain(FailureClass::Internal, explain)?;
    }
    exec::become_standard(stdout.as_fd(), 1).explain(FailureClass::Internal, explain)?;
    // Ends of other containers' pipes, held on to, would keep those from ending; its own as well.
    fork::close_all_but([channel.as_fd(), rustix::stdio::stderr()]);
    setup::ready(channel)?;
    fork::close_all_but([rustix::stdio::stderr(), rustix::stdio::stderr()]);
    let mut output = BufWriter::with_capacity(CHUNK, Output);
    let done = perform(work, &image, &mut output);
    let told = match done {
        Ok(()) => output.flush().is_ok(),
        Err(Stop::Failed(failure)) => {
            // Behind a part of a tar it only spoils it; the exit code says why that is.
            let _ = answer(&mut output, &FileAnswer::Failed(failure));
            let _ = output.flush();
            false
        }
        Err(Stop::Output) => false,
    };
    fork::exit(if told { 0 } else { 1 })
}

/// Enters what the work needs to see; returns the image's root where it sees that apart from the changes.
fn enter(place: &Place<'_>, work: &FileWork) -> Result<String, Failure> {
    let rootfs = match place {
        Place::Running { rootfs, .. } => rootfs,
        Place::AtRest(container) => &container.rootfs,
    };
    match (work, place) {
        (FileWork::Changes | FileWork::Layer, _) => return view::of_parts(rootfs),
        (FileWork::Export, Place::Running { mounts, .. }) => view::of_running(mounts, &[]),
        (FileWork::Export, Place::AtRest(_)) => view::at_rest(rootfs, &[]),
        (_, Place::Running { mounts, laid, .. }) => view::of_running(mounts, laid),
        (_, Place::AtRest(container)) => view::at_rest(rootfs, &container.files),
    }?;
    Ok("/".to_owned())
}

fn perform(work: &FileWork, image: &str, output: &mut impl Write) -> Outcome {
    match work {
        FileWork::Stat { path } => answer(output, &FileAnswer::Stat(stat::stat(path)?)),
        FileWork::Pack { path } => pack::path(path, output),
        FileWork::Unpack { path, keep_kinds, owner, read_only } => {
            let wanted = unpack::Wanted { keep_kinds: *keep_kinds, owner: owner.as_deref(), read_only: *read_only };
            unpack::unpack(path, &wanted, Input)?;
            answer(output, &FileAnswer::Done)
        }
        FileWork::Export => pack::root(output),
        FileWork::Changes => changes::list(image, output),
        FileWork::Layer => layer::pack(output),
    }
}

fn answer(output: &mut impl Write, answer: &FileAnswer) -> Outcome {
    let bytes =
        vch_agent_proto::files::encode(answer).map_err(|error| other(format!("the answer cannot be told: {error}")))?;
    output.write_all(&bytes).map_err(|_| Stop::Output)
}

/// A failure of no particular class. A sentence too long for an answer is cut.
fn other(message: impl Into<String>) -> FileFailure {
    FileFailure { class: FileFailureClass::Other, message: failure(FailureClass::Internal, message).message }
}

/// A failed call on a path, as Go's `os.PathError` says it; one on a path that is not there is [`FileFailureClass::NotFound`].
fn path_error(call: &str, path: &std::path::Path, error: &io::Error) -> FileFailure {
    let class = match error.kind() {
        io::ErrorKind::NotFound => FileFailureClass::NotFound,
        _ => FileFailureClass::Other,
    };
    FileFailure { class, ..other(format!("{call} {}: {}", path.display(), spoken(error))) }
}

/// An error's words as Go prints them.
fn spoken(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => words(Errno::from_raw_os_error(number)),
        None => error.to_string(),
    }
}

/// Standard input, unbuffered and without a lock.
struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut *buffer))?)
    }
}

/// Standard output, unbuffered and without a lock.
struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stdout(), bytes))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
