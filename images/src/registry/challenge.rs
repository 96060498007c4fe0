//! `WWW-Authenticate`: what a registry wants before it answers (RFC 9110 section 11.6.1, distribution's token scheme).
//!
//! Called by `session.rs` for each 401. Hostile text: bounded by the header's own bound, never panics; what does not parse
//! is no challenge.

use std::collections::HashMap;

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from a token server.
    Bearer(Bearer),
}

/// Where to get a token, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
    /// Why a token that was sent did not do (RFC 6750 section 3.1).
    pub(super) error: Option<String>,
    pub(super) description: Option<String>,
}

/// All challenges of the header values, in order.
pub(super) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    values.flat_map(parse_one).collect()
}

fn parse_one(value: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut rest = value.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (scheme, after) = token(rest);
        if scheme.is_empty() {
            break;
        }
        let (parameters, after) = parameters(after.trim_start());
        challenges.extend(challenge(scheme, parameters));
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    challenges
}

fn challenge(scheme: &str, mut parameters: HashMap<String, String>) -> Option<Challenge> {
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer(Bearer {
            realm: parameters.remove("realm")?,
            service: parameters.remove("service"),
            scope: parameters.remove("scope"),
            error: parameters.remove("error"),
            description: parameters.remove("error_description"),
        })),
        _ => None,
    }
}

/// `name=value` pairs up to the next scheme or the end.
fn parameters(mut rest: &str) -> (HashMap<String, String>, &str) {
    let mut found = HashMap::new();
    loop {
        let (name, after) = token(rest);
        let Some(after) = after.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else {
            return (found, rest);
        };
        let (value, after) = value(after.trim_start());
        found.entry(name.to_ascii_lowercase()).or_insert(value);
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
}

/// A quoted string or a token.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

fn token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
            ..Bearer::default()
        })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let one = |text| parse(std::iter::once(text));
        assert_eq!(one(r#"Basic realm="Registry Realm""#), [Challenge::Basic]);
        assert_eq!(
            one(r#"Bearer realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull,push""#),
            [bearer("https://auth.test/token", Some("reg.test"), Some("repository:a/b:pull,push"))]
        );
        assert_eq!(one(r#"bearer realm="h\"x", Service=s"#), [bearer("h\"x", Some("s"), None)]);
        assert_eq!(
            one(r#"Negotiate, Basic realm="r", Bearer realm="t" , service="s""#),
            [Challenge::Basic, bearer("t", Some("s"), None)]
        );
        assert_eq!(one("Bearer service=x"), []);
        assert_eq!(one("Bearer realm=\"open"), [bearer("open", None, None)]);
        let Challenge::Bearer(refused) =
            &one(r#"Bearer realm="r",error="insufficient_scope",error_description="no""#)[0]
        else {
            panic!("no bearer")
        };
        assert_eq!(
            (refused.error.as_deref(), refused.description.as_deref()),
            (Some("insufficient_scope"), Some("no"))
        );
    }

    proptest! {
        #[test]
        fn no_header_hangs_or_panics(text in "[ -~\\t]{0,200}") {
            parse(std::iter::once(text.as_str()));
        }
    }
}
