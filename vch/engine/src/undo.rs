//! Steps with undo: what was done so far is taken back, last first, unless the whole succeeds. If the caller itself is
//! dropped half way (its client went away), the undoing goes on by itself.

use futures_util::future::BoxFuture;

/// What is to be undone.
#[derive(Default)]
pub(crate) struct Undo {
    steps: Vec<BoxFuture<'static, ()>>,
}

impl Undo {
    /// Adds the undoing of a step that has just succeeded.
    pub(crate) fn push(&mut self, step: impl Future<Output = ()> + Send + 'static) {
        self.steps.push(Box::pin(step));
    }

    /// Undoes everything, or, after success, nothing.
    pub(crate) async fn settle(mut self, success: bool) {
        let steps = std::mem::take(&mut self.steps);
        if !success {
            run(steps).await;
        }
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(run(steps));
        }
    }
}

async fn run(steps: Vec<BoxFuture<'static, ()>>) {
    for step in steps.into_iter().rev() {
        step.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn steps(log: &Arc<Mutex<Vec<u8>>>) -> Undo {
        let mut undo = Undo::default();
        for n in 1..=3 {
            let log = Arc::clone(log);
            undo.push(async move { log.lock().unwrap().push(n) });
        }
        undo
    }

    #[tokio::test]
    async fn steps_are_undone_last_first_and_only_on_failure() {
        let log = Arc::default();
        steps(&log).settle(true).await;
        assert!(log.lock().unwrap().is_empty());
        steps(&log).settle(false).await;
        assert_eq!(*log.lock().unwrap(), [3, 2, 1]);
    }

    #[tokio::test]
    async fn a_dropped_caller_is_undone_all_the_same() {
        let log: Arc<Mutex<Vec<u8>>> = Arc::default();
        drop(steps(&log));
        while log.lock().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
    }
}
