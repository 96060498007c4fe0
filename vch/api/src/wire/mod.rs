//! The JSON of the Docker API, by noun: field names, their order and what is null or left out are those of moby's `api/types`.
//!
//! Invariant: nothing here knows what a field means; `decode` and `encode` do.

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) mod archive;
pub(crate) mod auth;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod disk_usage;
pub(crate) mod distribution;
pub(crate) mod event;
pub(crate) mod exec;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod prune;
pub(crate) mod stats;
pub(crate) mod system;
pub(crate) mod top;
pub(crate) mod update;
pub(crate) mod wait;

/// An object that is read and written. A missing or null member is its type's default, as in Go; unknown members are passed over.
macro_rules! object {
    ($(#[$about:meta])* $name:ident { $($(#[$option:meta])* $key:literal $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub(crate) struct $name {
            $($(#[$option])* #[serde(rename = $key, deserialize_with = "crate::wire::null_is_default")] pub(crate) $field: $kind,)*
        }

        impl $name {
            /// Names of all members.
            #[allow(dead_code, reason = "of use for those objects whose members are listed in the documentation")]
            pub(crate) const FIELDS: &'static [&'static str] = &[$($key),*];
        }
    };
}
pub(crate) use object;

/// Go's decoder leaves a field alone when it meets null.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The value of a set's members: written `{}`, read from anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Empty {}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self {})
    }
}

/// A list of words that may come as one string (moby `api/types/strslice`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Words;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = items.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Whether a value is its type's default: what Go leaves out under `omitempty`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_as_a_string_or_a_list() {
        assert_eq!(serde_json::from_str::<Words>(r#""a b""#).unwrap(), Words(vec!["a b".into()]));
        assert_eq!(serde_json::from_str::<Words>(r#"["a","b"]"#).unwrap(), Words(vec!["a".into(), "b".into()]));
        assert!(serde_json::from_str::<Words>("3").is_err());
    }

    #[test]
    fn members_of_sets_may_be_anything() {
        for text in ["{}", "null", "true", "{\"a\":1}"] {
            assert!(serde_json::from_str::<Empty>(text).is_ok());
        }
        assert_eq!(serde_json::to_string(&Empty {}).unwrap(), "{}");
    }
}
