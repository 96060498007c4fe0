//! Image verbs: in-use rules, events and Docker's words round `vch-images`.

mod changes;
mod commit;
mod distribution;
mod history;
mod import;
mod inspect;
mod list;
mod load;
mod login;
pub(crate) mod prepare;
mod prune;
mod pull;
mod push;
mod remove;
mod save;
mod search;
mod sharing;
mod tag;
mod transfer;
pub mod view;

use crate::error::{Error, Kind};
use vch_images::{Class, ImageError};

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let kind = match error.class() {
            Class::Invalid => Kind::InvalidParameter,
            Class::Unauthorized => Kind::Unauthorized,
            Class::Forbidden => Kind::Forbidden,
            Class::NotFound => Kind::NotFound,
            Class::Conflict => Kind::Conflict,
            Class::Unavailable => Kind::Unavailable,
            Class::Unsupported => Kind::NotImplemented,
            Class::Cancelled | Class::System => Kind::System,
        };
        Self { kind, message: error.chain() }
    }
}
