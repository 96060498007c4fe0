//! Memory, CPU, process and resource limits; the out-of-memory killer.

use crate::machine::Machine;
use crate::run;
use vch_agent_proto::{ExitStatus, Limits, Rlimit};

#[test]
fn limits_hold_and_are_seen_inside() {
    let mut machine = Machine::ready();
    let limits = Limits {
        memory: Some(64 << 20),
        memory_reservation: Some(32 << 20),
        swap: Some(0),
        cpu_quota: Some(50_000),
        cpu_period: Some(100_000),
        cpu_weight: Some(79),
        cpuset_cpus: Some("0".into()),
        cpuset_mems: Some("0".into()),
        pids: Some(20),
    };
    let script = "cd /sys/fs/cgroup; for f in memory.max memory.low memory.swap.max cpu.max cpu.weight cpuset.cpus cpuset.mems pids.max; \
                  do cat $f; done; ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj";
    let text = run(
        &mut machine,
        |wanted| {
            wanted.limits = limits;
            wanted.process.rlimits.push(Rlimit { resource: 7, soft: 100, hard: 200 });
            wanted.process.rlimits.push(Rlimit { resource: 4, soft: 0, hard: u64::MAX });
            wanted.process.oom_score_adj = 500;
        },
        script,
    )
    .ok();
    assert_eq!(text, "67108864\n33554432\n0\n50000 100000\n79\n0\n0\n20\n100\n200\n0\n500\n");

    let few = |wanted: &mut vch_agent_proto::Container| wanted.limits.pids = Some(5);
    let ended = run(&mut machine, few, "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait");
    assert!(
        ended.stderr.contains("Resource temporarily unavailable") || ended.stderr.contains("can't fork"),
        "{ended:?}"
    );

    let little = |wanted: &mut vch_agent_proto::Container| {
        wanted.limits.memory = Some(32 << 20);
        wanted.limits.swap = Some(0);
    };
    // The program itself is struck.
    let ended = run(&mut machine, little, "exec dd if=/dev/zero of=/dev/null bs=100M count=1");
    assert_eq!((ended.status, ended.oom_killed), (ExitStatus::Signal(9), true));
    // A child of it is.
    let ended = run(&mut machine, little, "dd if=/dev/zero of=/dev/null bs=100M count=1; echo $?; exit 3");
    assert_eq!((ended.stdout.as_str(), ended.status, ended.oom_killed), ("137\n", ExitStatus::Code(3), true));
    // The next one knows nothing of it.
    let ended = run(&mut machine, little, "true");
    assert_eq!((ended.status, ended.oom_killed), (ExitStatus::Code(0), false));
}
