//! Shell-like patterns on familiar names, for the `reference=` filter (distribution/reference `FamiliarMatch`).
//!
//! The pattern language is that of Go's `path.Match`: `*` and `?` stop at slashes, `[a-z]` and `[^a]` are classes, a
//! backslash quotes. Called by the engine's filters.

use super::Reference;

/// A pattern that is not well formed, in Go's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

impl Reference {
    /// Whether a pattern fits the familiar reference, or the familiar name alone.
    ///
    /// # Errors
    /// [`BadPattern`] when the pattern itself is wrong.
    pub fn matches(&self, pattern: &str) -> Result<bool, BadPattern> {
        let pattern = compile(pattern)?;
        Ok(fits(&pattern, &self.familiar()) || fits(&pattern, &self.familiar_name()))
    }
}

enum Piece {
    Any,
    Star,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

fn compile(pattern: &str) -> Result<Vec<Piece>, BadPattern> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Star,
            '?' => Piece::Any,
            '\\' => Piece::One(chars.next().ok_or(BadPattern)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if chars.peek() == Some(&']') && !ranges.is_empty() {
                        chars.next();
                        break;
                    }
                    let low = class_char(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { low };
                    ranges.push((low, high));
                }
                Piece::Class { negated, ranges }
            }
            other => Piece::One(other),
        });
    }
    Ok(pieces)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next().ok_or(BadPattern)? {
        '\\' => chars.next().ok_or(BadPattern),
        '-' | ']' => Err(BadPattern),
        other => Ok(other),
    }
}

/// Linear in pattern times text: only the last star is ever tried again.
fn fits(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(Piece::Star) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            None => t == text.len(),
            Some(piece) => text.get(t).is_some_and(|c| piece.fits(*c)),
        };
        if step {
            if pattern.get(p).is_none() {
                return true;
            }
            (p, t) = (p + 1, t + 1);
            continue;
        }
        match star {
            Some((at, from)) if text.get(from).is_some_and(|c| *c != '/') => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            _ => return false,
        }
    }
}

impl Piece {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Any => c != '/',
            Self::Star => false,
            Self::One(one) => *one == c,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_path_match_has_it() {
        let reference = Reference::parse("user/app:v1.2").unwrap();
        for (pattern, expected) in [
            ("user/app", Ok(true)),
            ("user/app:v1.2", Ok(true)),
            ("user/*", Ok(true)),
            ("*/*:v?.2", Ok(true)),
            ("*", Ok(false)),
            ("user/a[a-p]p", Ok(true)),
            ("user/a[^p]p", Ok(false)),
            ("us\\er/app", Ok(true)),
            ("*app*", Ok(false)),
            ("*/*p*p*", Ok(true)),
            ("docker.io/user/app", Ok(false)),
            ("", Ok(false)),
            ("[", Err(BadPattern)),
            ("[]a]", Err(BadPattern)),
            ("[-]", Err(BadPattern)),
            ("a\\", Err(BadPattern)),
        ] {
            assert_eq!(reference.matches(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let reference = Reference::parse(&format!("user/{}", "a".repeat(250))).unwrap();
        assert_eq!(reference.matches(&format!("user/{}b", "a*".repeat(100))), Ok(false));
    }
}
