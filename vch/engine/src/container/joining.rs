//! `--network`, `--pid` and `--ipc container:X`: which container that is, and whether it can be joined now.
//!
//! Words and classes are moby's (`daemon/daemon_unix.go`, `daemon/container_operations_unix.go`); that one container
//! joins one machine only is ours.

use super::record::Record;
use super::spec::HostSpec;
use super::state::Status;
use super::tenant::Tenant;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use std::sync::Arc;
use vch_sandbox::proto::Scope;

/// What a start joins.
#[derive(Debug)]
pub(crate) struct Joining {
    /// A place in the machine to join; none where it gets one of its own.
    pub(crate) tenant: Option<Tenant>,
    /// Whose host name, `hosts` and `resolv.conf` it has.
    pub(crate) names: Arc<Record>,
}

/// The other container's name or ID in a mode.
pub(crate) fn other(mode: &str) -> Option<&str> {
    mode.strip_prefix("container:")
}

/// A mode as the agent takes it.
pub(crate) fn scope(mode: &str) -> Scope {
    match (mode, other(mode)) {
        ("host", _) => Scope::Machine,
        (_, Some(id)) => Scope::Container(id.to_owned()),
        _ => Scope::Own,
    }
}

/// Whether any namespace is another container's.
pub(crate) fn joins(host: &HostSpec) -> bool {
    [&host.network_mode, &host.pid_mode, &host.ipc_mode].into_iter().any(|mode| other(mode).is_some())
}

impl Engine {
    /// Writes the other containers' IDs where their names stand, at create: a rename changes nothing then.
    ///
    /// # Errors
    /// No such container, for process and IPC namespaces; a network's may come later.
    pub(crate) fn resolve_joined(&self, host: &mut HostSpec) -> Result<()> {
        let named = |mode: &str| other(mode).map(|name| self.find(name).map(|found| format!("container:{}", found.id)));
        for mode in [&mut host.pid_mode, &mut host.ipc_mode] {
            if let Some(found) = named(mode) {
                // moby's class for it at a create.
                *mode = found.map_err(|error| Error::invalid(error.message))?;
            }
        }
        match named(&host.network_mode) {
            Some(Ok(found)) => host.network_mode = found,
            Some(Err(error)) if error.kind != Kind::NotFound => return Err(error),
            _ => {}
        }
        Ok(())
    }

    /// What a start of `record` joins.
    ///
    /// # Errors
    /// A container that is to be joined does not run, or shares nothing, or two of them run in different machines.
    pub(crate) fn joining(&self, record: &Arc<Record>) -> Result<Joining> {
        let host = &record.spec.host;
        let mut joining = Joining { tenant: None, names: Arc::clone(record) };
        for (kind, mode) in
            [(Kinds::Network, &host.network_mode), (Kinds::Pid, &host.pid_mode), (Kinds::Ipc, &host.ipc_mode)]
        {
            let Some(name) = other(mode) else { continue };
            let (found, tenant) = self.joinable(kind, name, &record.id)?;
            if joining.tenant.as_ref().is_some_and(|first| !first.shares_with(&tenant)) {
                return Err(Error::not_implemented(format!(
                    "container {} would join namespaces of containers in different microVMs: join those of one, or of \
                     containers that share a microVM",
                    record.id
                )));
            }
            joining.tenant = Some(tenant);
            if kind == Kinds::Network {
                joining.names = found;
            }
        }
        Ok(joining)
    }

    fn joinable(&self, kind: Kinds, name: &str, own: &str) -> Result<(Arc<Record>, Tenant)> {
        let container = self.find(name)?;
        if container.id == own {
            let what = if kind == Kinds::Network { "network" } else { "namespaces" };
            return Err(Error::system(format!("cannot join own {what}")));
        }
        let (id, now) = (&container.id, container.now());
        let prefix = if kind == Kinds::Ipc { format!("can't join IPC of container {id}: ") } else { String::new() };
        // moby makes the network first, and calls whatever is wrong with the other namespaces its own failure.
        let refuse = |words: String| if kind == Kinds::Network { Error::conflict(words) } else { Error::system(words) };
        if now.record.state.status == Status::Restarting {
            return Err(refuse(format!("{prefix}container {id} is restarting, wait until the container is running")));
        }
        let Some(live) = now.live else {
            return Err(refuse(match kind {
                Kinds::Network => format!("cannot join network of a non running container: {id}"),
                Kinds::Pid | Kinds::Ipc => format!("{prefix}container {id} is not running"),
            }));
        };
        let ipc = now.record.spec.host.ipc_mode.as_str();
        if kind == Kinds::Ipc && !matches!(ipc, "shareable" | "host") && other(ipc).is_none() {
            return Err(Error::system(format!(
                "{prefix}non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
            )));
        }
        Ok((now.record, live.tenant))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Network,
    Pid,
    Ipc,
}
