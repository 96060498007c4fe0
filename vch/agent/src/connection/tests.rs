//! The connection and its streams over a socket pair.
