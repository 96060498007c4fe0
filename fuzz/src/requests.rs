//! The whole HTTP API: any bytes on a connection, in front of an engine that says yes to most calls.
//!
//! Whatever comes, the connection ends, and what comes back is HTTP.

use crate::talk;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use vch_api::{Calls, Messages};
use vch_engine::Result;
use vch_engine::container::view::{ContainerSummary, ExecSpec};
use vch_engine::events::Event;
use vch_engine::filters::Filters;
use vch_engine::image::view::{Credentials, LoginOutcome, Pull, Removed};
use vch_engine::requests::{
    Attach, Create, Created, ExecStart, ListContainers, Pruned, Remove, Stop, WaitCondition, Waited, WatchEvents,
};
use vch_engine::stream::Attached;

/// Runs the target. Bytes that begin like a path with a body, `POST /path?query`, a line end and JSON, are made a request.
pub fn run(bytes: &[u8]) {
    let reply = match shorthand(bytes) {
        Some(request) => talk::exchange(Yes, &request),
        None => talk::exchange(Yes, bytes),
    };
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1."), "no HTTP: {:?}", String::from_utf8_lossy(&reply));
}

/// Most requests differ in path, query and body: so those alone are what is changed most.
fn shorthand(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (method, path) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let ours = plain(method) && plain(path) && path.starts_with('/') && !path.ends_with("HTTP/1.1");
    ours.then(|| talk::request(method, path, &bytes[end + 1..]))
}

/// An engine that says yes.
struct Yes;

#[async_trait::async_trait]
impl Calls for Yes {
    async fn create(&self, _: Create) -> Result<Created> {
        Ok(Created { id: "0".repeat(64), warnings: vec!["a warning".into()] })
    }

    async fn start(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn stop(&self, _: &str, _: Stop) -> Result<()> {
        Ok(())
    }

    async fn restart(&self, _: &str, _: Stop) -> Result<()> {
        Ok(())
    }

    async fn kill(&self, _: &str, _: Option<&str>) -> Result<()> {
        Ok(())
    }

    async fn remove(&self, _: &str, _: Remove) -> Result<()> {
        Ok(())
    }

    async fn prune_containers(&self, _: &Filters) -> Result<Pruned> {
        Ok(Pruned::default())
    }

    async fn wait(&self, _: &str, _: WaitCondition) -> Result<BoxFuture<'static, Waited>> {
        Ok(Box::pin(async { Waited { code: 3, error: None } }))
    }

    async fn attach(&self, _: &str, _: Attach) -> Result<Attached> {
        Ok(Attached { tty: false, output: stream::empty().boxed(), stdin: None })
    }

    async fn resize(&self, _: &str, _: u16, _: u16) -> Result<()> {
        Ok(())
    }

    async fn list(&self, _: ListContainers) -> Result<Vec<ContainerSummary>> {
        Ok(Vec::new())
    }

    async fn exec_create(&self, _: &str, _: ExecSpec) -> Result<String> {
        Ok("1".repeat(64))
    }

    async fn exec_start(&self, _: &str, _: ExecStart) -> Result<Option<Attached>> {
        Ok(None)
    }

    async fn pull(&self, _: Pull) -> Result<Messages> {
        Ok(stream::empty().boxed())
    }

    async fn tag(&self, _: &str, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    async fn remove_image(&self, _: &str, _: bool, _: bool) -> Result<Vec<Removed>> {
        Ok(Vec::new())
    }

    async fn prune_images(&self, _: &Filters) -> Result<(Vec<Removed>, u64)> {
        Ok((Vec::new(), 0))
    }

    async fn login(&self, _: Credentials) -> Result<LoginOutcome> {
        Ok(LoginOutcome::default())
    }

    fn events(&self, _: WatchEvents) -> Result<BoxStream<'static, Event>> {
        Ok(stream::empty().boxed())
    }
}
