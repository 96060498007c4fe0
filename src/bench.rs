//! `vch bench clone`: where the time of a clone goes. `scripts/bench` calls it and reads the JSON.

use crate::{config::Config, error::Error, lock::DataRoot, serve};
use serde::Serialize;
use std::io::{self, Write};
use vch_engine::trial::CloneTimes;

/// One clone, in milliseconds: each phase by itself, and the sum up to the container's process.
#[derive(Debug, Clone, Serialize)]
struct Run {
    /// QEMU's process up and answering.
    qemu_ms: f64,
    /// Device state restored.
    restore_ms: f64,
    /// The agent's first answer.
    agent_ms: f64,
    /// Disks attached.
    attach_ms: f64,
    /// From nothing to a process started.
    started_ms: f64,
}

#[derive(Serialize)]
struct Runs {
    runs: Vec<Run>,
}

/// One phase's time of a run.
type Phase = fn(&Run) -> f64;

/// Makes `count` clones, one after the other, and prints their times.
pub(crate) async fn clone(config: &Config, count: u32, json: bool) -> Result<(), Error> {
    let root = DataRoot::take(&config.data_root)?;
    let settings = serve::settings(config, root.path.clone());
    let times = vch_engine::trial::bench_clone(settings, count as usize, crate::tell).await?;
    let runs: Vec<Run> = times.iter().map(run).collect();
    print(runs, json, &mut io::stdout().lock()).map_err(Error::io("write to standard output"))
}

fn run(times: &CloneTimes) -> Run {
    Run {
        qemu_ms: times.qemu_ms,
        restore_ms: times.restore_ms,
        agent_ms: times.agent_ms,
        attach_ms: times.attach_ms,
        started_ms: times.started_ms,
    }
}

fn print(runs: Vec<Run>, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, &Runs { runs })?;
        return writeln!(out);
    }
    writeln!(out, "{:<10} {:>9} {:>9} {:>9}", "ms", "median", "p90", "p99")?;
    let phases: [(&str, Phase); 5] = [
        ("qemu", |run| run.qemu_ms),
        ("restore", |run| run.restore_ms),
        ("agent", |run| run.agent_ms),
        ("attach", |run| run.attach_ms),
        ("started", |run| run.started_ms),
    ];
    for (name, phase) in phases {
        let mut times: Vec<f64> = runs.iter().map(phase).collect();
        times.sort_by(f64::total_cmp);
        let [median, p90, p99] = [50, 90, 99].map(|percent| percentile(&times, percent));
        writeln!(out, "{name:<10} {median:>9.1} {p90:>9.1} {p99:>9.1}")?;
    }
    Ok(())
}

/// The nearest-rank percentile of what is sorted; 0 of nothing.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<Run> {
        let run = |n: u32| {
            let ms = f64::from(n);
            Run { qemu_ms: ms, restore_ms: 2.0 * ms, agent_ms: 0.5, attach_ms: 0.0, started_ms: 10.0 * ms }
        };
        (1..=20).map(run).collect()
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!([50, 90, 99].map(|percent| percentile(&sorted, percent)), [10.0, 18.0, 20.0]);
        assert_eq!(percentile(&[3.0], 50), 3.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn both_forms() {
        let mut out = Vec::new();
        print(runs(), false, &mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        assert_eq!(table.lines().last().unwrap(), "started        100.0     180.0     200.0");

        let mut out = Vec::new();
        print(runs(), true, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let first = &value["runs"][0];
        assert_eq!(value["runs"].as_array().unwrap().len(), 20);
        for key in ["qemu_ms", "restore_ms", "agent_ms", "attach_ms", "started_ms"] {
            assert!(first[key].is_f64(), "{key}");
        }
    }
}
