//! The `docker` program under a real terminal.
//!
//! Used by the tests of `-t`. The program leads a session of its own on the slave side (`setsid --ctty`), so that a
//! change of size reaches it as SIGWINCH, as in a terminal window.

use crate::cli;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// A running `docker` and the terminal it sits at.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    child: Child,
    seen: Arc<Mutex<Vec<u8>>>,
    /// How much of `seen` earlier calls of `expect` have passed.
    passed: usize,
}

impl Terminal {
    /// Starts `docker ARGUMENTS` at a terminal of 24 rows and 80 columns.
    #[track_caller]
    pub fn docker(arguments: &[&str]) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", "docker"]).args(arguments);
        for (name, value) in cli::environment() {
            command.env(name, value);
        }
        command.env("TERM", "xterm").stdin(stream()).stdout(stream()).stderr(stream());
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        resize(&master, 24, 80);
        let child = command.spawn().unwrap();
        drop(slave);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The read fails with EIO once the last slave is closed.
            while let Ok(n) = reader.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..n]);
                if n == 0 {
                    break;
                }
            }
        });
        Self { master, child, seen, passed: 0 }
    }

    /// Types.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// Waits until `text` appears after what earlier calls saw; gives what stood before it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let seen = self.seen.lock().unwrap().clone();
            let rest = &seen[self.passed..];
            if let Some(at) = rest.windows(text.len()).position(|w| w == text.as_bytes()) {
                let before = String::from_utf8_lossy(&rest[..at]).into_owned();
                self.passed += at + text.len();
                return before;
            }
            assert!(
                Instant::now() < end,
                "{text:?} did not appear; the terminal shows {:?}",
                String::from_utf8_lossy(rest)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Changes the size of the terminal.
    #[track_caller]
    pub fn resize(&self, rows: u16, columns: u16) {
        resize(&self.master, rows, columns);
    }

    /// Waits for the program to end; its exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> i32 {
        cli::exit_code(&mut self.child, &["(at a terminal)"])
    }
}

#[track_caller]
fn resize(master: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).unwrap();
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Closing the master hangs the terminal up; the program ends by that, or is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
