//! The standard streams of a starting process: pipes, `/dev/null`, or a terminal of the container's own devpts.

use super::channel;
use super::stdio::ChildEnds;
use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::sys::{exec, terminal};
use rustix::fs::{self, Mode, OFlags, fstat};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};
use rustix::termios::{Winsize, tcsetwinsize};
use std::os::fd::{AsFd, OwnedFd};

/// Standard input, output and error, not yet in place.
pub(crate) struct Console {
    ends: [OwnedFd; 3],
    is_terminal: bool,
}

/// Opens them. With `mount` a terminal also becomes `/dev/console`, as a container's first process has it.
///
/// # Errors
/// The container's `/dev` is not what it should be.
pub(crate) fn open(stdio: ChildEnds, channel: &OwnedFd, mount: bool) -> Result<Console, Failure> {
    match stdio {
        ChildEnds::Terminal(size) => {
            let slave = make_terminal(size, channel, mount)?;
            let copy = || rustix::io::fcntl_dupfd_cloexec(&slave, 3).explain(FailureClass::Internal, str::to_owned);
            Ok(Console { ends: [copy()?, copy()?, slave], is_terminal: true })
        }
        ChildEnds::Pipes([stdin, stdout, stderr]) => {
            let end = |end: Option<OwnedFd>| match end {
                Some(end) => Ok(end),
                None => null(),
            };
            Ok(Console { ends: [end(stdin)?, end(stdout)?, end(stderr)?], is_terminal: false })
        }
    }
}

fn null() -> Result<OwnedFd, Failure> {
    open_in_dev("/dev/null", OFlags::RDWR, (1, 3))
}

/// Opens a device of the container's, and makes sure that it is that one: what lies there is the container's to change.
fn open_in_dev(path: &str, access: OFlags, numbers: (u32, u32)) -> Result<OwnedFd, Failure> {
    let explain = |why: &str| format!("open {path}: {why}");
    let flags = access | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let device = fs::open(path, flags, Mode::empty()).explain(FailureClass::Setting, explain)?;
    let stat = fstat(&device).explain(FailureClass::Setting, explain)?;
    if (fs::major(stat.st_rdev), fs::minor(stat.st_rdev)) != numbers {
        return Err(failure(FailureClass::Setting, format!("{path} is not the device that it should be")));
    }
    // It was opened so that nothing else could hold this process up; the program gets it as usual.
    fs::fcntl_setfl(&device, access).explain(FailureClass::Setting, explain)?;
    Ok(device)
}

fn make_terminal(
    size: Option<vch_agent_proto::WindowSize>,
    channel: &OwnedFd,
    mount: bool,
) -> Result<OwnedFd, Failure> {
    let master = open_in_dev("/dev/pts/ptmx", OFlags::RDWR, (5, 2))?;
    let result: rustix::io::Result<OwnedFd> = (|| {
        terminal::unlock(master.as_fd())?;
        if let Some(size) = size {
            let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
            tcsetwinsize(&master, size)?;
        }
        let slave = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        if mount {
            let file = fs::open(
                "/dev/console",
                OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o666),
            )?;
            drop(file);
            rustix::mount::mount_bind(format!("/dev/pts/{}", terminal::number(master.as_fd())?), "/dev/console")?;
        }
        // The agent must never wait for the terminal; its own end is non-blocking, the slave is another file.
        fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        channel::send_terminal(channel.as_fd(), master.as_fd())?;
        Ok(slave)
    })();
    result.explain(FailureClass::Setting, |why| format!("make a terminal: {why}"))
}

impl Console {
    /// Gives the streams to `owner`, so that it can open them again by their names in `/dev`; the group stays.
    pub(crate) fn give_to(&self, owner: u32) {
        for end in &self.ends {
            let Ok(stat) = fstat(end) else { continue };
            if stat.st_rdev == fs::makedev(1, 3) || stat.st_uid == owner {
                continue;
            }
            // runc ignores a refusal too: a stream that cannot be given away still works.
            let _ = fs::fchown(end, Some(fs::Uid::from_raw(owner)), None);
        }
    }

    /// Puts them in place, and makes a terminal the controlling one.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn install(self) -> Result<(), Failure> {
        let explain = |why: &str| format!("set up standard streams: {why}");
        for (end, number) in self.ends.iter().zip(0..) {
            exec::become_standard(end.as_fd(), number).explain(FailureClass::Internal, explain)?;
        }
        if self.is_terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())
                .explain(FailureClass::Setting, |why| format!("ioctl(setctty): {why}"))?;
        }
        Ok(())
    }
}
