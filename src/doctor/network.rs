//! Whether networks can be made: tried for real, in a network namespace that ends with the thread that tries.

use super::{finding::Finding, sys};
use std::{io, thread};

/// What was being tried, and why it failed.
type Tried = Result<(), (&'static str, io::Error)>;

/// Makes a network namespace, a bridge and a tap in it.
pub(crate) fn look() -> Finding {
    let name = "network";
    let tried = thread::Builder::new().name("network trial".to_owned()).spawn(trial).map(thread::JoinHandle::join);
    match tried {
        Ok(Ok(Ok(()))) => Finding::ok(name, "a namespace, a bridge and a tap can be made"),
        Ok(Ok(Err((what, error)))) if error.kind() == io::ErrorKind::PermissionDenied => {
            Finding::warn(name, format!("cannot make {what}: {error}"), "run as root; containers have loopback only")
        }
        Ok(Ok(Err((what, error)))) => {
            let remedy = "see whether the kernel has the modules bridge and tun; containers have loopback only";
            Finding::warn(name, format!("cannot make {what}: {error}"), remedy)
        }
        Ok(Err(_)) | Err(_) => Finding::warn(name, "the trial could not be run", "try again"),
    }
}

fn trial() -> Tried {
    sys::leave_network().map_err(|error| ("a network namespace", error))?;
    sys::add_bridge("vchbr0").map_err(|error| ("a bridge", error))?;
    let _tap = sys::add_tap("vchtap0").map_err(|error| ("a tap", error))?;
    sys::join_bridge("vchbr0", "vchtap0").map_err(|error| ("a port of the bridge", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trial_leaves_nothing_in_our_own_namespace() {
        let before = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let found = look();
        assert_eq!(found.name, "network");
        assert_eq!(std::fs::read_link("/proc/thread-self/ns/net").unwrap(), before);
        let own = std::fs::read_to_string("/proc/net/dev").unwrap();
        assert!(!own.contains("vchbr0") && !own.contains("vchtap0"));
    }
}
