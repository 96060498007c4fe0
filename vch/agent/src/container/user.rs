//! `--user` and `--group-add`: names and numbers looked up in the container's `/etc/passwd` and `/etc/group`.
//!
//! Rules and words are those of moby/sys/user (GetExecUser, GetAdditionalGroups), which the daemon and runc use. The files
//! are the container's: read line by line, never opened where they are no regular files.

use crate::failure::{Explain, Failure, FailureClass, failure};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Largest number of a user or group.
const MAX_ID: i64 = (1 << 31) - 1;
/// Largest line that is looked at, in bytes; glibc's own tools give up far earlier.
const MAX_LINE: u64 = 1 << 20;
/// Most that is read of a file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Who a process is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// User.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Supplementary groups, the group itself first.
    pub(crate) groups: Vec<u32>,
    /// Home directory.
    pub(crate) home: String,
}

/// Looks up `user[:group]` and the additional groups.
///
/// # Errors
/// There is no such user or group, or a file cannot be read.
pub(crate) fn find(specification: &str, additional: &[String]) -> Result<User, Failure> {
    lookup(specification, additional, || source("/etc/passwd"), || source("/etc/group"))
}

type Source = Option<Box<dyn Read>>;

fn source(path: &str) -> Result<Source, Failure> {
    let explain = |why: &str| format!("open {path}: {why}");
    match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => {
            let stat = fstat(&file).explain(FailureClass::UnknownUser, explain)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok(Some(Box::new(File::from(file).take(MAX_FILE)))),
                _ => Err(failure(FailureClass::UnknownUser, format!("open {path}: not a regular file"))),
            }
        }
        // Without the file only numbers can be used.
        Err(_) => Ok(None),
    }
}

fn lookup(
    specification: &str,
    additional: &[String],
    passwd: impl Fn() -> Result<Source, Failure>,
    group: impl Fn() -> Result<Source, Failure>,
) -> Result<User, Failure> {
    let mut fields = specification.split(':');
    let (wanted, wanted_group) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    let number: Option<i64> = integer(wanted);
    let mut user = User { uid: 0, gid: 0, groups: Vec::new(), home: "/".to_owned() };

    let mut name = None;
    each_line(passwd()?, |line| {
        let mut fields = line.split(':');
        let entry = (fields.next().unwrap_or(""), fields.nth(1), fields.next(), fields.nth(1));
        let uid = atoi(entry.1);
        let matches = match number {
            _ if wanted.is_empty() => uid == 0,
            Some(number) => uid == number,
            None => entry.0 == wanted,
        };
        if matches {
            // The first match wins.
            user.uid = in_range(uid)?;
            user.gid = in_range(atoi(entry.2))?;
            user.home = entry.3.unwrap_or("").to_owned();
            name = Some(entry.0.to_owned());
        }
        Ok(matches)
    })?;
    match number {
        Some(number) if name.is_none() => user.uid = in_range(number)?,
        None if name.is_none() && !wanted.is_empty() => {
            let message = format!("unable to find user {wanted}: no matching entries in passwd file");
            return Err(failure(FailureClass::UnknownUser, message));
        }
        _ => {}
    }

    let mut member_of = Vec::new();
    if !wanted_group.is_empty() {
        user.gid = find_group(wanted_group, group()?)?;
    } else if let Some(name) = name.filter(|name| !name.is_empty()) {
        each_line(group()?, |line| {
            let mut fields = line.split(':');
            let (gid, members) = (fields.nth(2), fields.next().unwrap_or(""));
            if members.split(',').any(|member| member == name) {
                member_of.push(in_range(atoi(gid))?);
            }
            Ok(false)
        })?;
    }
    for wanted in additional {
        member_of.push(additional_group(wanted, group()?)?);
    }
    user.groups.push(user.gid);
    for group in member_of {
        if !user.groups.contains(&group) {
            user.groups.push(group);
        }
    }
    Ok(user)
}

/// A group that was asked for with the user: a number always means a number.
fn find_group(wanted: &str, source: Source) -> Result<u32, Failure> {
    let number = integer(wanted);
    let found = first_group(source, |name, gid| number.map_or(name == wanted, |number| number == gid))?;
    match (found, number) {
        (Some(gid), _) => Ok(gid),
        (None, Some(number)) => in_range(number),
        (None, None) => {
            let message = format!("unable to find group {wanted}: no matching entries in group file");
            Err(failure(FailureClass::UnknownUser, message))
        }
    }
}

/// A further group: an entry of that name or number, else a number.
fn additional_group(wanted: &str, source: Source) -> Result<u32, Failure> {
    match first_group(source, |name, gid| name == wanted || gid.to_string() == wanted)? {
        Some(gid) => Ok(gid),
        None => match integer(wanted) {
            Some(number) => in_range(number),
            None => {
                let message = format!("unable to find group {wanted}: no matching entries in group file");
                Err(failure(FailureClass::UnknownUser, message))
            }
        },
    }
}

fn first_group(source: Source, matches: impl Fn(&str, i64) -> bool) -> Result<Option<u32>, Failure> {
    let mut found = None;
    each_line(source, |line| {
        let mut fields = line.split(':');
        let (name, gid) = (fields.next().unwrap_or(""), atoi(fields.nth(1)));
        if matches(name, gid) {
            found = Some(in_range(gid)?);
        }
        Ok(found.is_some())
    })?;
    Ok(found)
}

/// Calls `visit` for each line that is not blank, until it answers true.
fn each_line(source: Source, mut visit: impl FnMut(&str) -> Result<bool, Failure>) -> Result<(), Failure> {
    let Some(source) = source else { return Ok(()) };
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line);
        if read.explain(FailureClass::UnknownUser, |why| format!("read user database: {why}"))? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() && visit(text)? {
            return Ok(());
        }
    }
}

/// Go's Atoi: an optional sign and digits.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A number in a file; what is none counts as 0, as in Go's parser.
fn atoi(field: Option<&str>) -> i64 {
    field.and_then(integer).unwrap_or(0)
}

fn in_range(number: i64) -> Result<u32, Failure> {
    match u32::try_from(number) {
        Ok(id) if number <= MAX_ID => Ok(id),
        _ => Err(failure(FailureClass::UnknownUser, format!("uids and gids must be in range 0-{MAX_ID}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n\n  app:x:1000:100:App:/home/app:/bin/sh\nother:x:1000:5::/o:\n42:x:7:8::/n:\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\naudio:x:29:app,other\nvideo:x:44:app\nodd:x:12:root\n";

    fn with(
        specification: &str,
        additional: &[&str],
        passwd: &'static str,
        group: &'static str,
    ) -> Result<User, Failure> {
        let additional: Vec<String> = additional.iter().map(|&name| name.to_owned()).collect();
        let text = |text: &'static str| move || Ok(Some(Box::new(text.as_bytes()) as Box<dyn Read>));
        lookup(specification, &additional, text(passwd), text(group))
    }

    fn user(specification: &str) -> (u32, u32, Vec<u32>, String) {
        let user = with(specification, &[], PASSWD, GROUP).unwrap();
        (user.uid, user.gid, user.groups, user.home)
    }

    #[test]
    fn names_and_numbers_as_docker_takes_them() {
        assert_eq!(user(""), (0, 0, vec![0, 12], "/root".into()));
        assert_eq!(user("root"), (0, 0, vec![0, 12], "/root".into()));
        assert_eq!(user("app"), (1000, 100, vec![100, 29, 44], "/home/app".into()));
        assert_eq!(user("1000"), (1000, 100, vec![100, 29, 44], "/home/app".into()), "the first entry of a number");
        assert_eq!(user("other"), (1000, 5, vec![5, 29], "/o".into()));
        assert_eq!(user("42"), (42, 0, vec![0], "/".into()), "a number is never a name");
        assert_eq!(user("4711"), (4711, 0, vec![0], "/".into()));
        assert_eq!(user("app:audio"), (1000, 29, vec![29], "/home/app".into()), "an explicit group stands alone");
        assert_eq!(user("4711:4712"), (4711, 4712, vec![4712], "/".into()));
        assert_eq!(user(":video"), (0, 44, vec![44], "/root".into()));
    }

    #[test]
    fn who_is_not_there_is_named() {
        let message = |specification| with(specification, &[], PASSWD, GROUP).unwrap_err().message;
        assert_eq!(message("ghost"), "unable to find user ghost: no matching entries in passwd file");
        assert_eq!(message("app:ghosts"), "unable to find group ghosts: no matching entries in group file");
        assert_eq!(message("-1"), "uids and gids must be in range 0-2147483647");
        assert_eq!(message("2147483648"), "uids and gids must be in range 0-2147483647");
        assert_eq!(message("0:4294967295"), "uids and gids must be in range 0-2147483647");
    }

    #[test]
    fn additional_groups_are_added_once() {
        let user = with("app", &["audio", "video", "777", "29"], PASSWD, GROUP).unwrap();
        assert_eq!(user.groups, [100, 29, 44, 777]);
        let failed = with("app", &["nosuch"], PASSWD, GROUP).unwrap_err();
        assert_eq!(failed.message, "unable to find group nosuch: no matching entries in group file");
        assert_eq!(failed.class, FailureClass::UnknownUser);
    }

    #[test]
    fn without_the_files_numbers_still_work() {
        let none = || Ok(None);
        assert_eq!(lookup("12:34", &[], none, none).unwrap().groups, [34]);
        assert_eq!(lookup("", &[], none, none).unwrap().home, "/");
        assert!(lookup("app", &[], none, none).is_err());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(passwd in ".{0,200}", group in "[a-z0-9:,\n]{0,200}", specification in "[a-z0-9:-]{0,12}") {
            let text = |text: String| move || Ok(Some(Box::new(std::io::Cursor::new(text.clone().into_bytes())) as Box<dyn Read>));
            let _ = lookup(&specification, &["7".into(), "x".into()], text(passwd), text(group));
        }
    }
}
