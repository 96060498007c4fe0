//! Container logs: what a log driver keeps of a container's output, and how it is read back.
//!
//! One driver so far writes: [`json_file`], in the shape of Docker's own `json-file`, so that log shippers that tail it
//! work. `none` keeps nothing and says so to readers.

pub(crate) mod json_file;
pub(crate) mod reader;
pub(crate) mod splitter;
