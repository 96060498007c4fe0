//! ps's columns: names, titles, and how their cells are written (procps `src/ps/output.c`, `format_array`).

use super::arguments::ps;
use super::cells::{self, Row};
use crate::error::Result;

/// A column that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its title.
    pub(crate) title: String,
    /// Writes a cell.
    pub(crate) cell: fn(&Row<'_>) -> String,
}

type Known = (&'static str, &'static str, fn(&Row<'_>) -> String);

/// Names, titles, cells. Those at the end are of ps's own formats and cannot be asked for.
#[rustfmt::skip]
const KNOWN: &[Known] = &[
    ("pid", "PID", |r| r.process.pid.to_string()),
    ("tgid", "TGID", |r| r.process.pid.to_string()),
    ("ppid", "PPID", |r| r.process.parent.to_string()),
    ("pgid", "PGID", |r| r.process.group.to_string()),
    ("pgrp", "PGRP", |r| r.process.group.to_string()),
    ("sid", "SID", |r| r.process.session.to_string()),
    ("sess", "SESS", |r| r.process.session.to_string()),
    ("session", "SESS", |r| r.process.session.to_string()),
    ("tpgid", "TPGID", |r| r.process.foreground.to_string()),
    ("user", "USER", |r| cells::owner(r.process.users[1])),
    ("euser", "EUSER", |r| cells::owner(r.process.users[1])),
    ("uname", "USER", |r| cells::owner(r.process.users[1])),
    ("ruser", "RUSER", |r| cells::owner(r.process.users[0])),
    ("suser", "SUSER", |r| cells::owner(r.process.users[2])),
    ("fuser", "FUSER", |r| cells::owner(r.process.users[3])),
    ("group", "GROUP", |r| cells::owner(r.process.groups[1])),
    ("egroup", "EGROUP", |r| cells::owner(r.process.groups[1])),
    ("rgroup", "RGROUP", |r| cells::owner(r.process.groups[0])),
    ("uid", "UID", |r| r.process.users[1].to_string()),
    ("euid", "EUID", |r| r.process.users[1].to_string()),
    ("ruid", "RUID", |r| r.process.users[0].to_string()),
    ("suid", "SUID", |r| r.process.users[2].to_string()),
    ("fuid", "FUID", |r| r.process.users[3].to_string()),
    ("gid", "GID", |r| r.process.groups[1].to_string()),
    ("egid", "EGID", |r| r.process.groups[1].to_string()),
    ("rgid", "RGID", |r| r.process.groups[0].to_string()),
    ("c", "C", cells::busy_share),
    ("%cpu", "%CPU", cells::cpu_share),
    ("pcpu", "%CPU", cells::cpu_share),
    ("%mem", "%MEM", cells::memory_share),
    ("pmem", "%MEM", cells::memory_share),
    ("vsz", "VSZ", |r| (r.process.virtual_bytes / 1024).to_string()),
    ("vsize", "VSZ", |r| (r.process.virtual_bytes / 1024).to_string()),
    ("rss", "RSS", |r| (r.process.resident_bytes / 1024).to_string()),
    ("rssize", "RSS", |r| (r.process.resident_bytes / 1024).to_string()),
    ("rsz", "RSZ", |r| (r.process.resident_bytes / 1024).to_string()),
    ("sz", "SZ", |r| (r.process.virtual_bytes / 4096).to_string()),
    ("tty", "TT", cells::terminal),
    ("tt", "TT", cells::terminal),
    ("tname", "TTY", cells::terminal),
    ("stat", "STAT", cells::full_state),
    ("s", "S", |r| r.process.state.to_string()),
    ("state", "S", |r| r.process.state.to_string()),
    ("f", "F", cells::flags),
    ("flag", "F", cells::flags),
    ("flags", "F", cells::flags),
    ("ni", "NI", |r| r.process.nice.to_string()),
    ("nice", "NI", |r| r.process.nice.to_string()),
    ("pri", "PRI", |r| (39 - i64::from(r.process.priority)).to_string()),
    ("opri", "PRI", |r| (60 + i64::from(r.process.priority)).to_string()),
    ("priority", "PRI", |r| r.process.priority.to_string()),
    ("psr", "PSR", |r| r.process.processor.to_string()),
    ("nlwp", "NLWP", |r| r.process.threads.to_string()),
    ("thcount", "THCNT", |r| r.process.threads.to_string()),
    ("wchan", "WCHAN", cells::waits_in),
    ("addr", "ADDR", |_| "-".to_owned()),
    ("time", "TIME", cells::time),
    ("cputime", "TIME", cells::time),
    ("times", "TIME", |r| r.worked_seconds().to_string()),
    ("cputimes", "TIME", |r| r.worked_seconds().to_string()),
    ("bsdtime", "TIME", cells::bsd_time),
    ("etime", "ELAPSED", cells::elapsed),
    ("etimes", "ELAPSED", |r| r.age_seconds().to_string()),
    ("stime", "STIME", cells::day_or_time),
    ("start_time", "START", cells::day_or_time),
    ("bsdstart", "START", cells::bsd_start),
    ("start", "STARTED", cells::start),
    ("lstart", "STARTED", cells::long_start),
    ("comm", "COMMAND", cells::name),
    ("ucmd", "CMD", cells::name),
    ("ucomm", "COMMAND", cells::name),
    ("args", "COMMAND", cells::command),
    ("command", "COMMAND", cells::command),
    ("cmd", "CMD", cells::command),
    ("uid_name", "UID", |r| cells::owner(r.process.users[1])),
];

/// A column by its name; `own` for those of ps's own formats too.
pub(super) fn find(name: &str, own: bool) -> Option<Column> {
    let (_, title, cell) = KNOWN.iter().find(|(known, _, _)| *known == name && (own || name != "uid_name"))?;
    Some(Column { title: (*title).to_owned(), cell: *cell })
}

/// A list such as `pid,ppid=PARENT`. A title given takes the rest of the word, commas and all, as with ps.
///
/// # Errors
/// A column that is not known, in ps's words.
pub(super) fn list(text: &str) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([',', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let unknown = || ps(&format!("unknown user-defined format specifier \"{name}\""));
        let mut column = find(name, false).ok_or_else(unknown)?;
        rest = match after.strip_prefix('=') {
            Some(title) => {
                // procps ends a title at a comma where what follows is a column again.
                let end = title.match_indices(',').map(|(at, _)| at).find(|at| begins_with_column(&title[at + 1..]));
                let (title, rest) = title.split_at(end.unwrap_or(title.len()));
                column.title = title.to_owned();
                rest.strip_prefix(',').unwrap_or_default()
            }
            None => after.strip_prefix(',').unwrap_or_default(),
        };
        columns.push(column);
    }
    if columns.is_empty() { Err(ps("improper format list")) } else { Ok(columns) }
}

fn begins_with_column(text: &str) -> bool {
    find(&text[..text.find([',', '=']).unwrap_or(text.len())], false).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(text: &str) -> Vec<String> {
        list(text).unwrap().into_iter().map(|column| column.title).collect()
    }

    #[test]
    fn lists_name_columns_and_titles() {
        assert_eq!(titles("pid,comm"), ["PID", "COMMAND"]);
        assert_eq!(titles("pid=PID,comm=NAME"), ["PID", "NAME"]);
        assert_eq!(titles("pid,comm=A, B"), ["PID", "A, B"]);
        let error = list("pid,uid_name").unwrap_err();
        assert_eq!(error.message, "ps: error: unknown user-defined format specifier \"uid_name\"");
        assert!(list("").is_err() && list(",").is_err());
    }
}
