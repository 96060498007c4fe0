//! QEMU's command line, built by type.
//!
//! [`super::launch`] calls [`line::command_line`]. It promises a line that is the same for the same machine, with no
//! part of it made by pasting input into text.

pub(crate) mod line;
mod options;
mod switches;
#[cfg(test)]
mod tests;

use options::Options;
