//! Two engines side by side: what `docs/compatibility.md` shows, made from a run of the black-box tests on each.
//!
//! Used by `scripts/compat-table`. Refuses runs that are not strict: a test that failed on either, or that one run knows
//! and the other does not.

use crate::results::{Outcome, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Counts of one engine's outcomes in a topic.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: usize,
    differs: usize,
    left_out: usize,
}

impl Counts {
    fn of<'r>(outcomes: impl Iterator<Item = &'r Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Differs(_) | Outcome::Failed => counts.differs += 1,
                Outcome::LeftOut(_) => counts.left_out += 1,
            }
        }
        counts
    }
}

/// The page.
///
/// # Errors
/// Sentences, a line each, that say why the two runs make no table.
pub fn page(peer: &Run, ours: &Run) -> Result<String, String> {
    check(peer, ours)?;
    let mut page = String::from(
        "# Compatibility\n\n\
         Made by `scripts/compat-table` from two runs of the black-box tests, one on each engine; `docs/testing.md` says \
         how.\nBoth are strict: a test passes, or it is listed below with the reason why it does not, and a test that is \
         listed\nmust fail there: once it passes, its mark has to go.\n\n",
    );
    let engines = [("dockerd", peer), ("vch", ours)];
    let _ = writeln!(page, "| engine | version | API |\n|---|---|---|");
    for (name, run) in engines {
        let _ = writeln!(page, "| {name} | {} | {} |", run.version, run.api);
    }
    let _ = writeln!(
        page,
        "\n| topic | tests | dockerd passes | differs | left out | vch passes | differs | left out |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|"
    );
    let topics: BTreeSet<&str> = peer.tests.keys().map(|name| topic(name)).collect();
    for of in topics {
        row(&mut page, of, peer, ours, |name| topic(name) == of);
    }
    row(&mut page, "**all**", peer, ours, |_| true);
    for (name, run) in engines {
        let differences = reasons(run, |outcome| match outcome {
            Outcome::Differs(reason) => Some(reason),
            _ => None,
        });
        list(&mut page, &format!("Where {name} differs"), "Nowhere.", &differences);
        let left_out = reasons(run, |outcome| match outcome {
            Outcome::LeftOut(reason) => Some(reason),
            _ => None,
        });
        list(&mut page, &format!("What is not asked of {name}"), "Everything is asked.", &left_out);
    }
    Ok(page)
}

fn check(peer: &Run, ours: &Run) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (called, run, peer) in [("the first run", peer, true), ("the second run", ours, false)] {
        if run.peer != peer {
            wrong.push(format!("{called} is of the other engine: dockerd's comes first, then vch's"));
        }
        let failed = run.tests.iter().filter(|(_, outcome)| **outcome == Outcome::Failed);
        wrong.extend(failed.map(|(name, _)| format!("{name} failed in {called}")));
    }
    let (first, second): (BTreeSet<_>, BTreeSet<_>) = (peer.tests.keys().collect(), ours.tests.keys().collect());
    wrong.extend(first.symmetric_difference(&second).map(|name| format!("{name} is in one of the runs only")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn topic(test: &str) -> &str {
    test.rsplit_once("::").map_or(test, |(topic, _)| topic)
}

fn row(page: &mut String, name: &str, peer: &Run, ours: &Run, belongs: impl Fn(&str) -> bool) {
    let of = |run: &Run| Counts::of(run.tests.iter().filter(|(name, _)| belongs(name)).map(|(_, outcome)| outcome));
    let (theirs, ours) = (of(peer), of(ours));
    let all = theirs.passed + theirs.differs + theirs.left_out;
    let _ = writeln!(
        page,
        "| {name} | {all} | {} | {} | {} | {} | {} | {} |",
        theirs.passed, theirs.differs, theirs.left_out, ours.passed, ours.differs, ours.left_out
    );
}

/// Tests by the reason that `of` gives for them.
fn reasons<'r>(run: &'r Run, of: impl Fn(&'r Outcome) -> Option<&'r String>) -> BTreeMap<&'r str, Vec<&'r str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, outcome) in &run.tests {
        if let Some(reason) = of(outcome) {
            reasons.entry(reason).or_default().push(name);
        }
    }
    reasons
}

fn list(page: &mut String, head: &str, none: &str, reasons: &BTreeMap<&str, Vec<&str>>) {
    let _ = writeln!(page, "\n## {head}\n");
    if reasons.is_empty() {
        let _ = writeln!(page, "{none}");
        return;
    }
    for (reason, tests) in reasons {
        let _ = writeln!(page, "- {reason}:");
        for test in tests {
            let _ = writeln!(page, "  - `{test}`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(peer: bool, tests: &[(&str, Outcome)]) -> Run {
        let tests = tests.iter().map(|(name, outcome)| ((*name).to_owned(), outcome.clone())).collect();
        Run { version: "1".into(), api: "1.41".into(), peer, tests }
    }

    #[test]
    fn differences_stand_with_their_reasons() {
        let older = Outcome::Differs("older words".into());
        let peer = run(true, &[("a::b::one", older), ("a::b::two", Outcome::LeftOut("ours".into()))]);
        let ours = run(false, &[("a::b::one", Outcome::Passed), ("a::b::two", Outcome::Passed)]);
        let page = page(&peer, &ours).unwrap();
        assert!(page.contains("| a::b | 2 | 0 | 1 | 1 | 2 | 0 | 0 |"), "{page}");
        assert!(page.contains("- older words:\n  - `a::b::one`\n"), "{page}");
        assert!(page.contains("## Where vch differs\n\nNowhere."), "{page}");
    }

    #[test]
    fn a_failure_or_a_test_of_one_run_makes_no_table() {
        let failed = run(true, &[("a::one", Outcome::Failed)]);
        let other = run(false, &[("a::two", Outcome::Passed)]);
        let wrong = page(&failed, &other).unwrap_err();
        assert_eq!(wrong.lines().count(), 3, "{wrong}");
        assert!(page(&other, &failed).unwrap_err().contains("dockerd's comes first"));
    }
}
