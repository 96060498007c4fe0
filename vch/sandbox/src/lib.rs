//! See the README of `vch/` for what this room is for.
