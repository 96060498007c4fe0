//! Images: a file for each group of verbs.

mod create;
mod list;
mod remove;

pub(crate) use create::{create, load};
pub(crate) use list::{history, inspect, list, tag};
pub(crate) use remove::{prune, remove};
