//! Finding the agent port among the machine's virtio-serial ports.

use crate::failure::{Explain, Failure, FailureClass, failure};
use rustix::fs::{Mode, OFlags, open};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long the port may take to appear after its driver was loaded.
const DEADLINE: Duration = Duration::from_secs(30);

/// Opens the port that carries [`vch_agent_proto::PORT_NAME`], non-blocking.
///
/// # Errors
/// The port does not appear within 30 s, or cannot be opened.
pub(crate) fn find() -> Result<OwnedFd, Failure> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(name) = look() {
            return open(format!("/dev/{name}"), OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
                .explain(FailureClass::Internal, |why| format!("open the agent port {name}: {why}"));
        }
        if Instant::now() > deadline {
            let message = format!("no virtio-serial port is named {}", vch_agent_proto::PORT_NAME);
            return Err(failure(FailureClass::Internal, message));
        }
        // Ports are announced asynchronously; this happens in the template only.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn look() -> Option<String> {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").ok()?;
    ports.flatten().find_map(|port| {
        let name = std::fs::read_to_string(port.path().join("name")).ok()?;
        (name.trim_end() == vch_agent_proto::PORT_NAME).then(|| port.file_name().to_string_lossy().into_owned())
    })
}
