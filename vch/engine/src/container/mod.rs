//! The container as a noun: what it is to be ([`spec`]), what it is now ([`state`]), how both stand on disk ([`record`]),
//! how others see it ([`view`]).

pub mod spec;
pub mod state;
pub mod view;
