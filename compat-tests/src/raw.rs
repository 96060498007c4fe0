//! A small HTTP/1.1 client over a unix socket that hides nothing: headers as they came, bodies as they flow,
//! connections handed over on upgrade, and requests as broken as a test wants them.
//!
//! Used by the tests that look at framing, and by [`crate::api`] for plain calls. One connection a request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long a single read may stand still before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Client {
    /// Path of the unix socket.
    pub socket: PathBuf,
}

/// Status line and headers of a reply.
#[derive(Debug, Clone)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// The words after it.
    pub reason: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A reply whose body has been read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line and headers.
    pub head: Head,
    /// The body, with chunking taken off.
    pub body: Vec<u8>,
}

/// A reply whose body is still to come.
#[derive(Debug)]
pub struct Live {
    /// Status line and headers.
    pub head: Head,
    /// The body as it arrives.
    pub body: Body,
}

#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked { left: u64, done: bool },
    ToEnd,
}

/// A body being read; the connection below it once upgraded.
#[derive(Debug)]
pub struct Body {
    wire: BufReader<UnixStream>,
    framing: Framing,
}

impl Client {
    /// Opens a connection.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = match UnixStream::connect(&self.socket) {
            Ok(stream) => stream,
            Err(e) => panic!("connecting to {}: {e}", self.socket.display()),
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request with a body of known length and reads the reply's head.
    #[track_caller]
    pub fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Live {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n");
        let has = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !has("connection") {
            text += "Connection: close\r\n";
        }
        if !has("content-length") && !has("transfer-encoding") && method != "GET" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = self.connect();
        // An engine may answer and close before it has read everything; the answer is what counts.
        let sent = stream.write_all(&bytes);
        match receive(stream, method) {
            Ok(live) => live,
            Err(e) => panic!("{method} {path}: no reply: {e} (sending: {sent:?})"),
        }
    }

    /// Sends a request and reads the whole reply.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.open(method, path, headers, body).finish()
    }

    /// Asks for the connection itself, as attach and exec start do, and expects to get it.
    #[track_caller]
    pub fn upgrade(&self, path: &str, body: &[u8]) -> (Head, Body) {
        let headers = [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json")];
        let live = self.open("POST", path, &headers, body);
        if live.head.status != 101 {
            let reply = live.finish();
            panic!("no upgrade: {} {}", reply.head.status, reply.text());
        }
        (live.head, live.body)
    }
}

/// Reads a reply's head from `stream`. `method` decides whether a body can follow.
///
/// # Errors
/// Those of the socket, and `InvalidData` for what is not HTTP.
pub fn receive(stream: UnixStream, method: &str) -> io::Result<Live> {
    let mut wire = BufReader::new(stream);
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let line = read_line(&mut wire)?;
    let mut words = line.splitn(3, ' ');
    let status = match (words.next(), words.next().map(str::parse::<u16>)) {
        (Some("HTTP/1.1" | "HTTP/1.0"), Some(Ok(status))) => status,
        _ => return Err(bad(format!("status line {line:?}"))),
    };
    let reason = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut wire)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("header {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let head = Head { status, reason, headers };
    let chunked = head.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    let framing = if method == "HEAD" || matches!(status, 204 | 304) {
        Framing::Length(0)
    } else if chunked {
        Framing::Chunked { left: 0, done: false }
    } else if let (Some(length), true) = (head.header("content-length"), status != 101) {
        Framing::Length(length.parse().map_err(|_| bad(format!("length {length:?}")))?)
    } else {
        Framing::ToEnd
    };
    Ok(Live { head, body: Body { wire, framing } })
}

fn read_line(wire: &mut BufReader<UnixStream>) -> io::Result<String> {
    let mut line = Vec::new();
    wire.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed inside a line"));
    }
    let text = String::from_utf8(line).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl Live {
    /// Reads the body to its end.
    #[track_caller]
    pub fn finish(mut self) -> Reply {
        let mut body = Vec::new();
        if let Err(e) = self.body.read_to_end(&mut body) {
            panic!("reading the body after {} bytes: {e}", body.len());
        }
        Reply { head: self.head, body }
    }
}

impl Body {
    /// The connection below, to write on.
    pub fn wire(&mut self) -> &mut UnixStream {
        self.wire.get_mut()
    }

    /// Writes to the engine: standard input of what is attached.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) {
        if let Err(e) = self.wire.get_mut().write_all(bytes) {
            panic!("writing to an upgraded connection: {e}");
        }
    }

    /// Ends the writing side and leaves the reading side open.
    #[track_caller]
    pub fn close_write(&mut self) {
        self.wire.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one line of a stream of lines; `None` at the end.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.read(&mut byte) {
                Ok(0) if line.is_empty() => return None,
                Ok(0) => break,
                Ok(_) if byte[0] == b'\n' => break,
                Ok(_) => line.push(byte[0]),
                Err(e) => panic!("reading a line: {e}"),
            }
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Whether nothing arrives for `quiet`: neither bytes nor the end.
    pub fn is_silent_for(&mut self, quiet: Duration) -> bool {
        self.wire.get_ref().set_read_timeout(Some(quiet)).unwrap();
        let silent = match self.wire.fill_buf() {
            Ok(_) => false,
            Err(e) => matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        };
        self.wire.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.framing {
            Framing::ToEnd => self.wire.read(into),
            Framing::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(into.len());
                if most == 0 {
                    // An empty read of a buffered reader would still ask the socket for more.
                    return Ok(0);
                }
                let n = self.wire.read(&mut into[..most])?;
                if n == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= n as u64;
                Ok(n)
            }
            Framing::Chunked { done: true, .. } => Ok(0),
            Framing::Chunked { left, done } => {
                if *left == 0 {
                    let line = read_line(&mut self.wire)?;
                    *left = u64::from_str_radix(line.trim(), 16)
                        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                    if *left == 0 {
                        *done = true;
                        read_line(&mut self.wire)?;
                        return Ok(0);
                    }
                }
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(into.len());
                let n = self.wire.read(&mut into[..most])?;
                if n == 0 && most > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= n as u64;
                if *left == 0 {
                    // The chunk's closing line end, now: what is left in the buffer is then more to read.
                    read_line(&mut self.wire)?;
                }
                Ok(n)
            }
        }
    }
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
