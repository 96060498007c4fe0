//! The engine calls that the API makes, as a trait: [`Engine`] is the one that serves users, the tests bring a scripted one.
//!
//! One list makes both the trait and the engine's side of it, so that they cannot drift apart. A call that an implementation leaves
//! out answers "not implemented".

use futures_util::{future::BoxFuture, stream::BoxStream};
use vch_engine::DiskUsage;
use vch_engine::container::view::{ContainerSummary, ContainerView, ExecSpec, ExecView};
use vch_engine::engine::Engine;
use vch_engine::events::Event;
use vch_engine::filters::Filters;
use vch_engine::image::view::{
    Commit, Credentials, DistributionView, FoundView, HistoryItem, ImageSummary, ImageView, Import, LoginOutcome,
    Progress, Pull, Push, Removed, Search,
};
use vch_engine::info::Info;
use vch_engine::ps::ProcessTable;
use vch_engine::requests::{
    Attach, Create, Created, DiskUsageOf, ExecStart, Extract, ListContainers, Pruned, ReadLogs, Remove, Stop, Update,
    WaitCondition, Waited, WatchEvents, WatchStats,
};
use vch_engine::stats::Statistics;
use vch_engine::stream::{Archive, Attached, Change, Content, Logs, PathStat};
use vch_engine::{Error, Result};

/// A tar as it arrives.
pub type Upload = BoxStream<'static, std::io::Result<bytes::Bytes>>;

/// A tar as it is written; an error ends it.
pub type Download = BoxStream<'static, Result<bytes::Bytes>>;

/// Progress messages as they come; an error ends them.
pub type Messages = BoxStream<'static, Result<Progress>>;

macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        /// What the API needs of an engine; each call is the method of [`Engine`] with the same name.
        #[async_trait::async_trait]
        #[expect(missing_docs, reason = "each is documented on Engine")]
        pub trait Calls: Send + Sync + 'static {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                $(let _ = $argument;)*
                Err(Error::not_implemented(concat!(stringify!($name), " is not done by this engine")))
            })*
            fn events(&self, options: WatchEvents) -> Result<BoxStream<'static, Event>> {
                let _ = options;
                Err(Error::not_implemented("events is not done by this engine"))
            }
            async fn info(&self) -> Info {
                Info::default()
            }
        }

        #[async_trait::async_trait]
        impl Calls for Engine {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                Engine::$name(self, $($argument),*).await
            })*
            fn events(&self, options: WatchEvents) -> Result<BoxStream<'static, Event>> {
                Engine::events(self, options)
            }
            async fn info(&self) -> Info {
                Engine::info(self).await
            }
        }
    };
}

calls! {
    create(request: Create) -> Created;
    start(name: &str) -> ();
    stop(name: &str, options: Stop) -> ();
    restart(name: &str, options: Stop) -> ();
    kill(name: &str, signal: Option<&str>) -> ();
    pause(name: &str) -> ();
    unpause(name: &str) -> ();
    rename(name: &str, new_name: &str) -> ();
    remove(name: &str, options: Remove) -> ();
    prune_containers(filters: &Filters) -> Pruned;
    wait(name: &str, condition: WaitCondition) -> BoxFuture<'static, Waited>;
    attach(name: &str, options: Attach) -> Attached;
    logs(name: &str, options: ReadLogs) -> Logs;
    resize(name: &str, rows: u16, columns: u16) -> ();
    inspect(name: &str, size: bool) -> ContainerView;
    list(options: ListContainers) -> Vec<ContainerSummary>;
    stat_path(name: &str, path: &str) -> PathStat;
    archive(name: &str, path: &str) -> Archive;
    extract(name: &str, request: Extract, body: Upload) -> ();
    export(name: &str) -> Content;
    commit(request: Commit) -> String;
    changes(name: &str) -> BoxStream<'static, Result<Change>>;
    top(name: &str, arguments: &str) -> ProcessTable;
    stats(name: &str, options: WatchStats) -> BoxStream<'static, Statistics>;
    update(name: &str, update: Update) -> Vec<String>;
    exec_create(name: &str, spec: ExecSpec) -> String;
    exec_start(id: &str, options: ExecStart) -> Option<Attached>;
    exec_inspect(id: &str) -> ExecView;
    exec_resize(id: &str, rows: u16, columns: u16) -> ();
    pull(request: Pull) -> Messages;
    push(request: Push) -> Messages;
    load(quiet: bool, platform: Option<String>, body: Upload) -> Messages;
    save(names: Vec<String>, platform: Option<String>) -> Download;
    import(request: Import, body: Upload) -> Messages;
    images(all: bool, shared_size: bool, filters: &Filters) -> Vec<ImageSummary>;
    inspect_image(name: &str) -> ImageView;
    history(name: &str) -> Vec<HistoryItem>;
    tag(name: &str, repository: &str, tag: &str) -> ();
    remove_image(name: &str, force: bool, no_prune: bool) -> Vec<Removed>;
    prune_images(filters: &Filters) -> (Vec<Removed>, u64);
    distribution(name: &str, credentials: Option<Credentials>) -> DistributionView;
    search(request: Search) -> Vec<FoundView>;
    disk_usage(of: DiskUsageOf) -> DiskUsage;
    login(credentials: Credentials) -> LoginOutcome;
}
