//! The scripted programs.

use super::Touch;
use super::streams::{Input, Output};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use vch_agent_proto::{ExitStatus, FileWork, WindowSize};

/// `SIGTERM`, the one signal that [`Programs::default`]'s `trap` program handles.
const SIGTERM: i32 = 15;

/// What a program sees.
#[derive(Debug)]
pub struct Proc {
    /// Its arguments, its name first.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<String>,
    /// What it is to do with the container's files, if it is no program of the container's.
    pub work: Option<FileWork>,
    /// Standard input, or the terminal's.
    pub stdin: Input,
    /// Standard output, or the terminal's.
    pub stdout: Output,
    /// Standard error; goes nowhere on a terminal.
    pub stderr: Output,
    /// The terminal's size, if it is one and the host has said; kept up by [`Proc::signal`] and [`Proc::resized`].
    pub size: Option<WindowSize>,
    pub(super) touches: mpsc::UnboundedReceiver<Touch>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its exit code or signal.
    pub status: ExitStatus,
    /// Whether the out-of-memory killer is to be blamed.
    pub oom_killed: bool,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        Self { status, oom_killed: false }
    }
}

impl Proc {
    /// The next signal. A program that waits here handles its signals itself, but for `SIGKILL`.
    pub async fn signal(&mut self) -> i32 {
        loop {
            match self.touches.recv().await {
                Some(Touch::Signal(signal)) => return signal,
                Some(Touch::Resize(size)) => self.size = Some(size),
                // The guest keeps the sender for as long as the process is there.
                None => std::future::pending().await,
            }
        }
    }

    /// Waits until the terminal's size changes, and returns it.
    pub async fn resized(&mut self) -> WindowSize {
        loop {
            match self.touches.recv().await {
                Some(Touch::Resize(size)) => {
                    self.size = Some(size);
                    return size;
                }
                Some(Touch::Signal(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Argument `n` as a number; `0` where there is none.
    fn number(&self, n: usize) -> u64 {
        self.args.get(n).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A program: runs to its exit.
pub type Program = Arc<dyn Fn(Proc) -> BoxFuture<'static, End> + Send + Sync>;

/// Programs by name.
#[derive(Clone)]
pub struct Programs(HashMap<String, Program>);

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Programs {
    /// The same with one more program, or another in its place.
    #[must_use]
    pub fn with<F>(mut self, name: &str, program: impl Fn(Proc) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output: Into<End>> + Send + 'static,
    {
        let run = move |proc| -> BoxFuture<'static, End> {
            let running = program(proc);
            Box::pin(async move { running.await.into() })
        };
        self.0.insert(name.to_owned(), Arc::new(run));
        self
    }

    pub(super) fn find(&self, path: &str) -> Option<Program> {
        self.0.get(path.rsplit('/').next().unwrap_or(path)).cloned()
    }
}

impl Default for Programs {
    /// `true`, `false`, `exit N`, `echo WORDS`, `warn WORDS` (to standard error), `env`, `cat`, `flood BYTES`,
    /// `sleep SECONDS` (dies of any signal), `trap N` (exits with N on SIGTERM, ignores other signals), `oom`, `size`
    /// (prints the terminal's size, and again whenever it changes), and what works on files.
    fn default() -> Self {
        Self(HashMap::new())
            .with(super::files::NAME, super::files::work)
            .with("true", async |_| ExitStatus::Code(0))
            .with("false", async |_| ExitStatus::Code(1))
            .with("exit", |proc: Proc| async move { ExitStatus::Code(proc.number(1) as u8) })
            .with("echo", |proc: Proc| async move {
                proc.stdout.write(format!("{}\n", proc.args[1..].join(" ")).as_bytes()).await;
                ExitStatus::Code(0)
            })
            .with("warn", |proc: Proc| async move {
                proc.stderr.write(format!("{}\n", proc.args[1..].join(" ")).as_bytes()).await;
                ExitStatus::Code(0)
            })
            .with("env", |proc: Proc| async move {
                proc.stdout.write(format!("{}\n", proc.env.join("\n")).as_bytes()).await;
                ExitStatus::Code(0)
            })
            .with("cat", |mut proc: Proc| async move {
                while let Some(bytes) = proc.stdin.read().await {
                    proc.stdout.write(&bytes).await;
                }
                ExitStatus::Code(0)
            })
            .with("flood", |proc: Proc| async move {
                let mut left = proc.number(1) as usize;
                let block = vec![b'x'; 64 * 1024];
                while left > 0 && proc.stdout.write(&block[..left.min(block.len())]).await {
                    left = left.saturating_sub(block.len());
                }
                ExitStatus::Code(0)
            })
            .with("sleep", |mut proc: Proc| async move {
                let time = Duration::from_secs(proc.number(1));
                tokio::select! {
                    () = tokio::time::sleep(time) => ExitStatus::Code(0),
                    signal = proc.signal() => ExitStatus::Signal(signal as u8),
                }
            })
            .with("trap", |mut proc: Proc| async move {
                while proc.signal().await != SIGTERM {}
                ExitStatus::Code(proc.number(1) as u8)
            })
            .with("size", |mut proc: Proc| async move {
                let mut now = proc.size;
                loop {
                    let size = match now.take() {
                        Some(size) => size,
                        None => proc.resized().await,
                    };
                    if !proc.stdout.write(format!("{} {}\n", size.rows, size.columns).as_bytes()).await {
                        return ExitStatus::Code(0);
                    }
                }
            })
            .with("oom", async |_| End { status: ExitStatus::Signal(9), oom_killed: true })
    }
}
