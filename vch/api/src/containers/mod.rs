//! Containers: a file for each group of verbs.

mod attach;
mod create;
mod lifecycle;
mod list;
mod logs;
mod wait;

pub(crate) use attach::{attach, attach_websocket};
pub(crate) use create::create;
pub(crate) use lifecycle::{kill, pause, prune, remove, rename, resize, restart, start, stop, unpause};
pub(crate) use list::{inspect, list};
pub(crate) use logs::logs;
pub(crate) use wait::wait;
