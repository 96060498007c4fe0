//! Image references as users type them, and the patterns that lists are filtered with.
//!
//! The first line is a reference, the second a pattern.

use vch_images::reference::AnyReference;
use vch_images::{Platform, Reference};

/// Runs the target.
pub fn run(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (text, pattern) = input.split_once('\n').unwrap_or((input, "*"));
    let _ = text.parse::<Platform>();
    match AnyReference::parse(text) {
        Ok(AnyReference::Id(digest)) => assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit())),
        Ok(AnyReference::Named(name)) => named(&name, pattern),
        Err(_) => assert!(Reference::parse(text).is_err(), "a name in one place and not in the other: {text:?}"),
    }
}

fn named(name: &Reference, pattern: &str) {
    for part in [name.domain(), name.path()] {
        let climbs = part.split('/').any(|step| step.is_empty() || step == "." || step == "..");
        assert!(!climbs && !part.contains('\0'), "{name} climbs");
    }
    for text in [name.to_string(), name.familiar()] {
        assert_eq!(Reference::parse(&text).as_ref(), Ok(name), "{text} is another name");
    }
    let stored = name.stored();
    assert!(stored.tag().is_some() != stored.digest().is_some(), "{stored} is stored with one of tag and digest");
    assert_eq!(stored.stored(), stored);
    let _ = name.matches(pattern);
}
