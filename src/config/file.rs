//! `daemon.json` read and joined with the flags. Unknown keys and settings given in both places are refused with
//! dockerd's sentences (moby `daemon/config/config.go`, words checked against dockerd 20.10).

use super::raw::Raw;
use clap::Args;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, io::Read, path::Path};

/// The file may be this long, in bytes.
const MAX_LENGTH: u64 = 1 << 20;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// It is unreasonably long.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It is not JSON.
    #[error("it is not valid JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("it must hold one JSON object")]
    NotAnObject,
    /// Keys that nobody knows.
    #[error("the following directives don't match any configuration option: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// Settings given twice.
    #[error("the following directives are specified both as a flag and in the configuration file: {}", .0.join(", "))]
    Conflict(Vec<String>),
    /// A value of the wrong type.
    #[error("the value of {key} cannot be used")]
    Value {
        /// The key.
        key: String,
        /// What was expected.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads the file's object. An empty file is an empty object, as in dockerd.
pub(crate) fn read(path: &Path) -> Result<Map<String, Value>, FileProblem> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_LENGTH + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LENGTH {
        return Err(FileProblem::TooLong);
    }
    parse(&text)
}

/// Reads the object in `text`.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, FileProblem> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text).map_err(FileProblem::Json)? {
        Value::Object(map) => Ok(map),
        _ => Err(FileProblem::NotAnObject),
    }
}

/// Joins flags and file. What stands in both is refused, whatever the values.
pub(crate) fn join(flags: &Raw, file: Map<String, Value>) -> Result<Raw, FileProblem> {
    let names = flag_names();
    let unknown: Vec<String> = file.keys().filter(|key| !names.contains_key(*key)).cloned().collect();
    if !unknown.is_empty() {
        return Err(FileProblem::Unknown(unknown));
    }
    for (key, value) in &file {
        let alone = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        serde_json::from_value::<Raw>(alone).map_err(|source| FileProblem::Value { key: key.clone(), source })?;
    }
    let mut joined = given(flags);
    // Ordered as dockerd orders them: by the flag's name.
    let conflicts: BTreeMap<&String, String> = file
        .iter()
        .filter_map(|(key, from_file)| {
            let from_flag = joined.get(key)?;
            let both = format!("{key}: (from flag: {}, from file: {})", as_go(from_flag), as_go(from_file));
            Some((&names[key], both))
        })
        .collect();
    if !conflicts.is_empty() {
        return Err(FileProblem::Conflict(conflicts.into_values().collect()));
    }
    joined.extend(file);
    serde_json::from_value(Value::Object(joined))
        .map_err(|source| FileProblem::Value { key: "the settings".to_owned(), source })
}

/// The keys that a file may hold, each with the long name of its flag.
pub(crate) fn flag_names() -> BTreeMap<String, String> {
    Raw::augment_args(clap::Command::new("settings"))
        .get_arguments()
        .filter_map(|argument| Some((argument.get_id().as_str().replace('_', "-"), argument.get_long()?.to_owned())))
        .collect()
}

/// The settings that were given, by key.
fn given(raw: &Raw) -> Map<String, Value> {
    match serde_json::to_value(raw) {
        Ok(Value::Object(map)) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// A value as Go's `%v` prints it: lists in brackets, words apart by blanks.
fn as_go(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(as_go).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}
