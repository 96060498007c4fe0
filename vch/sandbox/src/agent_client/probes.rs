//! A container's health check as the host hears of it: the agent runs the probes, the host is told of each.

use super::Client;
use super::link::Link;
use crate::SandboxError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use vch_agent_proto::{self as proto, HealthCheck, Request};

/// News that wait for their reader. A guest that tells more than are read loses them: a probe is begun only after the
/// last one has ended, so two are what an honest one has under way.
pub(super) const WAITING: usize = 16;

/// How long the guest may take to answer, which nobody waits for.
const ANSWER: Duration = Duration::from_secs(30);

/// News of a health check's probes. The check ends when this is dropped.
#[derive(Debug)]
pub struct Probes {
    number: u32,
    news: mpsc::Receiver<proto::Probe>,
    link: Arc<Link>,
}

impl Probes {
    /// What a probe did next; none after the machine has gone.
    pub async fn next(&mut self) -> Option<proto::Probe> {
        self.news.recv().await
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.link.tables().forget_probes(self.number);
        // A connection that has gone has no check to end.
        let _ = self.link.request("ending a health check", ANSWER, &Request::EndHealth { check: self.number });
    }
}

impl Client {
    /// Has a running container's health checked. The check's number is set here.
    pub(crate) fn check_health(&self, container: &str, mut check: HealthCheck) -> Result<Probes, SandboxError> {
        let (number, news) = self.link.tables().expect_probes();
        check.process.number = number;
        let probes = Probes { number, news, link: self.link.clone() };
        let request = Request::Health { container: container.to_owned(), check: Box::new(check) };
        // A refusal says that the container has ended, which is told otherwise.
        self.link.request("checking the container's health", ANSWER, &request).map(|_| probes)
    }
}
