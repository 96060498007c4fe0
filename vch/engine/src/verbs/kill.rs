//! `kill`, and the names of signals.

use crate::container::state::Status;
use crate::container::{Container, Verb};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::supervisor::SIGKILL;

/// Linux signals by name (asm-generic/signal.h).
const SIGNALS: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// The signal that a name (`SIGTERM`, `term`, `RTMIN+3`) or a number means.
///
/// # Errors
/// `invalid signal: x`, as moby words it.
pub fn parse_signal(text: &str) -> Result<i32> {
    let invalid = || Error::invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=64).contains(&number) { Ok(number) } else { Err(invalid()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |from: &str, base: i32, sign: i32| {
        let offset: i32 = match name.strip_prefix(from)? {
            "" => 0,
            rest => rest.strip_prefix(if sign > 0 { '+' } else { '-' })?.parse().ok()?,
        };
        Some(base + sign * offset).filter(|n| (34..=64).contains(n) && offset >= 0)
    };
    let known = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.or_else(|| real_time("RTMIN", 34, 1)).or_else(|| real_time("RTMAX", 64, -1)).ok_or_else(invalid)
}

impl Engine {
    /// Sends a signal to a running container's first process; without one, kills it.
    ///
    /// # Errors
    /// Docker's conflict if it does not run; a signal that does not exist.
    pub async fn kill(&self, name: &str, signal: Option<&str>) -> Result<()> {
        let signal = signal.filter(|s| !s.is_empty()).map_or(Ok(SIGKILL), parse_signal)?;
        let container = self.find(name)?;
        let not_running = || {
            let id = &container.id;
            Error::conflict(format!("cannot kill container: {name}: container {id} is not running"))
        };
        let watch = container.watch();
        let before = watch.borrow().clone();
        if !before.record.state.status.is_running() {
            return Err(not_running());
        }
        container.ask(Verb::Signal { signal, by_user: true }).await.map_err(|error| match error.kind {
            crate::Kind::Conflict => not_running(),
            _ => error,
        })?;
        self.tell_container(&before.record, "kill", [("signal", signal.to_string())]);
        if signal == SIGKILL && before.record.state.status != Status::Restarting {
            // As dockerd: a kill is answered when it has worked.
            ended(&container, before.ends, None).await;
        }
        Ok(())
    }
}

/// Waits until more than `ends` runs have ended, or the container is gone; `false` if `limit` came first.
pub(crate) async fn ended(container: &Container, ends: u64, limit: Option<std::time::Duration>) -> bool {
    let mut watch = container.watch();
    let over = watch.wait_for(|now| now.ends > ends || now.removal.is_some());
    match limit {
        Some(limit) => tokio::time::timeout(limit, over).await.is_ok(),
        None => {
            let _ = over.await;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_as_docker_reads_them() {
        for (text, number) in
            [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("Kill", 9)]
        {
            assert_eq!(parse_signal(text).unwrap(), number, "{text}");
        }
        for bad in ["", "0", "65", "-1", "SIGFOO", "RTMIN+99", "RTMIN-1", "RTMIN+"] {
            assert!(parse_signal(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_signal("nope").unwrap_err().message, "invalid signal: nope");
    }
}
