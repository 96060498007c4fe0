//! Looking at a running container, and changing its limits.

use super::Client;
use crate::SandboxError;
use std::time::Duration;
use tokio::sync::watch;
use vch_agent_proto::{Limits, Processes, Reply, Request, Usage};

/// How long the guest may take for a look.
const LOOK: Duration = Duration::from_secs(20);

/// How long the guest may take to change limits: lowered memory is reclaimed first.
const LIMIT: Duration = Duration::from_secs(60);

/// Most pages of processes that are asked for: what the host holds of them is at most as many times
/// [`vch_agent_proto::MAX_REPLY`].
const PAGES: usize = 64;

impl Client {
    /// All processes of a running container, by rising process ID, with the clock and memory of the first page.
    pub(crate) async fn processes(&self, container: &str) -> Result<Processes, SandboxError> {
        const WHAT: &str = "listing the container's processes";
        let mut all: Option<Processes> = None;
        for _ in 0..PAGES {
            let last = all.as_ref().and_then(|all| all.processes.last()).map_or(0, |process| process.pid);
            let request = Request::Processes { container: container.to_owned(), after: last };
            let Reply::Processes(page) = self.link.answer(self.link.request(WHAT, LOOK, &request)?).await? else {
                return Err(self.link.unexpected(WHAT));
            };
            let rising = page.processes.iter().try_fold(last, |before, process| {
                let rises = process.pid > before;
                rises.then_some(process.pid)
            });
            if rising.is_none() {
                return Err(SandboxError::Protocol("its list of processes is out of order".to_owned()));
            }
            let more = page.more && !page.processes.is_empty();
            match &mut all {
                Some(all) => all.processes.extend(page.processes),
                None => all = Some(page),
            }
            if !more {
                break;
            }
        }
        all.ok_or(SandboxError::MachineGone)
    }

    /// What a running container has used.
    pub(crate) async fn usage(&self, container: &str) -> Result<Usage, SandboxError> {
        const WHAT: &str = "reading what the container uses";
        let request = Request::Usage { container: container.to_owned() };
        match self.link.answer(self.link.request(WHAT, LOOK, &request)?).await? {
            Reply::Usage(usage) => Ok(*usage),
            _ => Err(self.link.unexpected(WHAT)),
        }
    }

    /// Changes a running container's limits.
    pub(crate) async fn limit(&self, container: &str, limits: Limits) -> Result<(), SandboxError> {
        let request = Request::Limit { container: container.to_owned(), limits };
        self.link.done(self.link.request("changing the container's limits", LIMIT, &request)?).await
    }

    /// Counts the strikes of the out-of-memory killer; `None` for a container that was never run here.
    pub(crate) fn struck(&self, container: &str) -> Option<watch::Receiver<u64>> {
        self.link.tables().struck(container)
    }
}
