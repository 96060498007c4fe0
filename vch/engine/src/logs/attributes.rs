//! What a log entry carries beside its text: the labels and variables that the options name (moby
//! `daemon/logger/loginfo.go` `ExtraAttributes`), and the tag.

use super::tag;
use crate::container::record::Record;
use crate::error::{Error, Result};
use regex::Regex;
use std::collections::BTreeMap;

/// Attributes by name.
pub(crate) type Attributes = BTreeMap<String, String>;

/// Those that the container's log options ask for, the tag among them where the user gave one.
///
/// # Errors
/// A bad regular expression or template, in about Go's words.
pub(crate) fn of(record: &Record) -> Result<Attributes> {
    let options = &record.spec.host.log.options;
    let option = |name: &str| options.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let labels: BTreeMap<&str, &str> = record.spec.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let env: BTreeMap<&str, &str> = record.spec.env.iter().filter_map(|pair| pair.split_once('=')).collect();
    let mut attributes = Attributes::new();
    for (names, pattern, known) in [("labels", "labels-regex", &labels), ("env", "env-regex", &env)] {
        let pattern = option(pattern).map(expression).transpose()?;
        let named: Vec<&str> = option(names).into_iter().flat_map(|list| list.split(',')).collect();
        let wanted = |key: &str| named.contains(&key) || pattern.as_ref().is_some_and(|p| p.is_match(key));
        attributes.extend(known.iter().filter(|(k, _)| wanted(k)).map(|(k, v)| ((*k).into(), (*v).into())));
    }
    if let Some(template) = option("tag") {
        let tag = tag::of(template, record)?;
        if !tag.is_empty() {
            attributes.insert("tag".into(), tag);
        }
    }
    Ok(attributes)
}

fn expression(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        Error::invalid(format!("error parsing regexp: {why}: `{pattern}`"))
    })
}

/// As `logs --details` shows them: `k=v,k2=v2`, each escaped as in a URL's query (moby `write_log_stream.go`).
pub(crate) fn shown(attributes: &Attributes) -> String {
    let pairs: Vec<String> =
        attributes.iter().map(|(key, value)| format!("{}={}", escaped(key), escaped(value))).collect();
    pairs.join(",")
}

/// Go's `url.QueryEscape`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::ContainerSpec;

    fn attributes(options: &[(&str, &str)]) -> Result<Attributes> {
        let mut spec =
            ContainerSpec { env: vec!["REGION=north".into(), "OTHER=x=y".into(), "BARE".into()], ..Default::default() };
        spec.labels = [("team", "blue"), ("tier", "a b")].map(|(k, v)| (k.into(), v.into())).into();
        spec.host.log.options = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        of(&Record::new("ab".into(), "web".into(), String::new(), String::new(), spec))
    }

    #[test]
    fn named_and_matching_labels_and_variables_are_taken() {
        assert!(attributes(&[]).unwrap().is_empty());
        let all = attributes(&[("labels", "team,none"), ("env", "REGION,BARE"), ("tag", "{{.Name}}")]).unwrap();
        assert_eq!(shown(&all), "REGION=north,tag=web,team=blue");
        let all = attributes(&[("labels-regex", "^t"), ("env-regex", "OTH")]).unwrap();
        assert_eq!(shown(&all), "OTHER=x%3Dy,team=blue,tier=a+b");
        assert!(attributes(&[("env-regex", "(")]).unwrap_err().message.starts_with("error parsing regexp: "));
    }
}
