//! A QEMU process: started in a session of its own, watched, killed, reaped.
//!
//! Launch and adopt make one. It is held by a pidfd, so neither the wait nor a signal can meet another process that got
//! the same number. It promises nothing on drop: machines outlive the daemon, hence no PR_SET_PDEATHSIG either.

use super::stderr::Stderr;
use crate::{ExitStatus, sys};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::{
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tokio::{io::unix::AsyncFd, sync::watch};

/// How a process ended, and the last that it said.
pub(crate) type Ended = (ExitStatus, String);

/// A running process, or one that has ended since.
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    pidfd: Arc<OwnedFd>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Process {
    /// Starts `program`, which inherits the descriptors `keep` and no others, and whose standard error is drained into
    /// `log`. The environment is empty, so that machines are alike whoever starts the daemon.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn spawn(program: &Path, words: &[String], keep: &[BorrowedFd<'_>], log: PathBuf) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(words).env_clear().current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        sys::own_session(&mut command, keep.iter().map(AsRawFd::as_raw_fd).collect());
        let mut child = command.spawn()?;
        let hold = |child: &mut Child| {
            let pipe = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(pipe.into())?;
            let pidfd = open(child.id())?;
            let watched = sys::readable(pidfd.clone())?;
            Ok((pidfd, watched, pipe))
        };
        match hold(&mut child) {
            Ok((pidfd, watched, pipe)) => {
                let (pid, stderr) = (child.id(), Stderr::drain(pipe, log));
                Ok(Self { pid, pidfd, ended: watch(watched, Some(child), stderr) })
            }
            Err(error) => {
                // It cannot be watched, so it must not run.
                let _ = child.kill().and_then(|()| child.wait());
                Err(error)
            }
        }
    }

    /// Takes hold of a process that is not our child.
    ///
    /// # Errors
    /// There is none of that number, or it has ended and was not reaped yet: `/proc` shows such a one as if it lived.
    pub(crate) fn adopt(pid: u32) -> io::Result<Self> {
        let pidfd = open(pid)?;
        let mut polled = [PollFd::new(&*pidfd, PollFlags::IN)];
        if rustix::event::poll(&mut polled, Some(&Timespec::default()))? > 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        let watched = sys::readable(pidfd.clone())?;
        Ok(Self { pid, pidfd, ended: watch(watched, None, Stderr::unknown()) })
    }

    /// Kills it (SIGKILL). One that has ended is fine.
    ///
    /// # Errors
    /// The kernel forbids it.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match rustix::process::pidfd_send_signal(&*self.pidfd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Resolves when the process has ended and, if it was our child, is reaped.
    pub(crate) fn ended(&self) -> impl Future<Output = Ended> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
                Ok(Some(ended)) => ended,
                // The runtime shuts down, and this task with it.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        }
    }
}

fn open(pid: u32) -> io::Result<Arc<OwnedFd>> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(Arc::new(rustix::process::pidfd_open(number, PidfdFlags::empty())?))
}

/// Waits for the end in a task of its own, so that a child is reaped whoever gives up on the machine.
fn watch(pidfd: AsyncFd<Arc<OwnedFd>>, child: Option<Child>, stderr: Stderr) -> watch::Receiver<Option<Ended>> {
    let (tell, ended) = watch::channel(None);
    tokio::spawn(async move {
        // Only a runtime that shuts down makes this fail; the process is left as it is then.
        if pidfd.readable().await.is_err() {
            return;
        }
        let status = match child.map(|mut child| child.wait()) {
            Some(Ok(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => ExitStatus::Code(code),
                (None, Some(signal)) => ExitStatus::Signal(signal),
                (None, None) => ExitStatus::Unknown,
            },
            Some(Err(_)) | None => ExitStatus::Unknown,
        };
        tell.send_replace(Some((status, stderr.last().await)));
    });
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CI once took a killed machine that its parent had not reaped yet for a living one.
    #[tokio::test]
    async fn a_process_that_ended_unreaped_is_not_adopted() {
        let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(Process::adopt(child.id()).is_ok());
        // Its end is waited for, and it is left a zombie.
        let pidfd = open(child.id()).unwrap();
        child.kill().unwrap();
        rustix::event::poll(&mut [PollFd::new(&*pidfd, PollFlags::IN)], None).unwrap();
        let outcome = Process::adopt(child.id()).map(drop);
        child.wait().unwrap();
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
