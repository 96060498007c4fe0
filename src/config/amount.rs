//! An amount of memory as people write it: `4096` (MiB), `4g`, `512 MiB`. Used by the settings.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// An amount as it was given; [`Amount::mib`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Amount(pub(crate) String);

impl From<String> for Amount {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Amount {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Amount {
    /// The amount in MiB, rounded down; `None` where it is no amount. A bare number is MiB. Units are Docker's, in powers
    /// of 1024 (`k`, `m`, `g`, `t`, each also as `kb` or `kib`; `b`).
    pub(crate) fn mib(&self) -> Option<u64> {
        let text = self.0.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let bytes_per_unit = match unit.trim().to_ascii_lowercase().as_str() {
            "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "" | "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return None,
        };
        Some(number.checked_mul(bytes_per_unit)? >> 20)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("expected a number of MiB, or a string such as \"4g\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    #[test]
    fn amounts_as_people_write_them() {
        for (text, mib) in [
            ("4096", Some(4096)),
            ("4g", Some(4096)),
            ("4 GiB", Some(4096)),
            ("512M", Some(512)),
            ("1t", Some(1 << 20)),
            ("2048k", Some(2)),
            ("1048576b", Some(1)),
            ("1b", Some(0)),
            ("", None),
            ("g", None),
            ("1.5g", None),
            ("-1", None),
            ("4x", None),
            ("99999999999999999999", None),
            ("99999999999999999t", None),
        ] {
            assert_eq!(Amount::from(text).mib(), mib, "{text:?}");
        }
    }
}
