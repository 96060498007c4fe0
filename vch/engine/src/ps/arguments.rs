//! ps's options, as procps 4 reads them: which columns are wanted.
//!
//! What chooses processes has no meaning where all of a container's are shown: `-e`, `-A`, `-a`, `-d`, `a` and `x` ask for
//! no less. What would choose fewer, sort or draw a tree is refused, and what ps does not know is refused in its words.

use super::columns::{Column, find, list};
use crate::error::{Error, Result};

/// What dockerd runs ps with where nobody says otherwise.
const DEFAULT: &str = "-ef";

/// procps's long options.
const LONG: &[&str] = &[
    "cols",
    "columns",
    "context",
    "cumulative",
    "date-format",
    "deselect",
    "forest",
    "format",
    "group",
    "Group",
    "heading",
    "headings",
    "headers",
    "help",
    "info",
    "lines",
    "no-heading",
    "no-headings",
    "no-headers",
    "noheading",
    "noheadings",
    "noheaders",
    "pid",
    "ppid",
    "quick-pid",
    "rows",
    "sid",
    "signames",
    "sort",
    "tty",
    "user",
    "User",
    "version",
    "width",
];

/// What was asked for so far.
#[derive(Default)]
struct Asked {
    /// Letters of formats after a dash: `f`, `F`, `l`, `j`, `y`.
    dashed: Vec<char>,
    /// Letters of formats without one: `u`, `j`, `l`.
    bare: Vec<char>,
    /// Words without a dash were there.
    bsd: bool,
    /// Lists of columns.
    columns: Vec<Column>,
}

/// The columns that `arguments` ask for.
///
/// # Errors
/// 500 in ps's and dockerd's words for what ps refuses; not implemented, naming the option, for what it does beyond
/// columns.
pub(crate) fn parse(arguments: &str) -> Result<Vec<Column>> {
    let arguments = if arguments.is_empty() { DEFAULT } else { arguments };
    refuse_false_pids(arguments)?;
    let mut asked = Asked::default();
    let mut words = arguments.split_ascii_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some(option) => long(option, &mut words, &mut asked)?,
            // There is no user x: then ps takes it for what was meant.
            None if word == "-aux" => cluster("aux", false, &mut words, &mut asked)?,
            None => match word.strip_prefix('-') {
                Some(letters) => cluster(letters, true, &mut words, &mut asked)?,
                None => cluster(word, false, &mut words, &mut asked)?,
            },
        }
    }
    columns(asked)
}

/// A title `PID` on another column would have dockerd mix up processes, so it looks for that itself
/// (`validatePSArgs`).
fn refuse_false_pids(arguments: &str) -> Result<()> {
    for word in arguments.split_ascii_whitespace().skip(1) {
        if let Some((column, title)) = word.rfind("=PID").map(|at| (&word[..at], &word[at + 1..]))
            && column != "pid"
        {
            return Err(Error::system(format!("specifying \"{column}={title}\" is not allowed")));
        }
    }
    Ok(())
}

fn long<'a>(option: &str, words: &mut impl Iterator<Item = &'a str>, asked: &mut Asked) -> Result<()> {
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    match name {
        "format" => {
            let value = value
                .or_else(|| words.next())
                .ok_or_else(|| ps("format or sort specification must follow --format"))?;
            asked.columns.extend(list(value)?);
            Ok(())
        }
        // Nothing is cut here.
        "cols" | "columns" | "width" | "lines" | "rows" => {
            let number = value.or_else(|| words.next()).is_some_and(|number| number.parse::<u32>().is_ok());
            if number { Ok(()) } else { Err(ps("number of columns must follow --cols, --width, or --columns")) }
        }
        name if LONG.contains(&name) => Err(unsupported(&format!("--{name}"))),
        _ => Err(ps("unknown gnu long option")),
    }
}

fn cluster<'a>(
    letters: &str,
    dashed: bool,
    words: &mut impl Iterator<Item = &'a str>,
    asked: &mut Asked,
) -> Result<()> {
    asked.bsd |= !dashed;
    for (at, letter) in letters.char_indices() {
        match (dashed, letter) {
            (_, 'w' | 'a') | (true, 'e' | 'A' | 'd') | (false, 'x') => {}
            (true, 'f' | 'F' | 'l' | 'j' | 'y') => asked.dashed.push(letter),
            (false, 'u' | 'j' | 'l') => asked.bare.push(letter),
            (_, 'o') => {
                let rest = letters.get(at + 1..).filter(|rest| !rest.is_empty());
                let value = rest.or_else(|| words.next());
                let none = || ps(&format!("format specification must follow {}o", if dashed { "-" } else { "" }));
                asked.columns.extend(list(value.ok_or_else(none)?)?);
                return Ok(());
            }
            (true, 'x') => return Err(ps("must set personality to get -x option")),
            (
                true,
                'C' | 'G' | 'g' | 'H' | 'L' | 'M' | 'N' | 'O' | 'P' | 'T' | 'U' | 'V' | 'Z' | 'c' | 'm' | 'n' | 'p',
            )
            | (true, 'q' | 's' | 't' | 'u') => return Err(unsupported(&format!("-{letter}"))),
            (
                false,
                'C' | 'H' | 'L' | 'M' | 'N' | 'O' | 'S' | 'T' | 'U' | 'V' | 'W' | 'X' | 'Z' | 'c' | 'e' | 'f' | 'g',
            )
            | (false, 'h' | 'k' | 'm' | 'n' | 'p' | 'q' | 'r' | 's' | 't' | 'v' | '0'..='9') => {
                return Err(unsupported(&letter.to_string()));
            }
            (true, _) => return Err(ps("unsupported SysV option")),
            (false, _) => return Err(ps("unsupported option (BSD syntax)")),
        }
    }
    Ok(())
}

/// The columns of the formats asked for; those of ps's own that cannot be had together, it refuses.
fn columns(asked: Asked) -> Result<Vec<Column>> {
    let Asked { dashed, bare, bsd, columns } = asked;
    let has = |letter| dashed.contains(&letter);
    if (!columns.is_empty()) as u8 + u8::from(dashed.iter().any(|l| *l != 'y')) + u8::from(!bare.is_empty()) > 1
        || bare.windows(2).any(|pair| pair[0] != pair[1])
        || (has('F') && has('j'))
    {
        return Err(ps("conflicting format options"));
    }
    if has('y') && !has('l') {
        return Err(ps("modifier -y without format -l makes no sense"));
    }
    if !columns.is_empty() {
        return Ok(columns);
    }
    let full = has('f') || has('F');
    let wanted = match bare.first() {
        Some('u') => "user pid %cpu %mem vsz rss tname stat bsdstart bsdtime args",
        Some('j') => "ppid pid pgid sid tname tpgid stat uid bsdtime args",
        Some('l') => "f uid pid ppid priority ni vsz rss wchan stat tname bsdtime args",
        _ => match (has('l'), has('j'), full) {
            (true, false, false) if has('y') => "s uid pid ppid c opri ni rss sz wchan tname time ucmd",
            (true, false, false) => "f s uid pid ppid c opri ni addr sz wchan tname time ucmd",
            (true, false, true) => "f s uid_name pid ppid c opri ni addr sz wchan stime tname time cmd",
            (false, true, false) => "pid pgid sid tname time ucmd",
            (false, true, true) => "uid_name pid ppid pgid sid c stime tname time cmd",
            (true, true, _) => return Err(unsupported("-j with -l")),
            (false, false, true) if has('F') => "uid_name pid ppid c sz rss psr stime tname time cmd",
            (false, false, true) => "uid_name pid ppid c stime tname time cmd",
            (false, false, false) if bsd => "pid tname stat bsdtime args",
            (false, false, false) => "pid tname time ucmd",
        },
    };
    // All of these stand in the table: a test sees to it.
    Ok(wanted.split(' ').filter_map(|name| find(name, true)).collect())
}

/// ps's own refusal, as dockerd passes it on.
pub(super) fn ps(words: &str) -> Error {
    Error::system(format!("ps: error: {words}"))
}

fn unsupported(option: &str) -> Error {
    Error::not_implemented(format!(
        "ps option '{option}' is not supported: all processes of the container are listed, by process ID"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn titles(arguments: &str) -> String {
        parse(arguments).unwrap().iter().map(|column| column.title.clone()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn formats_have_the_columns_of_procps() {
        for (arguments, expected) in [
            ("", "UID PID PPID C STIME TTY TIME CMD"),
            ("-e", "PID TTY TIME CMD"),
            ("ax", "PID TTY STAT TIME COMMAND"),
            ("-eF", "UID PID PPID C SZ RSS PSR STIME TTY TIME CMD"),
            ("-el", "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD"),
            ("-ely", "S UID PID PPID C PRI NI RSS SZ WCHAN TTY TIME CMD"),
            ("-elf", "F S UID PID PPID C PRI NI ADDR SZ WCHAN STIME TTY TIME CMD"),
            ("-ej", "PID PGID SID TTY TIME CMD"),
            ("-ejf", "UID PID PPID PGID SID C STIME TTY TIME CMD"),
            ("axj", "PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND"),
            ("axl", "F UID PID PPID PRI NI VSZ RSS WCHAN STAT TTY TIME COMMAND"),
            ("auxww", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("-eopid,cmd", "PID CMD"),
            ("--format pid,comm", "PID COMMAND"),
        ] {
            assert_eq!(titles(arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn what_ps_refuses_is_refused_in_its_words() {
        for (arguments, words) in [
            ("-eo foo", "ps: error: unknown user-defined format specifier \"foo\""),
            ("-eo foo=PID", "specifying \"foo=PID\" is not allowed"),
            ("-eo pid=A,foo=PID", "specifying \"pid=A,foo=PID\" is not allowed"),
            ("--nope", "ps: error: unknown gnu long option"),
            ("-x", "ps: error: must set personality to get -x option"),
            ("-ek", "ps: error: unsupported SysV option"),
            ("aux -ef", "ps: error: conflicting format options"),
            ("ay", "ps: error: unsupported option (BSD syntax)"),
            ("-o", "ps: error: format specification must follow -o"),
        ] {
            let error = parse(arguments).err().unwrap_or_else(|| panic!("{arguments} is taken"));
            assert_eq!((error.kind, error.message.as_str()), (Kind::System, words));
        }
    }

    #[test]
    fn what_does_more_than_columns_is_refused_by_name() {
        for (arguments, option) in [
            ("-u root", "'-u'"),
            ("axf", "'f'"),
            ("--sort pid", "'--sort'"),
            ("-eLf", "'-L'"),
            ("-ejl", "'-j with -l'"),
        ] {
            let error = parse(arguments).err().unwrap_or_else(|| panic!("{arguments} is taken"));
            assert_eq!(error.kind, Kind::NotImplemented);
            assert!(error.message.contains(option), "{}", error.message);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_arguments_make_it_panic(arguments in "[-a-zA-Z,= 0-9é]{0,40}") {
            let _ = parse(&arguments);
        }
    }
}
