//! A run of a container: its microVM, its first process, and the tasks that move its bytes.

use super::tenant::Tenant;
use std::sync::Arc;
use tokio::sync::Notify;
use vch_sandbox::proto::{Processes, Usage};
use vch_sandbox::{ProcessHandle, Sandbox, SandboxError};

/// What others may use of a run: exec, resize and signals go here without waiting for the owner.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// Its place in the microVM.
    pub(crate) tenant: Tenant,
    /// The microVM.
    pub(crate) sandbox: Sandbox,
    /// The first process.
    pub(crate) process: ProcessHandle,
    /// Told when clients that hold up the output are to be cut off.
    pub(crate) cut_off: Arc<Notify>,
}

impl Live {
    /// Asks the machine something that it must not stand still for. Goes to its end even where nobody waits for it any
    /// more: the machine of a paused container has to stand still again.
    pub(crate) async fn awake<T, F>(&self, work: impl FnOnce(Sandbox) -> F + Send + 'static) -> Result<T, SandboxError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SandboxError>> + Send,
    {
        let live = self.clone();
        let asked = tokio::spawn(async move {
            live.tenant.begin_work().await?;
            let answer = work(live.sandbox.clone()).await;
            live.tenant.end_work().await;
            answer
        });
        asked.await.unwrap_or(Err(SandboxError::MachineGone))
    }

    /// The container's processes.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(crate) async fn processes(&self, container: &str) -> Result<Processes, SandboxError> {
        let container = container.to_owned();
        self.awake(|sandbox| async move { sandbox.processes(&container).await }).await
    }

    /// What the container has used.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn usage(&self, container: &str) -> Result<Usage, SandboxError> {
        let container = container.to_owned();
        self.awake(|sandbox| async move { sandbox.usage(&container).await }).await
    }
}
