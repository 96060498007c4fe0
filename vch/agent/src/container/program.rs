//! From a process in its container to the program: user, credentials, working directory, lookup, execve.
//!
//! Words and order are runc's (1.2, init_linux.go) and those of Go's exec.LookPath, since clients read them.

use super::console::Console;
use super::{credentials, setup, user};
use crate::failure::{Explain, Failure, FailureClass, failure, quoted, words};
use crate::init;
use crate::sys::{exec, fork};
use rustix::fs::{Access, AtFlags, CWD, FileType, accessat, stat};
use rustix::io::Errno;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use vch_agent_proto::Process;

/// Executes the program, or the agent's own as its init where `init` names it.
///
/// # Errors
/// Whatever can be found out before execve. What execve itself refuses (a format that the kernel does not know, a
/// missing interpreter) goes to the process's standard error with exit code 255, as under runc.
pub(crate) fn execute(
    process: &Process,
    console: Console,
    channel: &OwnedFd,
    init: Option<BorrowedFd<'_>>,
) -> Result<Infallible, Failure> {
    credentials::limit(process)?;
    let user = user::find(&process.user, &process.groups)?;
    console.give_to(user.uid);
    console.install()?;
    let kept = credentials::bound(process)?;
    let entered = enter(&process.cwd);
    // A directory that only the user may enter is tried again as the user.
    if !matches!(entered, Ok(()) | Err(Errno::ACCESS)) {
        explain_directory(&process.cwd, entered)?;
    }
    credentials::become_user(&user, kept)?;
    if entered.is_err() {
        explain_directory(&process.cwd, enter(&process.cwd))?;
    }

    let environment = environment(&process.env, &user.home)?;
    let arguments: Vec<CString> = process.args.iter().map(|argument| c_string(argument)).collect::<Result<_, _>>()?;
    let name = process.args.first().map_or("", String::as_str);
    if let Some(program) = init {
        let arguments: Vec<CString> = [c_string(init::NAME)?, c_string("--")?].into_iter().chain(arguments).collect();
        return last_step(channel, "docker-init", || exec::execve_descriptor(program, &arguments, &environment));
    }
    let path = look_up(name, &environment)?;
    let c_path = c_string(&path)?;
    last_step(channel, &path, || exec::execve(&c_path, &arguments, &environment))
}

fn last_step(channel: &OwnedFd, path: &str, execve: impl FnOnce() -> Errno) -> Result<Infallible, Failure> {
    exec::close_all_on_exec().explain(FailureClass::Internal, |why| format!("close descriptors: {why}"))?;
    setup::ready(channel)?;
    let error = execve();
    let _ = rustix::io::write(rustix::stdio::stderr(), format!("exec {path}: {}\n", words(error)).as_bytes());
    fork::exit(255)
}

fn enter(cwd: &str) -> Result<(), Errno> {
    rustix::process::chdir(if cwd.is_empty() { "/" } else { cwd })
}

fn explain_directory(cwd: &str, result: Result<(), Errno>) -> Result<(), Failure> {
    result.explain(FailureClass::WorkingDirectory, |why| {
        format!("chdir to cwd ({}) set in config.json failed: {why}", quoted(cwd))
    })
}

/// The environment, a later value of a key in the place of its earlier one, and `HOME` where it is missing or empty.
fn environment(wanted: &[String], home: &str) -> Result<Vec<CString>, Failure> {
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(wanted.len() + 1);
    for pair in wanted {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(failure(FailureClass::Setting, format!("invalid environment variable: {}", quoted(pair))));
        };
        match pairs.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = value,
            None => pairs.push((key, value)),
        }
    }
    match pairs.iter_mut().find(|(key, _)| *key == "HOME") {
        Some((_, value)) if value.is_empty() => *value = home,
        Some(_) => {}
        None => pairs.push(("HOME", home)),
    }
    pairs.into_iter().map(|(key, value)| c_string(&format!("{key}={value}"))).collect()
}

/// Go's exec.LookPath with the process's own `PATH`.
fn look_up(name: &str, environment: &[CString]) -> Result<String, Failure> {
    if name.contains('/') {
        return match check(name) {
            Ok(()) => Ok(name.to_owned()),
            Err((class, what)) => Err(failure(class, format!("exec: {}: {what}", quoted(name)))),
        };
    }
    let path = environment.iter().find_map(|pair| pair.to_bytes().strip_prefix(b"PATH="));
    let path = String::from_utf8_lossy(path.unwrap_or_default()).into_owned();
    for folder in path.split(':').filter(|_| !name.is_empty() && !path.is_empty()) {
        let candidate = match folder {
            "" | "." => format!("./{name}"),
            folder => format!("{}/{name}", folder.trim_end_matches('/')),
        };
        if check(&candidate).is_err() {
            continue;
        }
        if !candidate.starts_with('/') {
            let message = format!("exec: {}: cannot run executable found relative to current directory", quoted(name));
            return Err(failure(FailureClass::ExecutableRefused, message));
        }
        return Ok(candidate);
    }
    let message = format!("exec: {}: executable file not found in $PATH", quoted(name));
    Err(failure(FailureClass::ExecutableNotFound, message))
}

/// Whether the file can be executed by this process; the words are those of Go's findExecutable.
fn check(path: &str) -> Result<(), (FailureClass, String)> {
    use FailureClass::{ExecutableNotFound, ExecutableRefused};
    let stat = stat(path).map_err(|error| {
        let class = if error == Errno::NOENT { ExecutableNotFound } else { ExecutableRefused };
        (class, format!("stat {path}: {}", words(error)))
    })?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err((ExecutableRefused, words(Errno::ISDIR)));
    }
    accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).map_err(|error| (ExecutableRefused, words(error)))
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| failure(FailureClass::Setting, format!("{} has a NUL byte", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn path(value: &str) -> Vec<CString> {
        vec![CString::new(format!("PATH={value}")).unwrap()]
    }

    #[test]
    fn what_is_missing_is_named_as_go_names_it() {
        let failed = look_up("nosuch", &path("/usr/bin:/bin")).unwrap_err();
        assert_eq!(failed.message, r#"exec: "nosuch": executable file not found in $PATH"#);
        assert_eq!(failed.class, FailureClass::ExecutableNotFound);
        let failed = look_up("/nosuch", &[]).unwrap_err();
        assert_eq!(failed.message, r#"exec: "/nosuch": stat /nosuch: no such file or directory"#);
        assert_eq!(failed.class, FailureClass::ExecutableNotFound);
        let failed = look_up("", &path("/bin")).unwrap_err();
        assert_eq!(failed.message, r#"exec: "": executable file not found in $PATH"#);
    }

    #[test]
    fn what_may_not_be_run_is_refused_in_gos_words() {
        let failed = look_up("/etc", &[]).unwrap_err();
        assert_eq!(failed.message, r#"exec: "/etc": is a directory"#);
        assert_eq!(failed.class, FailureClass::ExecutableRefused);
        let failed = look_up("/etc/passwd", &[]).unwrap_err();
        assert_eq!(failed.message, r#"exec: "/etc/passwd": permission denied"#);
        assert_eq!(failed.class, FailureClass::ExecutableRefused);
        let failed = look_up("/etc/passwd/x", &[]).unwrap_err();
        assert_eq!(failed.message, r#"exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory"#);
    }

    #[test]
    fn the_first_folder_that_has_an_executable_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        for (at, mode) in [(&first, 0o644), (&second, 0o755)] {
            std::fs::create_dir(at).unwrap();
            std::fs::write(at.join("tool"), "").unwrap();
            std::fs::set_permissions(at.join("tool"), PermissionsExt::from_mode(mode)).unwrap();
        }
        let search = path(&format!("/nosuch:{}:{}/", first.display(), second.display()));
        assert_eq!(look_up("tool", &search).unwrap(), second.join("tool").display().to_string());
    }

    #[test]
    fn the_environment_keeps_the_last_value_and_gets_a_home() {
        let text = |pairs: &[&str], home| {
            let pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
            environment(&pairs, home).map(|all| all.iter().map(|s| s.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(text(&["A=1", "B=2", "A=3"], "/root").unwrap(), ["A=3", "B=2", "HOME=/root"]);
        assert_eq!(text(&["HOME=/x"], "/root").unwrap(), ["HOME=/x"]);
        assert_eq!(text(&["HOME="], "/root").unwrap(), ["HOME=/root"]);
        assert!(text(&["A"], "/").is_err());
        assert!(text(&["=x"], "/").is_err());
    }
}
