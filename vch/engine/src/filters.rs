//! List filters: a map from key to a set of values, with Docker's ways of matching (moby `api/types/filters`).

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Filters as a client sent them; already decoded from either JSON shape by the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(pub BTreeMap<String, BTreeSet<String>>);

impl Filters {
    /// The values given for `key`; empty when there are none.
    pub fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.get(key).into_iter().flatten().map(String::as_str)
    }

    /// Whether any value was given for `key`.
    pub fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|values| !values.is_empty())
    }

    /// Whether `key` has exactly this value among its own.
    pub fn has_value(&self, key: &str, value: &str) -> bool {
        self.0.get(key).is_some_and(|values| values.contains(value))
    }

    /// Refuses keys outside `accepted`.
    ///
    /// # Errors
    /// `invalid filter 'key'`, as dockerd words it.
    pub fn only(&self, accepted: &[&str]) -> Result<()> {
        match self.0.keys().find(|key| !accepted.contains(&key.as_str())) {
            Some(key) => Err(Error::invalid(format!("invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// Whether one of `key`'s values equals `value`, or none was given.
    pub fn exact(&self, key: &str, value: &str) -> bool {
        !self.has(key) || self.has_value(key, value)
    }

    /// Whether one of `key`'s values equals `value`, is a prefix of it or, as a regular expression, occurs in it, or none
    /// was given. A value that is no regular expression matches only by equality.
    pub fn matches(&self, key: &str, value: &str) -> bool {
        !self.has(key)
            || self.has_value(key, value)
            || self.values(key).any(|v| regex::Regex::new(v).is_ok_and(|r| r.is_match(value)))
    }

    /// Whether one of `key`'s values is a prefix of `value`, or none was given.
    pub fn prefix(&self, key: &str, value: &str) -> bool {
        !self.has(key) || self.values(key).any(|v| value.starts_with(v))
    }

    /// Whether all of `key`'s values (`name` or `name=value`) hold in `labels`.
    pub fn labels<'a>(&self, key: &str, labels: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.values(key).all(|wanted| match wanted.split_once('=') {
            Some((name, value)) => labels(name) == Some(value),
            None => labels(wanted).is_some(),
        })
    }

    /// The single boolean that `key` asks for.
    ///
    /// # Errors
    /// The value is no boolean, or both were given: `invalid filter 'key=[value]'`, as dockerd words it.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let mut asked = None;
        for value in self.values(key) {
            let this = match value {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(self.bad_value(key)),
            };
            if asked.replace(this).is_some_and(|before| before != this) {
                return Err(self.bad_value(key));
            }
        }
        Ok(asked)
    }

    fn bad_value(&self, key: &str) -> Error {
        let values: Vec<&str> = self.values(key).collect();
        Error::invalid(format!("invalid filter '{key}=[{}]'", values.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Filters {
        /// Filters of pairs of key and value.
        pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
            let mut filters = Self::default();
            for (key, value) in pairs {
                filters.0.entry((*key).into()).or_default().insert((*value).into());
            }
            filters
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Filters::of(&[("colour", "red")]).only(&["name"]).unwrap_err();
        assert_eq!(error.message, "invalid filter 'colour'");
    }

    #[test]
    fn names_are_regular_expressions() {
        let f = Filters::of(&[("name", "^we.$")]);
        assert!(f.matches("name", "web"));
        assert!(!f.matches("name", "webs"));
    }

    #[test]
    fn labels_are_joined_by_and() {
        let f = Filters::of(&[("label", "a=1"), ("label", "b")]);
        let with_both = |name: &str| match name {
            "a" => Some("1"),
            "b" => Some(""),
            _ => None,
        };
        assert!(f.labels("label", with_both));
        assert!(!f.labels("label", |name| (name == "a").then_some("1")));
    }

    #[test]
    fn contradictory_booleans_are_refused() {
        assert!(Filters::of(&[("dangling", "true"), ("dangling", "false")]).boolean("dangling").is_err());
        assert!(Filters::of(&[("dangling", "maybe")]).boolean("dangling").is_err());
        assert_eq!(Filters::of(&[("dangling", "1")]).boolean("dangling").unwrap(), Some(true));
    }
}
