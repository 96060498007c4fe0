//! When probes are due, and what becomes of one.

use super::*;
use crate::failure::{FailureClass, failure};
use rustix::pipe::pipe;
use vch_agent_proto::{Process, Stdio};

const SECOND: u64 = 1_000_000_000;

fn wanted() -> HealthCheck {
    let process = Process {
        number: 1,
        args: vec!["true".into()],
        env: Vec::new(),
        cwd: "/".into(),
        user: String::new(),
        groups: Vec::new(),
        capabilities: Vec::new(),
        no_new_privileges: false,
        rlimits: Vec::new(),
        oom_score_adj: 0,
        stdio: Stdio::Pipes { stdin: None, stdout: None, stderr: None },
    };
    HealthCheck {
        process,
        interval: 30 * SECOND,
        timeout: SECOND,
        start_period: 10 * SECOND,
        start_interval: 2 * SECOND,
        starting: true,
    }
}

fn probe(now: Instant) -> Probe {
    let (channel, output) = pipe().unwrap();
    let pid = rustix::process::getpid();
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    Probe::new(Started { pid, pidfd, channel }, output, now)
}

fn after(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

#[test]
fn probes_come_faster_within_the_start_period_until_one_has_succeeded() {
    let now = Instant::now();
    let mut check = Check::new("c".into(), wanted(), now);
    assert_eq!(check.wakes(), Some(after(now, 2)));
    check.rest(after(now, 9));
    assert_eq!(check.due, after(now, 11));
    check.rest(after(now, 10));
    assert_eq!(check.due, after(now, 40));
    check.wanted.starting = false;
    check.rest(after(now, 3));
    assert_eq!(check.due, after(now, 33));
    let check = Check::new("c".into(), HealthCheck { start_period: 0, interval: 0, ..wanted() }, now);
    assert_eq!(check.due, now + SHORTEST);
    let far = Check::new("c".into(), HealthCheck { start_period: 0, interval: u64::MAX, ..wanted() }, now);
    assert!(far.due > after(now, 3600));
}

#[test]
fn the_timeout_counts_from_the_execution() {
    let now = Instant::now();
    let mut probe = probe(now);
    assert_eq!(probe.overdue(after(now, 29)), None);
    probe.executing(SECOND, after(now, 29));
    assert_eq!(probe.overdue(after(now, 29)), None);
    assert_eq!(probe.overdue(after(now, 30)), Some(Overdue::Kill));
    assert_eq!(probe.overdue(after(now, 31)), None, "it is killed once");
    probe.wrote(b"so far");
    probe.exited(ExitStatus::Signal(9), after(now, 31));
    assert!(!probe.is_over(), "its output may still come");
    probe.output = None;
    assert!(probe.is_over());
    assert_eq!(probe.into_end(), (ProbeOutcome::TimedOut(ExitStatus::Signal(9)), b"so far".to_vec(), false));
}

#[test]
fn output_that_something_else_holds_open_is_waited_for_a_moment_only() {
    let now = Instant::now();
    let mut probe = probe(now);
    probe.executing(60 * SECOND, now);
    probe.exited(ExitStatus::Code(0), now);
    assert_eq!(probe.overdue(after(now, 1)), None);
    assert_eq!(probe.overdue(after(now, 2)), Some(Overdue::Tell));
    assert_eq!(probe.into_end().0, ProbeOutcome::Exited(ExitStatus::Code(0)));
}

#[test]
fn output_is_kept_up_to_its_bound() {
    let mut probe = probe(Instant::now());
    probe.wrote(&[b'x'; MAX_PROBE_OUTPUT - 1]);
    probe.wrote(b"y");
    assert!(!probe.truncated);
    probe.wrote(b"z");
    let (_, kept, truncated) = probe.into_end();
    assert_eq!((kept.len(), kept.last(), truncated), (MAX_PROBE_OUTPUT, Some(&b'y'), true));
}

#[test]
fn what_could_not_be_started_is_no_timeout() {
    let now = Instant::now();
    let mut probe = probe(now);
    probe.failed(failure(FailureClass::ExecutableNotFound, "no such program"));
    probe.exited(ExitStatus::Code(1), now);
    assert!(probe.is_over());
    assert!(matches!(probe.into_end().0, ProbeOutcome::Failed(failure) if failure.message == "no such program"));
}
