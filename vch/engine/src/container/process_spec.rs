//! What the agent is told of a process: the container's first, or an exec. Environment, capabilities and limits as Docker
//! sets them.

use super::record::Record;
use super::spec::HostSpec;
use super::view::ExecSpec;
use crate::error::{Error, Result};
use vch_sandbox::proto::{Process, Rlimit, Stdio};

/// Capabilities by number (linux/capability.h).
pub const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// What Docker leaves a container (moby `oci/caps/defaults.go`).
const DEFAULT: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Resource limits by name: `RLIMIT_*` numbers (asm-generic/resource.h).
pub const RLIMITS: &[(&str, u8)] = &[
    ("cpu", 0),
    ("fsize", 1),
    ("data", 2),
    ("stack", 3),
    ("core", 4),
    ("rss", 5),
    ("nproc", 6),
    ("nofile", 7),
    ("memlock", 8),
    ("locks", 10),
    ("sigpending", 11),
    ("msgqueue", 12),
    ("nice", 13),
    ("rtprio", 14),
    ("rttime", 15),
];

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The container's first process.
pub(crate) fn first(record: &Record) -> Result<Process> {
    let spec = &record.spec;
    Ok(Process {
        number: 0,
        args: record.command.clone(),
        env: environment(record, spec.tty),
        cwd: working_dir(&spec.working_dir),
        user: spec.user.clone(),
        groups: spec.host.group_add.clone(),
        capabilities: capabilities(&spec.host)?,
        no_new_privileges: no_new_privileges(&spec.host),
        rlimits: rlimits(&spec.host)?,
        oom_score_adj: spec.host.oom_score_adj,
        stdio: NOWHERE,
    })
}

/// An exec in a running container.
pub(crate) fn exec(record: &Record, exec: &ExecSpec) -> Result<Process> {
    let spec = &record.spec;
    let mut env = environment(record, exec.tty);
    merge(&mut env, &exec.env);
    let choose = |own: &str, containers: &str| if own.is_empty() { containers.to_owned() } else { own.to_owned() };
    Ok(Process {
        number: 0,
        args: exec.cmd.clone(),
        env,
        cwd: working_dir(&choose(&exec.working_dir, &spec.working_dir)),
        user: choose(&exec.user, &spec.user),
        groups: spec.host.group_add.clone(),
        capabilities: if exec.privileged { all_capabilities() } else { capabilities(&spec.host)? },
        no_new_privileges: no_new_privileges(&spec.host),
        rlimits: rlimits(&spec.host)?,
        oom_score_adj: spec.host.oom_score_adj,
        stdio: NOWHERE,
    })
}

/// What a client is told of an exec that the agent refused, in the words that runc's refusal would reach it in.
pub(crate) fn refused(message: &str) -> String {
    format!("OCI runtime exec failed: exec failed: unable to start container process: {message}: unknown")
}

/// The sandbox sets numbers and streams.
const NOWHERE: Stdio = Stdio::Pipes { stdin: None, stdout: None, stderr: None };

fn working_dir(asked: &str) -> String {
    if asked.is_empty() { "/".into() } else { asked.into() }
}

fn no_new_privileges(host: &HostSpec) -> bool {
    host.security_opt
        .iter()
        .any(|o| matches!(o.as_str(), "no-new-privileges" | "no-new-privileges=true" | "no-new-privileges:true"))
}

/// Docker's own variables, then the image's and the user's; a name without a value takes one away.
fn environment(record: &Record, tty: bool) -> Vec<String> {
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={}", super::run_message::hostname(record))];
    if tty {
        env.push("TERM=xterm".into());
    }
    merge(&mut env, &record.spec.env);
    env
}

/// Replaces variables of the same name, removes those without a value, appends the others (moby `ReplaceOrAppendEnvValues`).
fn merge(env: &mut Vec<String>, more: &[String]) {
    for variable in more {
        let (name, valued) = match variable.split_once('=') {
            Some((name, _)) => (name, true),
            None => (variable.as_str(), false),
        };
        let place = env.iter().position(|known| known.split('=').next() == Some(name));
        match (place, valued) {
            (Some(at), true) => env[at].clone_from(variable),
            (Some(at), false) => {
                env.remove(at);
            }
            (None, true) => env.push(variable.clone()),
            (None, false) => {}
        }
    }
}

fn all_capabilities() -> Vec<u8> {
    (0..CAPABILITIES.len() as u8).collect()
}

/// Docker's default set with `--cap-add` and `--cap-drop` (moby `oci/caps/utils.go` `TweakCapabilities`).
fn capabilities(host: &HostSpec) -> Result<Vec<u8>> {
    if host.privileged {
        return Ok(all_capabilities());
    }
    let number = |name: &String| {
        let position = CAPABILITIES.iter().position(|known| known == name);
        position.map(|at| at as u8).ok_or_else(|| Error::invalid(format!("unknown capability: \"{name}\"")))
    };
    let all = |names: &[String]| names.iter().any(|name| name == "ALL");
    let mut set: Vec<u8> = match (all(&host.cap_add), all(&host.cap_drop)) {
        (true, _) => all_capabilities(),
        (false, true) => Vec::new(),
        (false, false) => DEFAULT.iter().map(|name| number(&(*name).to_owned())).collect::<Result<_>>()?,
    };
    for name in host.cap_drop.iter().filter(|name| *name != "ALL") {
        let dropped = number(name)?;
        set.retain(|have| *have != dropped);
    }
    for name in host.cap_add.iter().filter(|name| *name != "ALL") {
        let added = number(name)?;
        // Named in both lists: kept, except where everything was added and this one taken away.
        let stays_dropped = all(&host.cap_add) && host.cap_drop.contains(name);
        if !set.contains(&added) && !stays_dropped {
            set.push(added);
        }
    }
    set.sort_unstable();
    Ok(set)
}

fn rlimits(host: &HostSpec) -> Result<Vec<Rlimit>> {
    let bound = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    host.ulimits
        .iter()
        .map(|asked| {
            let known = RLIMITS.iter().find(|(name, _)| *name == asked.name);
            let (_, resource) = known.ok_or_else(|| Error::invalid(format!("invalid ulimit type: {}", asked.name)))?;
            Ok(Rlimit { resource: *resource, soft: bound(asked.soft), hard: bound(asked.hard) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(host: &HostSpec) -> Vec<&'static str> {
        capabilities(host).unwrap().into_iter().map(|n| CAPABILITIES[usize::from(n)]).collect()
    }

    fn host(add: &[&str], drop: &[&str]) -> HostSpec {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        HostSpec { cap_add: own(add), cap_drop: own(drop), ..Default::default() }
    }

    #[test]
    fn the_default_capabilities_are_dockers() {
        let mask = capabilities(&HostSpec::default()).unwrap().iter().fold(0u64, |mask, n| mask | 1 << n);
        assert_eq!(mask, 0xa804_25fb);
    }

    #[test]
    fn added_and_dropped_capabilities_are_honoured() {
        assert!(names(&host(&["CAP_SYS_ADMIN"], &["CAP_MKNOD"])).contains(&"CAP_SYS_ADMIN"));
        assert!(!names(&host(&["CAP_SYS_ADMIN"], &["CAP_MKNOD"])).contains(&"CAP_MKNOD"));
        assert_eq!(names(&host(&["CAP_CHOWN"], &["ALL"])), ["CAP_CHOWN"]);
        assert_eq!(names(&host(&["ALL"], &["CAP_CHOWN"])).len(), CAPABILITIES.len() - 1);
        assert!(capabilities(&host(&["CAP_FLY"], &[])).is_err());
    }

    #[test]
    fn variables_are_replaced_removed_and_appended() {
        let mut env = vec!["A=1".to_owned(), "B=2".to_owned()];
        merge(&mut env, &["A=3".into(), "B".into(), "C=4".into(), "D".into()]);
        assert_eq!(env, ["A=3", "C=4"]);
    }
}
