//! Calls whose rooms are not furnished yet: each answers "not implemented" and leaves for its own file.

use crate::container::view::*;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::filters::Filters;
use crate::image::view::*;
use crate::info::Info;
use crate::requests::*;
use crate::stream::{Attached, Logs};
use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};

#[expect(missing_docs, clippy::unused_async, unused_variables, reason = "replaced by the real verbs, one by one")]
impl Engine {
    pub async fn create(&self, request: Create) -> Result<Created> {
        Err(Error::not_implemented("create is not done yet"))
    }
    pub async fn start(&self, name: &str) -> Result<()> {
        Err(Error::not_implemented("start is not done yet"))
    }
    pub async fn stop(&self, name: &str, options: Stop) -> Result<()> {
        Err(Error::not_implemented("stop is not done yet"))
    }
    pub async fn restart(&self, name: &str, options: Stop) -> Result<()> {
        Err(Error::not_implemented("restart is not done yet"))
    }
    pub async fn kill(&self, name: &str, signal: Option<&str>) -> Result<()> {
        Err(Error::not_implemented("kill is not done yet"))
    }
    pub async fn pause(&self, name: &str) -> Result<()> {
        Err(Error::not_implemented("pause is not done yet"))
    }
    pub async fn unpause(&self, name: &str) -> Result<()> {
        Err(Error::not_implemented("unpause is not done yet"))
    }
    pub async fn rename(&self, name: &str, new_name: &str) -> Result<()> {
        Err(Error::not_implemented("rename is not done yet"))
    }
    pub async fn remove(&self, name: &str, options: Remove) -> Result<()> {
        Err(Error::not_implemented("remove is not done yet"))
    }
    pub async fn prune_containers(&self, filters: &Filters) -> Result<Pruned> {
        Err(Error::not_implemented("prune_containers is not done yet"))
    }
    pub async fn wait(&self, name: &str, condition: WaitCondition) -> Result<BoxFuture<'static, Waited>> {
        Err(Error::not_implemented("wait is not done yet"))
    }
    pub async fn attach(&self, name: &str, options: Attach) -> Result<Attached> {
        Err(Error::not_implemented("attach is not done yet"))
    }
    pub async fn logs(&self, name: &str, options: ReadLogs) -> Result<Logs> {
        Err(Error::not_implemented("logs is not done yet"))
    }
    pub async fn resize(&self, name: &str, rows: u16, columns: u16) -> Result<()> {
        Err(Error::not_implemented("resize is not done yet"))
    }
    pub async fn inspect(&self, name: &str, size: bool) -> Result<ContainerView> {
        Err(Error::not_implemented("inspect is not done yet"))
    }
    pub async fn list(&self, options: ListContainers) -> Result<Vec<ContainerSummary>> {
        Err(Error::not_implemented("list is not done yet"))
    }
    pub async fn exec_create(&self, name: &str, spec: ExecSpec) -> Result<String> {
        Err(Error::not_implemented("exec_create is not done yet"))
    }
    pub async fn exec_start(&self, id: &str, options: ExecStart) -> Result<Option<Attached>> {
        Err(Error::not_implemented("exec_start is not done yet"))
    }
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecView> {
        Err(Error::not_implemented("exec_inspect is not done yet"))
    }
    pub async fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        Err(Error::not_implemented("exec_resize is not done yet"))
    }
    pub async fn pull(&self, request: Pull) -> Result<BoxStream<'static, Result<Progress>>> {
        Err(Error::not_implemented("pull is not done yet"))
    }
    pub async fn load(
        &self,
        quiet: bool,
        body: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        Err(Error::not_implemented("load is not done yet"))
    }
    pub async fn import(
        &self,
        request: Import,
        body: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        Err(Error::not_implemented("import is not done yet"))
    }
    pub async fn images(&self, all: bool, shared_size: bool, filters: &Filters) -> Result<Vec<ImageSummary>> {
        Err(Error::not_implemented("images is not done yet"))
    }
    pub async fn inspect_image(&self, name: &str) -> Result<ImageView> {
        Err(Error::not_implemented("inspect_image is not done yet"))
    }
    pub async fn history(&self, name: &str) -> Result<Vec<HistoryItem>> {
        Err(Error::not_implemented("history is not done yet"))
    }
    pub async fn tag(&self, name: &str, repository: &str, tag: &str) -> Result<()> {
        Err(Error::not_implemented("tag is not done yet"))
    }
    pub async fn remove_image(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        Err(Error::not_implemented("remove_image is not done yet"))
    }
    pub async fn prune_images(&self, filters: &Filters) -> Result<(Vec<Removed>, u64)> {
        Err(Error::not_implemented("prune_images is not done yet"))
    }
    pub async fn login(&self, credentials: Credentials) -> Result<LoginOutcome> {
        Err(Error::not_implemented("login is not done yet"))
    }
    pub async fn info(&self) -> Info {
        Info::default()
    }
    pub fn events(&self, options: WatchEvents) -> Result<BoxStream<'static, Event>> {
        Err(Error::not_implemented("events is not done yet"))
    }
    pub async fn shutdown(&self) {}
}
