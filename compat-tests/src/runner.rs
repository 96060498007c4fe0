//! Which test runs where, alone or beside others, and for how long at most.
//!
//! Used by `tests/compat/main.rs`. The one place that decides what is left out: a test of our own engine on a peer,
//! and a test of an API version that the engine does not speak. Left out is reported as ignored, never as passed.
//! A test marked as a known difference of an older dockerd must fail there, and one marked as not done yet must fail on
//! ours: once it passes, the mark has to go.

use crate::engine::Engine;
use crate::results::{Outcome, Results};
use libtest_mimic::{Failed, Trial};
use std::sync::{Arc, RwLock, mpsc};
use std::time::Duration;

/// No test takes longer than this, on the slowest machine, unless it says so.
const DEADLINE: Duration = Duration::from_secs(240);

/// One test: a function that panics when it fails.
#[derive(Debug, Clone)]
pub struct Test {
    name: String,
    run: fn(),
    alone: bool,
    ours_only: bool,
    all_capabilities: bool,
    since: (u32, u32),
    differs: Option<((u32, u32), &'static str)>,
    not_yet: Option<&'static str>,
    deadline: Duration,
}

impl Test {
    /// A test by the path of its module and its name.
    pub fn new(module: &str, name: &str, run: fn()) -> Self {
        let module = module.strip_prefix("compat::").unwrap_or(module);
        Self {
            name: format!("{module}::{name}"),
            run,
            alone: false,
            ours_only: false,
            all_capabilities: false,
            since: (0, 0),
            differs: None,
            not_yet: None,
            deadline: DEADLINE,
        }
    }

    /// Its full name, `topic::test`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs while no other test does.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// May take this long: something is made first, once.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Is about what only our engine promises.
    pub fn ours_only(mut self) -> Self {
        self.ours_only = true;
        self
    }

    /// Needs a host that a peer may take every capability from; in a machine of its own that plays no part.
    pub fn needs_all_capabilities(mut self) -> Self {
        self.all_capabilities = true;
        self
    }

    /// Needs an engine that speaks API 1.`minor`.
    pub fn since(mut self, minor: u32) -> Self {
        self.since = (1, minor);
        self
    }

    /// Is known to fail on a peer older than API 1.`minor`, for this reason.
    pub fn older_differs(mut self, minor: u32, reason: &'static str) -> Self {
        self.differs = Some(((1, minor), reason));
        self
    }

    /// Is known to fail on our engine, for this reason.
    pub fn ours_not_yet(mut self, reason: &'static str) -> Self {
        self.not_yet = Some(reason);
        self
    }
}

/// `tests![a, b]`: tests by the names of functions in the module where it stands.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::runner::Test::new(module_path!(), stringify!($name), $name)),*]
    };
}

impl Test {
    /// Why it is left out on this engine, if it is.
    fn left_out(&self, engine: &Engine) -> Option<String> {
        if engine.is_peer && self.ours_only {
            return Some("about what vch alone promises".into());
        }
        if engine.is_peer && self.all_capabilities && !host_has_all_capabilities() {
            return Some("needs a host that keeps no capability back".into());
        }
        let (major, minor) = self.since;
        (engine.api < self.since).then(|| format!("needs API {major}.{minor}"))
    }

    /// Why it must fail on this engine, if it must.
    fn must_fail(&self, engine: &Engine) -> Option<&'static str> {
        let older = self.differs.filter(|(version, _)| engine.is_peer && engine.api < *version);
        older.map(|(_, reason)| reason).or(self.not_yet.filter(|_| !engine.is_peer))
    }
}

/// Turns tests into what the runner runs, which writes down how each went. Without an engine (for a list) nothing is left
/// out.
pub fn trials(tests: Vec<Test>, engine: Option<&'static Engine>, results: &Arc<Results>) -> Vec<Trial> {
    let gate = Arc::new(RwLock::new(()));
    let trial = |test: Test| {
        let left_out = engine.and_then(|engine| test.left_out(engine));
        let must_fail = engine.and_then(|engine| test.must_fail(engine));
        let ignored = left_out.is_some();
        if let Some(reason) = left_out {
            results.add(&test.name, Outcome::LeftOut(reason));
        }
        let (gate, results, alone, deadline, run) =
            (gate.clone(), results.clone(), test.alone, test.deadline, test.run);
        let name = test.name.clone();
        Trial::test(test.name, move || {
            let outcome = if alone {
                let _one = gate.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                within_deadline(run, deadline)
            } else {
                let _many = gate.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                within_deadline(run, deadline)
            };
            let (seen, outcome) = match (must_fail, outcome) {
                (None, Ok(())) => (Outcome::Passed, Ok(())),
                (None, Err(failed)) => (Outcome::Failed, Err(failed)),
                (Some(reason), Err(_)) => (Outcome::Differs(reason.to_owned()), Ok(())),
                (Some(reason), Ok(())) => {
                    (Outcome::Failed, Err(format!("passes, though marked to fail here: {reason}").into()))
                }
            };
            results.add(&name, seen);
            outcome
        })
        .with_ignored_flag(ignored)
    };
    tests.into_iter().map(trial).collect()
}

/// Whether the bounding set of this process, and so of a peer on this host, lacks nothing that the kernel knows.
fn host_has_all_capabilities() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bounding = status.lines().find_map(|l| l.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    match (bounding, last.trim().parse::<u32>()) {
        (Some(set), Ok(last)) => set.count_ones() == last + 1,
        _ => false,
    }
}

/// Runs a test on a thread of its own; a test that hangs is left behind and has failed.
fn within_deadline(run: fn(), deadline: Duration) -> Result<(), Failed> {
    let (done, outcome) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    match outcome.recv_timeout(deadline) {
        Ok(()) => Ok(()),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("not done within {deadline:?}").into()),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = thread.join().err();
            let text = panic.as_ref().and_then(|p| {
                let owned = p.downcast_ref::<String>().map(String::as_str);
                owned.or_else(|| p.downcast_ref::<&str>().copied())
            });
            Err(text.unwrap_or("panicked").to_owned().into())
        }
    }
}
