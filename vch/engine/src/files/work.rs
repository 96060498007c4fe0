//! One piece of work on a container's files, in a task of its own, so that whatever becomes of the client who asked, the
//! process in the guest ends and its machine is left in order.

use super::place::Place;
use crate::container::Container;
use crate::engine::Engine;
use crate::error::{Error, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vch_sandbox::proto::files::{MAX_ANSWER, decode};
use vch_sandbox::proto::{ExitStatus, FileAnswer, FileWork};
use vch_sandbox::{Exit, OutputReader, Process, StdinWriter};

/// A client's tar as it arrives.
pub(crate) type Input = BoxStream<'static, std::io::Result<Bytes>>;

/// Pieces of output that wait for a client at a time, each at most a frame of the agent's.
const PIECES: usize = 4;

/// `SIGKILL`: nobody wants the rest.
const KILL: i32 = 9;

/// What is still taken from a client whose tar was refused, in bytes (Go's HTTP server: as many), and for how long: a
/// client that is cut off while it writes may never read why.
const REST: usize = 256 << 10;
const REST_WITHIN: Duration = Duration::from_secs(1);

/// All work under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Works {
    under_way: TaskTracker,
    ended: CancellationToken,
}

impl Works {
    /// Breaks all work off, and returns when its machines are left.
    pub(crate) async fn end(&self) {
        self.ended.cancel();
        self.under_way.close();
        self.under_way.wait().await;
    }
}

/// Work that has been answered.
pub(crate) struct Begun {
    /// The guest's answer.
    pub(crate) answer: FileAnswer,
    /// What follows it; an error where it breaks off. Dropping it ends the work.
    pub(crate) content: BoxStream<'static, Result<Bytes>>,
}

/// Begins work, and waits for its answer: where there is input, for the end of the work.
///
/// # Errors
/// It could not begin, or broke off; the client's tar did.
pub(crate) async fn begin(
    engine: &Engine,
    container: &Arc<Container>,
    work: FileWork,
    input: Option<Input>,
) -> Result<Begun> {
    if engine.is_stopping() {
        return Err(Error::unavailable("the daemon is stopping: try again when it is back"));
    }
    let (answered, answer) = oneshot::channel();
    let (pieces, content) = mpsc::channel(PIECES);
    let (engine, container) = (engine.clone(), Arc::clone(container));
    let Works { under_way, ended } = engine.rooms.works.clone();
    under_way.spawn(async move {
        match Place::begin(&engine, &container, &work, input.is_some()).await {
            Ok((place, process)) => carry(place, process, input, answered, pieces, ended).await,
            Err(error) => drop(answered.send(Err(error))),
        }
    });
    let answer = answer.await.map_err(|_| broke_off())??;
    Ok(Begun { answer, content: ReceiverStream::new(content).boxed() })
}

type Answered = oneshot::Sender<Result<FileAnswer>>;

async fn carry(
    place: Place,
    mut process: Process,
    input: Option<Input>,
    answered: Answered,
    pieces: mpsc::Sender<Result<Bytes>>,
    ended: CancellationToken,
) {
    let handle = process.handle();
    let (stdin, output) = (process.take_stdin(), process.take_output());
    // An answer to input is held back until what it says is on the disk.
    let (mut now, mut later) = if input.is_some() { (None, Some(answered)) } else { (Some(answered), None) };
    let mut failed = None;
    let mut held = None;
    {
        let mut reading = std::pin::pin!(read(output, &mut now, &mut held, &pieces));
        let mut feeding = std::pin::pin!(feed(input, stdin));
        let mut fed = false;
        loop {
            tokio::select! {
                wanted = &mut reading => {
                    if !wanted {
                        let _ = handle.signal(KILL).await;
                    }
                    break;
                }
                () = ended.cancelled() => {
                    let _ = handle.signal(KILL).await;
                    break;
                }
                outcome = &mut feeding, if !fed => {
                    fed = true;
                    if let Err(error) = outcome {
                        failed = Some(error);
                        let _ = handle.signal(KILL).await;
                    }
                }
            }
        }
        if !fed && later.is_some() {
            // The guest has its answer already. The client is heard out, for a while.
            let _ = tokio::time::timeout(REST_WITHIN, feeding).await;
        }
    }
    let whole = matches!(handle.wait().await, Exit::Ended { status: ExitStatus::Code(0), .. });
    if !whole {
        // Without this a client would take what it has for the whole.
        let _ = pieces.send(Err(broke_off())).await;
    }
    drop(pieces);
    place.leave().await;
    if let Some(answered) = later.take() {
        let answer = match (failed, held) {
            (Some(error), _) => Err(error),
            (None, Some(answer)) if whole || matches!(answer, FileAnswer::Failed(_)) => Ok(answer),
            (None, _) => Err(broke_off()),
        };
        let _ = answered.send(answer);
    }
}

/// Reads the answer, then the rest. `false` if nobody wants it.
async fn read(
    output: Option<OutputReader>,
    answered: &mut Option<Answered>,
    held: &mut Option<FileAnswer>,
    pieces: &mpsc::Sender<Result<Bytes>>,
) -> bool {
    let Some(mut output) = output else { return false };
    let mut head = BytesMut::new();
    let rest = loop {
        match decode::<FileAnswer>(&head) {
            Ok(Some((answer, length))) => {
                head.advance(length);
                match answered.take() {
                    Some(answered) => drop(answered.send(Ok(answer))),
                    None => *held = Some(answer),
                }
                break head.freeze();
            }
            Ok(None) if head.len() <= MAX_ANSWER + 4 => {}
            // The guest says nothing that can be understood.
            _ => return false,
        }
        let Some((_, bytes)) = output.next().await else { return true };
        head.extend_from_slice(&bytes);
    };
    if !rest.is_empty() && pieces.send(Ok(rest)).await.is_err() {
        return false;
    }
    loop {
        let next = tokio::select! {
            next = output.next() => next,
            () = pieces.closed() => return false,
        };
        match next {
            None => return true,
            Some((_, bytes)) => {
                if pieces.send(Ok(bytes)).await.is_err() {
                    return false;
                }
            }
        }
    }
}

/// Passes a client's tar on.
async fn feed(input: Option<Input>, stdin: Option<StdinWriter>) -> Result<()> {
    let Some(mut input) = input else { return Ok(()) };
    let mut stdin = stdin;
    let mut rest = REST;
    while let Some(bytes) = input.next().await {
        let bytes = bytes.map_err(|error| Error::chain("read the archive", &error))?;
        match &mut stdin {
            Some(open) => {
                if open.write(bytes).await.is_err() {
                    stdin = None;
                }
            }
            None if bytes.len() > rest => return Ok(()),
            None => rest -= bytes.len(),
        }
    }
    Ok(())
}

fn broke_off() -> Error {
    Error::system("the work on the container's files broke off: its machine or the process in it ended; try again")
}
