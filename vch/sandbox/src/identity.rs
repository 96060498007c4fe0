//! What makes a clone one of its own kind: never the same twice.

use crate::SandboxError;
use crate::folder::random;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use vch_agent_proto::Identity;

/// Bytes of entropy that a clone gets, twice what its pool is seeded with.
const ENTROPY: usize = 64;

/// Hardware address of the NIC that stands in a template; no clone keeps it.
pub(crate) const TEMPLATE_MAC: [u8; 6] = [0x02, 0x76, 0x63, 0x68, 0x00, 0x00];

/// Hardware addresses in use by this host's machines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Macs(Arc<Mutex<HashSet<[u8; 6]>>>);

/// A hardware address, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Mac {
    pub(crate) bytes: [u8; 6],
    taken: Macs,
}

impl Macs {
    /// A random, locally administered unicast address (IEEE 802) that no living machine of ours has.
    pub(crate) fn take(&self) -> Result<Mac, SandboxError> {
        loop {
            let mut bytes = random::<6>()?;
            bytes[0] = (bytes[0] & 0xfc) | 0x02;
            if bytes != TEMPLATE_MAC && self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes) {
                return Ok(Mac { bytes, taken: self.clone() });
            }
        }
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.taken.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.bytes);
    }
}

/// An identity, its clock stamped now: send it at once.
pub(crate) fn fresh(hostname: &str, mac: Option<[u8; 6]>) -> Result<Identity, SandboxError> {
    let entropy = random::<ENTROPY>()?.to_vec();
    let machine_id = random::<16>()?;
    let hostname = crate::cut(hostname, 64).to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let realtime_ns = now.ok().and_then(|now| u64::try_from(now.as_nanos()).ok());
    let realtime_ns = realtime_ns
        .ok_or_else(|| SandboxError::Setting("the host's clock stands before 1970 or after 2554: set it".to_owned()))?;
    Ok(Identity { entropy, realtime_ns, hostname, machine_id, mac })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_share_nothing() {
        let macs = Macs::default();
        let taken: Vec<Mac> = (0..200).map(|_| macs.take().unwrap()).collect();
        let identities: Vec<Identity> = taken.iter().map(|mac| fresh("h", Some(mac.bytes)).unwrap()).collect();
        let distinct = |key: fn(&Identity) -> Vec<u8>| identities.iter().map(key).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|id| id.entropy.clone()), 200);
        assert_eq!(distinct(|id| id.machine_id.to_vec()), 200);
        assert_eq!(distinct(|id| id.mac.unwrap().to_vec()), 200);
        assert!(taken.iter().all(|mac| mac.bytes[0] & 3 == 2));
        drop(taken);
        assert!(macs.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_long_hostname_is_cut_between_characters() {
        let name = format!("{}é", "a".repeat(63));
        assert_eq!(fresh(&name, None).unwrap().hostname, "a".repeat(63));
    }
}
