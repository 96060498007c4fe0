//! `KEY=VALUE` flags that are an object in the file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

type Pairs = BTreeMap<String, String>;

/// The flags as an object; what has no `=` keeps an empty value, and is refused with its driver's options.
pub(crate) fn read(flags: &[String]) -> Pairs {
    flags.iter().map(|flag| flag.split_once('=').unwrap_or((flag, ""))).map(|(k, v)| (k.into(), v.into())).collect()
}

/// As they stand in the file.
pub(crate) fn serialize<S: Serializer>(flags: &Option<Vec<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    flags.as_deref().map(read).serialize(serializer)
}

/// As they are given as flags.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let pairs = Option::<Pairs>::deserialize(deserializer)?;
    Ok(pairs.map(|pairs| pairs.iter().map(|(key, value)| format!("{key}={value}")).collect()))
}
