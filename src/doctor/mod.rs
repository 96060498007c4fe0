//! `vch doctor`: looks at everything that containers need, a line each, with the remedy.

mod finding;
mod host;
mod machine;
mod network;
mod storage;
mod sys;

use crate::{config::Config, error::Error};
use finding::{Finding, Report};
use std::io::Write;

/// Looks at everything, prints it, and tells whether containers will run.
pub(crate) async fn run(config: &Config, json: bool, recheck: bool) -> Result<bool, Error> {
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(storage::look(&config.data_root));
    findings.extend(machine::look(config, recheck).await);
    findings.extend([host::memory(), host::programs(), host::privileges(), network::look(), host::cgroup()]);
    print(&findings, json).map_err(Error::io("write to standard output"))?;
    Ok(Report::of(&findings).ok)
}

fn print(findings: &[Finding], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &Report::of(findings))?;
        return writeln!(out);
    }
    findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))
}

/// Bytes as people read them.
fn gib(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}
