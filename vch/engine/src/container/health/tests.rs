//! What probes make of a container's health.

use super::*;
use vch_sandbox::proto::{ExitStatus, Failure, FailureClass, ProbeOutcome};

const SECOND: i64 = 1_000_000_000;

fn result(second: i64, exit_code: i32) -> ProbeResult {
    let at = Timestamp(second * SECOND);
    ProbeResult { start: at, end: at, exit_code, output: String::new() }
}

fn note(health: &mut Health, check: &Healthcheck, second: i64, code: i32) -> Option<HealthStatus> {
    health.note(check, Timestamp(0), result(second, code))
}

#[test]
fn failures_in_a_row_make_unhealthy_and_one_success_healthy() {
    let check = Healthcheck { retries: 2, ..Default::default() };
    let mut health = Health::starting(None);
    assert_eq!(note(&mut health, &check, 1, 1), None);
    assert_eq!(note(&mut health, &check, 2, -1), Some(HealthStatus::Unhealthy));
    assert_eq!(note(&mut health, &check, 3, 5), None);
    assert_eq!(health.failing_streak, 3);
    assert_eq!(note(&mut health, &check, 4, 0), Some(HealthStatus::Healthy));
    assert_eq!(health.failing_streak, 0);
    assert_eq!(note(&mut health, &check, 5, 1), None, "one failure is none yet");
    assert_eq!(health.status, HealthStatus::Healthy);
}

#[test]
fn failures_in_the_start_period_do_not_count_until_a_probe_has_succeeded() {
    let check = Healthcheck { retries: 1, start_period: 10 * SECOND, ..Default::default() };
    let mut health = Health::starting(None);
    assert_eq!(note(&mut health, &check, 9, 1), None);
    assert_eq!(health.failing_streak, 0);
    assert_eq!(note(&mut health, &check, 10, 1), Some(HealthStatus::Unhealthy));
    let mut health = Health::starting(Some(health));
    assert_eq!(health.log.len(), 2, "the log goes on over a restart");
    assert_eq!(note(&mut health, &check, 1, 0), Some(HealthStatus::Healthy));
    assert_eq!(note(&mut health, &check, 2, 1), Some(HealthStatus::Unhealthy));
}

#[test]
fn the_last_five_probes_are_remembered() {
    let mut health = Health::starting(None);
    for second in 0..9 {
        note(&mut health, &Healthcheck::default(), second, 0);
    }
    let seconds: Vec<i64> = health.log.iter().map(|result| result.start.0 / SECOND).collect();
    assert_eq!(seconds, [4, 5, 6, 7, 8]);
}

#[test]
fn the_command_is_run_by_the_containers_shell_where_asked() {
    let spec = |test: &[&str], shell: Option<&[&str]>| {
        let own = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let healthcheck = Some(Healthcheck { test: own(test), ..Default::default() });
        command(&ContainerSpec { healthcheck, shell: shell.map(own), ..Default::default() })
    };
    assert_eq!(spec(&["CMD", "a", "b"], None).unwrap(), ["a", "b"]);
    assert_eq!(spec(&["CMD-SHELL", "a b"], None).unwrap(), ["/bin/sh", "-c", "a b"]);
    assert_eq!(spec(&["CMD-SHELL", "a"], Some(&["/bin/ash", "-ec"])).unwrap(), ["/bin/ash", "-ec", "a"]);
    assert_eq!(spec(&["CMD-SHELL", "a"], Some(&[])).unwrap(), ["/bin/sh", "-c", "a"]);
    for none in [&["NONE"][..], &["HTTP", "x"], &[]] {
        assert_eq!(spec(none, None), None);
    }
    assert_eq!(command(&ContainerSpec::default()), None);
}

#[test]
fn what_did_not_end_by_itself_is_told_in_dockerds_words() {
    let check = Healthcheck { timeout: 90 * SECOND, ..Default::default() };
    let killed = || ProbeOutcome::TimedOut(ExitStatus::Signal(9));
    assert_eq!(told(&check, killed(), b"", false), (-1, "Health check exceeded timeout (1m30s)".into()));
    assert_eq!(told(&check, killed(), b"so\n", true), (-1, "Health check exceeded timeout (1m30s): so\n...".into()));
    assert_eq!(told(&check, ProbeOutcome::Exited(ExitStatus::Signal(9)), b"\xff", false), (137, "\u{fffd}".into()));
    let failure = Failure { class: FailureClass::ExecutableNotFound, message: "exec: \"x\": no".into() };
    let words = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"x\": no: unknown";
    assert_eq!(told(&check, ProbeOutcome::Failed(failure), b"", false), (-1, words.into()));
}

#[test]
fn durations_are_printed_as_go_prints_them() {
    for (nanos, text) in [
        (0, "0s"),
        (7, "7ns"),
        (1_500, "1.5µs"),
        (250_000_000, "250ms"),
        (1_000_000_000, "1s"),
        (1_050_000_000, "1.05s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_661_500_000_000, "1h1m1.5s"),
    ] {
        assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
    }
}
