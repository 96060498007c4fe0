//! An HTTP/1.1 server that answers from a table and fails on demand: breaks off, stands still, lies, redirects.
//!
//! Written by hand, since no honest server library lets a test break a body off at the byte it wants.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// What goes wrong with one answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This answer instead.
    Instead(Answer),
    /// The connection closes after so many bytes of the body.
    BreakAfter(usize),
    /// The connection stands still after so many bytes of the body.
    StallAfter(usize),
    /// The whole body, whatever range was asked for.
    IgnoreRange,
    /// The connection closes without an answer.
    HangUp,
}

type Answers = dyn Fn(&Seen) -> Answer + Send + Sync;

/// What the tests turn.
#[derive(Default)]
pub(crate) struct Controls {
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    /// Paths that wait for a permit before they answer.
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    busy: Mutex<(usize, usize)>,
}

/// A running server; its tasks end with the runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    controls: Arc<Controls>,
}

impl Server {
    /// Serves on a loopback port.
    pub(crate) async fn start(answers: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (controls, answers): (Arc<Controls>, Arc<Answers>) = (Arc::default(), Arc::new(answers));
        let server = Self { host, controls: controls.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (controls, answers) = (controls.clone(), answers.clone());
                tokio::spawn(async move { serve(stream, &controls, &*answers).await });
            }
        });
        server
    }

    /// Makes the next answers for a path go wrong, one after the other.
    pub(crate) fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.controls.faults.lock().unwrap().entry(path.to_owned()).or_default().extend(faults);
    }

    /// Makes a path wait until its gate has permits.
    pub(crate) fn gate(&self, path: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.controls.gates.lock().unwrap().insert(path.to_owned(), gate.clone());
        gate
    }

    /// The requests whose path contains this, in order.
    pub(crate) fn seen(&self, part: &str) -> Vec<Seen> {
        self.controls.seen.lock().unwrap().iter().filter(|seen| seen.path.contains(part)).cloned().collect()
    }

    /// How many blobs are being served now, and at most so far.
    pub(crate) fn busy(&self) -> (usize, usize) {
        *self.controls.busy.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, controls: &Controls, answers: &Answers) -> Option<()> {
    let seen = read_request(&mut stream).await?;
    controls.seen.lock().unwrap().push(seen.clone());
    let is_blob = seen.path.contains("/blobs/");
    if is_blob {
        let mut busy = controls.busy.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
    }
    let gate = controls.gates.lock().unwrap().get(&seen.path).cloned();
    if let Some(gate) = gate {
        let _ = gate.acquire().await;
    }
    let fault = controls.faults.lock().unwrap().get_mut(&seen.path).and_then(VecDeque::pop_front);
    if matches!(fault, Some(Fault::HangUp)) {
        if is_blob {
            controls.busy.lock().unwrap().0 -= 1;
        }
        return None;
    }
    let mut answer = match &fault {
        Some(Fault::Instead(answer)) => answer.clone(),
        _ => answers(&seen),
    };
    if !matches!(fault, Some(Fault::IgnoreRange)) {
        answer = ranged(answer, seen.headers.get("range"));
    }
    let cut = match fault {
        Some(Fault::BreakAfter(n) | Fault::StallAfter(n)) => n.min(answer.body.len()),
        _ => answer.body.len(),
    };
    let mut head =
        format!("HTTP/1.1 {} Status\r\nContent-Length: {}\r\nConnection: close\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let sent = async {
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(&answer.body[..cut]).await.ok()?;
        if matches!(fault, Some(Fault::StallAfter(_))) {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        stream.shutdown().await.ok()
    };
    sent.await;
    if is_blob {
        controls.busy.lock().unwrap().0 -= 1;
    }
    Some(())
}

/// The part of a body that a range asks for.
fn ranged(answer: Answer, range: Option<&String>) -> Answer {
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let Some(from) = from.filter(|from| answer.status == 200 && *from < answer.body.len()) else { return answer };
    let total = answer.body.len();
    Answer { status: 206, body: answer.body[from..].to_vec(), headers: answer.headers }
        .header("Content-Range", format!("bytes {from}-{}/{total}", total - 1))
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.ok()?;
        // A TLS greeting, from a client that tries https first.
        if n == 0 || bytes.len() > 65_536 || (bytes.is_empty() && buffer[0] == 0x16) {
            return None;
        }
        bytes.extend_from_slice(&buffer[..n]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.ok()?;
        if n == 0 {
            return None;
        }
        body.extend_from_slice(&buffer[..n]);
    }
    Some(Seen {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    })
}
