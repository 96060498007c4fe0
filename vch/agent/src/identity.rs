//! Personalize: what makes a clone one of its own kind.
//!
//! Two clones of one template have the same random generator, clock, names and addresses. Every part is set anew, in an
//! order that lets nothing be derived from the old generator; the first failure ends it, and the machine stays without an
//! identity, in which the agent refuses to run anything.

use crate::boot::STAGE;
use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::sys;
use rustix::fs::{Mode, OFlags};
use std::os::fd::AsFd;
use vch_agent_proto::Identity;

/// Where the stand-in for `/proc/sys/kernel/random/boot_id` lies, for containers to bind.
pub(crate) const BOOT_ID: &str = "boot_id";

/// Applies every part of `identity`.
///
/// # Errors
/// The first part that cannot be applied.
pub(crate) fn apply(identity: &Identity) -> Result<(), Failure> {
    reseed(&identity.entropy)?;
    set_clock(identity.realtime_ns)?;
    rustix::system::sethostname(identity.hostname.as_bytes())
        .explain(FailureClass::Setting, |why| format!("set the host name: {why}"))?;
    let id = hex(&identity.machine_id);
    write("/etc/machine-id", &format!("{id}\n"))?;
    write(&format!("{STAGE}/{BOOT_ID}"), &format!("{}\n", uuid(&id)))?;
    match identity.mac {
        Some(mac) => readdress(mac),
        None => Ok(()),
    }
}

fn reseed(entropy: &[u8]) -> Result<(), Failure> {
    if !(32..=512).contains(&entropy.len()) {
        let message = format!("{} bytes of entropy were given, 32 to 512 are needed", entropy.len());
        return Err(failure(FailureClass::Setting, message));
    }
    rustix::fs::open("/dev/urandom", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .and_then(|random| sys::entropy::reseed(random.as_fd(), entropy))
        .explain(FailureClass::Setting, |why| format!("reseed the random generator: {why}"))
}

fn set_clock(nanoseconds: u64) -> Result<(), Failure> {
    let time = rustix::time::Timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as i64,
        tv_nsec: (nanoseconds % 1_000_000_000) as i64,
    };
    rustix::time::clock_settime(rustix::time::ClockId::Realtime, time)
        .explain(FailureClass::Setting, |why| format!("set the clock: {why}"))
}

/// Gives the template's NIC a new address; it must be down for that, and is left down.
fn readdress(mac: [u8; 6]) -> Result<(), Failure> {
    let Some(name) = interface() else {
        return Err(failure(FailureClass::Setting, "set the MAC address: this machine has no network interface"));
    };
    let result = (|| {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        sys::interface::set_up(socket.as_fd(), &name, false)?;
        sys::interface::set_address(socket.as_fd(), &name, mac)
    })();
    result.explain(FailureClass::Setting, |why| format!("set the MAC address of {name}: {why}"))
}

/// The first interface with a device behind it: `lo` and tunnels have none.
fn interface() -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir("/sys/class/net")
        .ok()?
        .flatten()
        .filter(|entry| entry.path().join("device").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into_iter().next()
}

fn write(path: &str, content: &str) -> Result<(), Failure> {
    std::fs::write(path, content).explain(FailureClass::Setting, |why| format!("write {path}: {why}"))
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_and_its_boot_id_have_the_usual_forms() {
        let id = hex(&[0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff]);
        assert_eq!(id, "ab0102030405060708090a0b0c0d0eff");
        assert_eq!(uuid(&id), "ab010203-0405-0607-0809-0a0b0c0d0eff");
    }

    #[test]
    fn too_little_entropy_is_refused_before_anything_is_touched() {
        let failed = reseed(&[7; 31]).unwrap_err();
        assert_eq!(failed.class, FailureClass::Setting);
        assert!(failed.message.contains("31 bytes"), "{}", failed.message);
    }
}
