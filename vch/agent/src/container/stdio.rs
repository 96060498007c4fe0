//! A process's standard streams: the ends that the agent keeps and those that the child gets.

use crate::connection::streams::Streams;
use crate::failure::{Explain, Failure, FailureClass};
use rustix::fs::OFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use vch_agent_proto::{Stdio, WindowSize};

/// The child's side.
pub(crate) enum ChildEnds {
    /// It makes a terminal in the container.
    Terminal(Option<WindowSize>),
    /// Standard input, output and error; `/dev/null` where there is none.
    Pipes([Option<OwnedFd>; 3]),
}

/// The agent's side: streams to register.
pub(crate) struct AgentEnds {
    inputs: Vec<(u32, Option<OwnedFd>, bool)>,
    outputs: Vec<(u32, Option<OwnedFd>)>,
}

/// Both sides.
pub(crate) struct Ends {
    /// For the child.
    pub(crate) child: ChildEnds,
    /// For the agent.
    pub(crate) agent: AgentEnds,
}

/// The numbers of all streams of `stdio`.
pub(crate) fn numbers(stdio: &Stdio) -> Vec<u32> {
    match *stdio {
        Stdio::Terminal { input, output, .. } => input.into_iter().chain([output]).collect(),
        Stdio::Pipes { stdin, stdout, stderr } => [stdin, stdout, stderr].into_iter().flatten().collect(),
    }
}

impl Ends {
    /// Makes the pipes that `stdio` asks for. A terminal's descriptor comes later, from the child.
    ///
    /// # Errors
    /// No more descriptors can be had.
    pub(crate) fn open(stdio: &Stdio) -> Result<Self, Failure> {
        let mut agent = AgentEnds { inputs: Vec::new(), outputs: Vec::new() };
        let child = match *stdio {
            Stdio::Terminal { input, output, size } => {
                agent.inputs.extend(input.map(|number| (number, None, true)));
                agent.outputs.push((output, None));
                ChildEnds::Terminal(size)
            }
            Stdio::Pipes { stdin, stdout, stderr } => {
                let mut ends = [None, None, None];
                if let (Some(number), Some(slot)) = (stdin, ends.get_mut(0)) {
                    let (read, write) = pipe()?;
                    agent.inputs.push((number, Some(non_blocking(write)?), false));
                    *slot = Some(read);
                }
                for (stream, slot) in [stdout, stderr].into_iter().zip(ends.iter_mut().skip(1)) {
                    if let Some(number) = stream {
                        let (read, write) = pipe()?;
                        agent.outputs.push((number, Some(non_blocking(read)?)));
                        *slot = Some(write);
                    }
                }
                ChildEnds::Pipes(ends)
            }
        };
        Ok(Self { child, agent })
    }
}

impl AgentEnds {
    /// Adds the streams.
    pub(crate) fn register(self, streams: &mut Streams) {
        for (number, sink, terminal) in self.inputs {
            streams.add_input(number, sink, terminal);
        }
        for (number, source) in self.outputs {
            streams.add_output(number, source);
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    pipe_with(PipeFlags::CLOEXEC).explain(FailureClass::Internal, |why| format!("make a pipe: {why}"))
}

/// Only the agent's end: the flag belongs to the open file, so a program's own end stays blocking.
fn non_blocking(end: OwnedFd) -> Result<OwnedFd, Failure> {
    rustix::fs::fcntl_setfl(&end, OFlags::NONBLOCK)
        .explain(FailureClass::Internal, |why| format!("set a pipe non-blocking: {why}"))?;
    Ok(end)
}
