//! What containers use, looked at once a second for as long as anybody watches.
//!
//! All watchers of a container share one sampler (`sampler`), which begins with the first and ends with the last or with
//! the container (moby `daemon/stats/collector.go`). The clock is the machine's: a container's share of the CPUs is its
//! share of its own machine's.

mod sampler;
mod view;

pub(crate) use sampler::{Sampler, look};
pub use view::{BlockIo, Network, Sample, Statistics, Traffic};
