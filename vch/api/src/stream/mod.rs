//! What outlives a plain reply: hijacked connections, frames of output, lines of JSON, WebSockets, logs.

pub(crate) mod hijack;
pub(crate) mod jsonlines;
pub(crate) mod logs;
pub(crate) mod stdcopy;
pub(crate) mod websocket;
