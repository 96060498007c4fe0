//! Images: a file for each group of verbs.

mod commit;
mod create;
mod list;
mod push;
mod remote;
mod remove;
mod save;

pub(crate) use commit::commit;
pub(crate) use create::{create, load};
pub(crate) use list::{history, inspect, list, tag};
pub(crate) use push::push;
pub(crate) use remote::{distribution, search};
pub(crate) use remove::{prune, remove};
pub(crate) use save::{save_one, save_several};

use crate::call::Call;
use crate::decode;
use crate::error::{ApiError, Result};

/// The platform that an image call names since API 1.48, at most one, as `os/arch[/variant]`.
///
/// # Errors
/// More than one, or one that is none: 400 in dockerd's words.
fn one_platform(call: &Call) -> Result<Option<String>> {
    let mut given = if call.version.since(48) { call.query.all("platform") } else { Vec::new() };
    given.retain(|text| !text.is_empty());
    match given.as_slice() {
        [] => Ok(None),
        [one] => decode::platform_object(one).map(|platform| Some(platform.text())),
        _ => Err(ApiError::invalid("multiple platform parameters not supported")),
    }
}
