//! `docker-init`: the small init that `--init` puts in front of a container's process.
//!
//! The agent's own program, executed under that name as PID 1 of the container's process namespace, after namespaces,
//! user and capabilities are set. It starts the process, passes every signal on to it, reaps whatever is orphaned, and
//! ends as the process ended. Behaviour, words and exit codes are tini's (0.19, which Docker ships).

use crate::failure::words;
use crate::sys::{exec, fork, signals};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The name by which this mode is asked for, and seen in the container's process list.
pub(crate) const NAME: &str = "/sbin/docker-init";

/// Whether this process was executed as a container's init.
pub(crate) fn is_wanted() -> bool {
    std::env::args_os().next().is_some_and(|name| name.as_bytes() == NAME.as_bytes())
}

/// Runs the process and everything after it; never returns.
pub(crate) fn run() -> ! {
    // Executed by descriptor, the kernel has named this process after the descriptor's number.
    let _ = rustix::thread::set_name(c"docker-init");
    let arguments: Vec<CString> =
        std::env::args_os().skip(2).filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
    signals::block_all();
    match fork::fork(0, None) {
        Ok(fork::Forked::Child) => become_process(&arguments),
        Ok(fork::Forked::Parent { pid, .. }) => fork::exit(watch(pid)),
        Err(error) => {
            complain(&format!("fork failed: {}", words(error)));
            fork::exit(1)
        }
    }
}

fn become_process(arguments: &[CString]) -> ! {
    // A group of its own, in front where there is a terminal: what tini does for job control.
    let _ = rustix::process::setpgid(None, None);
    let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), rustix::process::getpgrp());
    signals::reset();
    let error = execute(arguments);
    let name = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let text = std::io::Error::from(error).to_string();
    let text = text.rsplit_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    complain(&format!("exec {name} failed: {text}"));
    fork::exit(match error {
        Errno::NOENT => 127,
        Errno::ACCESS => 126,
        _ => 1,
    })
}

/// execvp(3): with a slash the name is a path, without one `PATH` is searched.
fn execute(arguments: &[CString]) -> Errno {
    let Some(name) = arguments.first() else { return Errno::NOENT };
    let environment: Vec<CString> = std::env::vars_os()
        .filter_map(|(key, value)| CString::new([key.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .collect();
    if name.as_bytes().contains(&b'/') {
        return exec::execve(name, arguments, &environment);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    let mut refused = Errno::NOENT;
    for folder in path.as_bytes().split(|&byte| byte == b':') {
        let folder = if folder.is_empty() { b".".as_slice() } else { folder };
        let Ok(candidate) = CString::new([folder, b"/", name.as_bytes()].concat()) else { continue };
        match exec::execve(&candidate, arguments, &environment) {
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => refused = Errno::ACCESS,
            error => return error,
        }
    }
    refused
}

/// Passes signals on and reaps, until the process has ended; returns the code to end with.
fn watch(process: Pid) -> i32 {
    loop {
        match signals::next() {
            Some(libc::SIGCHLD) => {
                if let Some(code) = reap(process) {
                    return code;
                }
            }
            Some(signal) => signals::send_to_child(process, signal),
            None => {}
        }
    }
}

fn reap(process: Pid) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == process {
            code = Some(exit_code(status));
        }
    }
    code
}

fn exit_code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(1)
}

fn complain(message: &str) {
    let line = format!("[FATAL tini ({})] {message}\n", rustix::process::getpid().as_raw_nonzero());
    // Nobody is left to tell where standard error is closed.
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}
