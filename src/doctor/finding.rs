//! What the doctor found: one line for a person, one object for a program.

use serde::Serialize;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Containers run, but something is lacking.
    Warn,
    /// No container will run.
    Fail,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) name: &'static str,
    /// How bad it is.
    pub(crate) status: Status,
    /// What was found.
    pub(crate) finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, finding: finding.into(), remedy: None }
    }

    /// Something is lacking.
    pub(crate) fn warn(name: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    /// No container will run.
    pub(crate) fn fail(name: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, finding: finding.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "fail",
        };
        let remedy = self.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        // What other programs said may have several lines.
        let said = format!("{}: {}{remedy}", self.name, self.finding);
        let line: Vec<&str> =
            said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
        write!(f, "{status}  {}", line.join(" "))
    }
}

/// All of the findings, as `--json` prints them.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    /// Whether containers will run: nothing failed.
    pub(crate) ok: bool,
    /// In the order looked at.
    pub(crate) checks: &'a [Finding],
}

impl<'a> Report<'a> {
    /// Sums `checks` up.
    pub(crate) fn of(checks: &'a [Finding]) -> Self {
        Self { ok: checks.iter().all(|check| check.status != Status::Fail), checks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each() {
        assert_eq!(Finding::ok("memory", "3 GiB free").to_string(), "ok    memory: 3 GiB free");
        let several = Finding::ok("qemu", "it said:\n  one\ttwo\u{1b}[0m\n");
        assert_eq!(several.to_string(), "ok    qemu: it said: one two [0m");
        let failed = Finding::fail("qemu", "not found", "apt-get install qemu-system-x86");
        assert_eq!(failed.to_string(), "fail  qemu: not found; apt-get install qemu-system-x86");
    }

    #[test]
    fn the_shape_of_the_json() {
        let checks = [Finding::ok("memory", "enough"), Finding::warn("disk", "no reflink", "use XFS")];
        let report = serde_json::to_string(&Report::of(&checks)).unwrap();
        assert_eq!(
            report,
            r#"{"ok":true,"checks":[{"name":"memory","status":"ok","finding":"enough"},{"name":"disk","status":"warn","finding":"no reflink","remedy":"use XFS"}]}"#
        );
        assert!(!Report::of(&[Finding::fail("qemu", "", "")]).ok);
    }
}
