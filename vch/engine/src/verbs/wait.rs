//! `wait`: for an end, the next end, or the removal.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::requests::{WaitCondition, Waited};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

impl Engine {
    /// Finds the container and fixes what is waited for; the future then waits. Nothing that happens after this returns
    /// is missed.
    ///
    /// # Errors
    /// No such container.
    pub async fn wait(&self, name: &str, condition: WaitCondition) -> Result<BoxFuture<'static, Waited>> {
        let container = self.find(name)?;
        let mut watch = container.watch();
        let before = watch.borrow().ends;
        if watch.borrow().removal.is_some() && condition != WaitCondition::Removed {
            return Err(Error::no_such_container(name));
        }
        Ok(async move {
            let over = watch
                .wait_for(|now| match condition {
                    WaitCondition::NotRunning => !now.record.state.status.is_running() || now.removal.is_some(),
                    WaitCondition::NextExit => now.ends > before || now.removal.is_some(),
                    WaitCondition::Removed => now.removal.is_some(),
                })
                .await;
            match over {
                Ok(now) => Waited {
                    code: now.record.state.exit_code,
                    error: now.removal.clone().and_then(std::result::Result::err),
                },
                Err(_) => Waited { code: 0, error: Some("the daemon is stopping".into()) },
            }
        }
        .boxed())
    }
}
