//! Containers: a file for each group of verbs.

mod archive;
mod attach;
mod changes;
mod create;
mod export;
mod lifecycle;
mod list;
mod logs;
mod stats;
mod top;
mod update;
mod wait;

pub(crate) use archive::{extract, pack, stat};
pub(crate) use attach::{attach, attach_websocket};
pub(crate) use changes::changes;
pub(crate) use create::create;
pub(crate) use export::export;
pub(crate) use lifecycle::{kill, pause, prune, remove, rename, resize, restart, start, stop, unpause};
pub(crate) use list::{inspect, list};
pub(crate) use logs::logs;
pub(crate) use stats::stats;
pub(crate) use top::top;
pub(crate) use update::update;
pub(crate) use wait::wait;
