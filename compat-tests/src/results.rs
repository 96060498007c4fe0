//! How each test went on one engine, as a file: `VCH_COMPAT_RESULTS` names it.
//!
//! Written by the runner at its end, read by [`crate::table`]. One JSON object: the engine, and an outcome a test.

use crate::engine::Engine;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed, or passed though it was marked to fail.
    Failed,
    /// It failed as its mark says, for this reason.
    Differs(String),
    /// It was not run on this engine, for this reason.
    LeftOut(String),
}

/// The outcomes of a run, by the tests' names.
#[derive(Debug, Default)]
pub struct Results(Mutex<BTreeMap<String, Outcome>>);

impl Results {
    /// Writes down how a test went.
    pub fn add(&self, test: &str, outcome: Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(test.to_owned(), outcome);
    }

    /// Writes the file that `VCH_COMPAT_RESULTS` names, if it names one.
    ///
    /// # Errors
    /// A sentence for the person who started the tests.
    pub fn write(&self, engine: &Engine) -> Result<(), String> {
        let Some(path) = std::env::var_os("VCH_COMPAT_RESULTS").filter(|path| !path.is_empty()) else { return Ok(()) };
        let version = engine.client.call("GET", "/version", &[], b"");
        let version: Value = serde_json::from_slice(&version.body).map_err(|e| format!("GET /version: {e}"))?;
        let tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tests: BTreeMap<&str, Value> =
            tests.iter().map(|(name, outcome)| (name.as_str(), encode(outcome))).collect();
        let written = json!({
            "engine": { "version": version["Version"], "api": version["ApiVersion"], "peer": engine.is_peer },
            "tests": tests,
        });
        let text = serde_json::to_string_pretty(&written).map_err(|e| e.to_string())? + "\n";
        fs::write(&path, text).map_err(|e| format!("writing {}: {e}", Path::new(&path).display()))
    }
}

/// A run that was read back.
#[derive(Debug, Clone)]
pub struct Run {
    /// The engine's version.
    pub version: String,
    /// The newest API version it speaks.
    pub api: String,
    /// Whether it is somebody else's engine.
    pub peer: bool,
    /// The outcomes by the tests' names.
    pub tests: BTreeMap<String, Outcome>,
}

impl Run {
    /// Reads what [`Results::write`] wrote.
    ///
    /// # Errors
    /// A sentence for the person who named the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("reading {}: {e}", path.display());
        let text = fs::read_to_string(path).map_err(|e| failed(&e))?;
        Self::parse(&text).map_err(|e| failed(&e))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let engine = &value["engine"];
        let word =
            |key: &str| engine[key].as_str().map(str::to_owned).ok_or_else(|| format!("the engine has no {key}"));
        let peer = engine["peer"].as_bool().ok_or("it does not say whose engine it is")?;
        let tests = value["tests"].as_object().ok_or("it has no tests")?;
        let tests = tests.iter().map(|(name, outcome)| Ok((name.clone(), decode(name, outcome)?)));
        Ok(Self { version: word("version")?, api: word("api")?, peer, tests: tests.collect::<Result<_, String>>()? })
    }
}

fn encode(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Passed => json!("passed"),
        Outcome::Failed => json!("failed"),
        Outcome::Differs(reason) => json!({ "differs": reason }),
        Outcome::LeftOut(reason) => json!({ "left out": reason }),
    }
}

fn decode(name: &str, outcome: &Value) -> Result<Outcome, String> {
    let reason = |key: &str| outcome[key].as_str().map(str::to_owned);
    match outcome.as_str() {
        Some("passed") => Ok(Outcome::Passed),
        Some("failed") => Ok(Outcome::Failed),
        _ => reason("differs")
            .map(Outcome::Differs)
            .or_else(|| reason("left out").map(Outcome::LeftOut))
            .ok_or_else(|| format!("{name} has an unknown outcome: {outcome}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Differs("a".into()), Outcome::LeftOut("b".into())];
        for outcome in outcomes {
            assert_eq!(decode("x", &encode(&outcome)), Ok(outcome));
        }
        assert!(decode("x", &json!("else")).is_err());
    }
}
