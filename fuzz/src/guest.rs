//! The host's end of the agent protocol, talking to a guest that says whatever it likes while a process runs in it.

use std::time::Duration;
use vch_sandbox::fake;

/// Longer than any reaction may take, on a machine that is busy.
const SOON: Duration = Duration::from_secs(20);

/// Runs the target.
pub fn run(said: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let outcome = tokio::time::timeout(SOON, fake::hostile_guest(said)).await;
        let output = outcome.expect("somebody still waits for a guest that has hung up");
        assert!(output <= said.len(), "{output} bytes of output from {} bytes", said.len());
    });
}
