//! Values of log options as Go reads them: sizes after docker/go-units 0.5, numbers and booleans after `strconv`.
//! Messages are those of Go, since clients see them.

use crate::error::{Error, Result};

/// A size in units of 1000 (`FromHumanSize`).
///
/// # Errors
/// `invalid size: '…'`, `invalid suffix: '…'`.
pub(crate) fn human_size(text: &str) -> Result<u64> {
    size(text, 1000.0)
}

/// A size in units of 1024 (`RAMInBytes`).
///
/// # Errors
/// As [`human_size`].
pub(crate) fn ram_size(text: &str) -> Result<u64> {
    size(text, 1024.0)
}

fn size(text: &str, unit: f64) -> Result<u64> {
    let invalid = || Error::invalid(format!("invalid size: '{text}'"));
    let last = text.rfind(|c: char| c.is_ascii_digit() || ". ".contains(c)).ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(last + 1);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let syntax = || Error::invalid(format!("strconv.ParseFloat: parsing {}: invalid syntax", quoted(number)));
    let number: f64 = number.parse().map_err(|_| syntax())?;
    if number < 0.0 || !number.is_finite() {
        return Err(invalid());
    }
    let lower = suffix.to_lowercase();
    let bad = || Error::invalid(format!("invalid suffix: '{suffix}'"));
    let power = match lower.strip_suffix("ib").or(lower.strip_suffix('b')).unwrap_or(&lower) {
        "" if matches!(lower.as_str(), "" | "b") => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(bad()),
    };
    Ok((number * unit.powi(power)) as u64)
}

/// A whole number (`strconv.Atoi`).
///
/// # Errors
/// Go's words.
pub(crate) fn whole(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::invalid(format!("strconv.Atoi: parsing {}: invalid syntax", quoted(text))))
}

/// A boolean (`strconv.ParseBool`).
///
/// # Errors
/// Go's words.
pub(crate) fn boolean(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(Error::invalid(format!("strconv.ParseBool: parsing {}: invalid syntax", quoted(text)))),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_go_units_reads_them() {
        for (text, decimal, binary) in [
            ("10", 10, 10),
            ("10b", 10, 10),
            ("1k", 1000, 1024),
            ("1.5 KiB", 1500, 1536),
            ("20m", 20_000_000, 20 << 20),
            ("1GB", 1_000_000_000, 1 << 30),
        ] {
            assert_eq!((human_size(text).unwrap(), ram_size(text).unwrap()), (decimal, binary), "{text}");
        }
        let words = |text: &str| human_size(text).unwrap_err().message;
        assert_eq!(words("x"), "invalid size: 'x'");
        assert_eq!(words("-1"), "invalid size: '-1'");
        assert_eq!(words("1x"), "invalid suffix: 'x'");
        assert_eq!(words("1ib"), "invalid suffix: 'ib'");
        assert_eq!(words("1.2.3"), "strconv.ParseFloat: parsing \"1.2.3\": invalid syntax");
    }

    #[test]
    fn numbers_and_booleans_are_refused_in_gos_words() {
        assert_eq!(whole("x").unwrap_err().message, "strconv.Atoi: parsing \"x\": invalid syntax");
        assert_eq!(boolean("x").unwrap_err().message, "strconv.ParseBool: parsing \"x\": invalid syntax");
        assert!(boolean("T").unwrap() && !boolean("0").unwrap() && whole("-3").unwrap() == -3);
    }
}
