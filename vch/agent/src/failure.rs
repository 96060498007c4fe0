//! Failures as the host is told them: a class and a sentence in runc's words.

use rustix::io::Errno;
pub(crate) use vch_agent_proto::{Failure, FailureClass};

/// Longest message sent, in bytes.
const MAX_MESSAGE: usize = 4096;

/// A failure of `class`; an over-long message is cut.
pub(crate) fn failure(class: FailureClass, message: impl Into<String>) -> Failure {
    let mut message = message.into();
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        message.truncate(end);
    }
    Failure { class, message }
}

/// Turns a kernel error into a [`Failure`] that names what was tried.
pub(crate) trait Explain<T> {
    /// `what` gets the error's words, as Go prints them.
    fn explain(self, class: FailureClass, what: impl FnOnce(&str) -> String) -> Result<T, Failure>;
}

impl<T> Explain<T> for Result<T, Errno> {
    fn explain(self, class: FailureClass, what: impl FnOnce(&str) -> String) -> Result<T, Failure> {
        self.map_err(|error| failure(class, what(&words(error))))
    }
}

impl<T> Explain<T> for Result<T, std::io::Error> {
    fn explain(self, class: FailureClass, what: impl FnOnce(&str) -> String) -> Result<T, Failure> {
        self.map_err(|error| match error.raw_os_error() {
            Some(number) => failure(class, what(&words(Errno::from_raw_os_error(number)))),
            None => failure(class, what(&error.to_string())),
        })
    }
}

/// An error's words as Go (so runc and Docker) prints them: the C library's, in lower case.
pub(crate) fn words(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    let text = text.rsplit_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    text.to_ascii_lowercase()
}

/// A string as Go's `%q` writes it, for the plain cases that file names and programs have.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a line for whoever reads the machine's console. For failures only: a serial console is slow.
pub(crate) fn report(message: &str) {
    // A console that cannot be written leaves nobody to tell.
    let _ = rustix::io::write(rustix::stdio::stderr(), format!("vch-agent: {message}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_go_prints_them() {
        for (error, expected) in [
            (Errno::NOENT, "no such file or directory"),
            (Errno::NOEXEC, "exec format error"),
            (Errno::ISDIR, "is a directory"),
            (Errno::ACCESS, "permission denied"),
            (Errno::NOTDIR, "not a directory"),
            (Errno::PERM, "operation not permitted"),
            (Errno::TOOBIG, "argument list too long"),
            (Errno::IO, "input/output error"),
        ] {
            assert_eq!(words(error), expected);
        }
    }

    #[test]
    fn quoting_escapes_what_would_end_the_string() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}"), r#""a\"b\\c\nd\x01""#);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = failure(FailureClass::Internal, "é".repeat(4000)).message;
        assert!(message.len() <= MAX_MESSAGE && message.ends_with('é'));
    }
}
