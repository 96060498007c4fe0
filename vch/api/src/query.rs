//! A request's query: values as dockerd reads them (moby `api/server/httputils/form.go`, `api/types/filters`, `api/types/time`).

use crate::error::{ApiError, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use vch_engine::filters::Filters;
use vch_engine::timestamp::Timestamp;

/// The decoded pairs of a query, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes the text behind the `?`.
    ///
    /// # Errors
    /// A percent sign without two hex digits, or a semicolon as separator: 400 in Go's words.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.contains(';') {
            return Err(ApiError::invalid("invalid semicolon separator in query"));
        }
        let bytes = text.as_bytes();
        for (at, _) in text.match_indices('%') {
            let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
            if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                let shown = String::from_utf8_lossy(bytes.get(at..(at + 3).min(bytes.len())).unwrap_or_default());
                return Err(ApiError::invalid(format!("invalid URL escape {}", quoted(&shown))));
            }
        }
        Ok(Self(form_urlencoded::parse(bytes).into_owned().collect()))
    }

    /// The first value of `key`, or the empty string.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
    }

    /// The first value of `key`, unless it is missing or empty.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        Some(self.get(key)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// All values of `key`.
    pub(crate) fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(k, _)| k == key).map(|(_, value)| value.clone()).collect()
    }

    /// Whether `key` occurs.
    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| k == key)
    }

    /// A boolean: the empty string, 0, no, false and none are false, anything else is true.
    pub(crate) fn boolean(&self, key: &str) -> bool {
        !matches!(self.get(key).trim().to_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A boolean that is `default` where the key is missing.
    pub(crate) fn boolean_or(&self, key: &str, default: bool) -> bool {
        if self.has(key) { self.boolean(key) } else { default }
    }

    /// A whole number, none where it is missing or empty.
    ///
    /// # Errors
    /// It is no number: 500 with the words of Go's `strconv.Atoi`, which dockerd passes on unclassed.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>> {
        match self.get(key) {
            "" => Ok(None),
            text => parse_integer(text).map(Some).map_err(|why| strconv("Atoi", text, why)),
        }
    }

    /// A terminal's height or width.
    ///
    /// # Errors
    /// Missing, no number or beyond a terminal's bounds: 400 in dockerd's words.
    pub(crate) fn dimension(&self, key: &str, called: &str) -> Result<u16> {
        let text = self.get(key);
        let bad = |why| ApiError::invalid(format!("invalid resize {called} {}: {why}", quoted(text)));
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("invalid syntax"));
        }
        text.parse().map_err(|_| bad("value out of range"))
    }

    /// `filters`, in either of its JSON shapes: `{"key":{"value":true}}` or `{"key":["value"]}`.
    ///
    /// # Errors
    /// Any other shape: 400 `invalid filter`.
    pub(crate) fn filters(&self) -> Result<Filters> {
        parse_filters(self.get("filters")).ok_or_else(|| ApiError::invalid("invalid filter"))
    }

    /// A point in time as `seconds[.nanoseconds]`, or RFC 3339 (which clients turn into the former); none where it is missing.
    ///
    /// # Errors
    /// Neither: 500 with the words of Go's `strconv.ParseInt`, which dockerd passes on unclassed.
    pub(crate) fn time(&self, key: &str) -> Result<Option<Timestamp>> {
        let text = self.get(key);
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(time) = Timestamp::parse_rfc3339(text) {
            return Ok(Some(time));
        }
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let number = |part: &str| parse_integer(part).map_err(|why| strconv("ParseInt", part, why));
        let (seconds, fraction_value) = (number(seconds)?, number(fraction)?);
        // As moby: the digits behind the point are scaled to nanoseconds by their number.
        let scale = 10f64.powi(9 - i32::try_from(fraction.len()).unwrap_or(i32::MAX));
        let nanoseconds = (fraction_value as f64 * scale) as i64;
        Ok(Some(Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))))
    }
}

/// Why a number was refused, in Go's words.
fn parse_integer(text: &str) -> std::result::Result<i64, &'static str> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("invalid syntax");
    }
    text.parse().map_err(|_| "value out of range")
}

fn strconv(function: &str, text: &str, why: &str) -> ApiError {
    ApiError::unclassed(format!("strconv.{function}: parsing {}: {why}", quoted(text)))
}

/// Text between double quotes as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn parse_filters(text: &str) -> Option<Filters> {
    let mut filters = Filters::default();
    if text.is_empty() {
        return Some(filters);
    }
    match serde_json::from_str(text).ok()? {
        Value::Null => {}
        Value::Object(keys) => {
            // The two shapes do not mix, as in dockerd, which tries one and then the other.
            let maps = keys.values().all(|v| v.is_object() || v.is_null());
            for (key, values) in keys {
                let values: BTreeSet<String> = match values {
                    Value::Null => BTreeSet::new(),
                    Value::Object(set) if maps => set
                        .values()
                        .all(Value::is_boolean)
                        .then(|| set.into_iter().map(|(value, _)| value).collect())?,
                    Value::Array(list) if !maps => {
                        list.into_iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<_>>()?
                    }
                    _ => return None,
                };
                filters.0.insert(key, values);
            }
        }
        _ => return None,
    }
    Some(filters)
}

#[cfg(test)]
mod tests;
