//! Calls with JSON in and out, and a container that is removed when the test lets go of it.
//!
//! Used by nearly every test. Paths get the prefix [`VERSION`] unless they carry one.

use crate::engine::engine;
use crate::frames::{self, Output};
use crate::image::BUSYBOX;
use crate::raw::{Body, Head, Live, Reply};
use serde_json::{Value, json};

/// The API version of plain calls: the newest one that every engine under test speaks.
pub const VERSION: &str = "/v1.41";

fn versioned(path: &str) -> String {
    let prefixed = path.strip_prefix("/v").is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    if prefixed { path.to_owned() } else { format!("{VERSION}{path}") }
}

/// Sends a request, with JSON where there is some, and leaves the body to be read.
#[track_caller]
pub fn open(method: &str, path: &str, body: Option<&Value>) -> Live {
    let path = versioned(path);
    match body {
        Some(json) => {
            let headers = [("Content-Type", "application/json")];
            let bytes = json.to_string();
            engine().client.open(method, &path, &headers, bytes.as_bytes())
        }
        None => engine().client.open(method, &path, &[], b""),
    }
}

/// GET, to the end of the body.
#[track_caller]
pub fn get(path: &str) -> Reply {
    open("GET", path, None).finish()
}

/// POST without a body.
#[track_caller]
pub fn post(path: &str) -> Reply {
    open("POST", path, None).finish()
}

/// POST of JSON.
#[track_caller]
pub fn post_json(path: &str, body: &Value) -> Reply {
    open("POST", path, Some(body)).finish()
}

/// DELETE.
#[track_caller]
pub fn delete(path: &str) -> Reply {
    open("DELETE", path, None).finish()
}

/// Percent-encodes a query value.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char);
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

/// `filters=…` as a query, in the list form.
pub fn filters(of: &Value) -> String {
    format!("filters={}", encode(&of.to_string()))
}

impl Reply {
    /// Checks the status and gives the reply back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.head.status == status, "status {} where {status} was due: {}", self.head.status, self.text());
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(e) => panic!("not JSON ({e}): {}", self.text()),
        }
    }

    /// The body as a stream of JSON objects.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let values = serde_json::Deserializer::from_slice(&self.body).into_iter();
        match values.collect() {
            Ok(values) => values,
            Err(e) => panic!("not a stream of JSON ({e}): {}", self.text()),
        }
    }

    /// Checks an error: its status, that it is JSON with a message and nothing else, and what the message says.
    /// Capital letters are not compared: dockerd changed them over the years.
    #[track_caller]
    pub fn refuses(self, status: u16, words: &str) -> Self {
        let reply = self.expect(status);
        let json = reply.json();
        let message = json["message"].as_str().unwrap_or_default();
        assert!(message.to_lowercase().contains(&words.to_lowercase()), "the message {message:?} lacks {words:?}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "an error has a message and no more: {json}");
        reply
    }
}

/// A container of one test, removed with force when dropped.
#[derive(Debug)]
pub struct Container {
    /// Its full id.
    pub id: String,
}

impl Container {
    /// Creates a container from a create body; `Image` is [`BUSYBOX`] where the body has none.
    #[track_caller]
    pub fn create(body: Value) -> Self {
        Self::create_as("/containers/create", body)
    }

    /// Creates a container by a path of the test's own, for a name or a version.
    #[track_caller]
    pub fn create_as(path: &str, mut body: Value) -> Self {
        if body.get("Image").is_none() {
            body["Image"] = json!(BUSYBOX);
        }
        let reply = post_json(path, &body).expect(201);
        let id = reply.json()["Id"].as_str().unwrap().to_owned();
        Self { id }
    }

    /// A container that runs a script of the shell.
    #[track_caller]
    pub fn sh(script: &str) -> Self {
        Self::create(json!({ "Cmd": ["sh", "-c", script] }))
    }

    /// A started container that does nothing until it is stopped, and stops at once when told to.
    #[track_caller]
    pub fn idle() -> Self {
        let container = Self::sh("trap 'exit 0' TERM; sleep 100000 & echo ready; wait");
        container.start();
        container.until_logged("ready");
        container
    }

    /// Takes charge of a container that something else made.
    pub fn adopt(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }

    /// `/containers/ID` and the rest of a path.
    pub fn path(&self, rest: &str) -> String {
        format!("/containers/{}{rest}", self.id)
    }

    /// POST to a path below the container.
    #[track_caller]
    pub fn post(&self, rest: &str) -> Reply {
        post(&self.path(rest))
    }

    /// Starts it.
    #[track_caller]
    pub fn start(&self) {
        self.post("/start").expect(204);
    }

    /// Waits until it does not run; its exit code.
    #[track_caller]
    pub fn wait(&self) -> i64 {
        let reply = self.post("/wait").expect(200).json();
        reply["StatusCode"].as_i64().unwrap()
    }

    /// Starts it, waits for its end, and gives exit code and output.
    #[track_caller]
    pub fn run(&self) -> (i64, Output) {
        self.start();
        let code = self.wait();
        (code, self.logs())
    }

    /// What it wrote so far, by stream. Not for containers with a terminal.
    #[track_caller]
    pub fn logs(&self) -> Output {
        let reply = get(&self.path("/logs?stdout=1&stderr=1")).expect(200);
        frames::all(&mut &reply.body[..])
    }

    /// Waits until its output holds `text`.
    #[track_caller]
    pub fn until_logged(&self, text: &str) {
        let mut live = open("GET", &self.path("/logs?stdout=1&stderr=1&follow=1"), None);
        frames::until(&mut live.body, text);
    }

    /// What inspect says.
    #[track_caller]
    pub fn inspect(&self) -> Value {
        get(&self.path("/json")).expect(200).json()
    }

    /// Attaches by upgrade; the query without its question mark.
    #[track_caller]
    pub fn attach(&self, query: &str) -> (Head, Body) {
        let path = format!("{VERSION}{}", self.path(&format!("/attach?{query}")));
        engine().client.upgrade(&path, b"")
    }

    /// Makes an exec and gives its id.
    #[track_caller]
    pub fn exec(&self, body: &Value) -> String {
        let reply = post_json(&self.path("/exec"), body).expect(201);
        reply.json()["Id"].as_str().unwrap().to_owned()
    }

    /// Runs a script by exec and gives exit code and output.
    #[track_caller]
    pub fn exec_sh(&self, script: &str) -> (i64, Output) {
        let id = self.exec(&json!({
            "AttachStdout": true, "AttachStderr": true, "Cmd": ["sh", "-c", script],
        }));
        let (_, mut body) = exec_start(&id, &json!({ "Detach": false, "Tty": false }));
        let output = frames::all(&mut body);
        let state = get(&format!("/exec/{id}/json")).expect(200).json();
        assert_eq!(state["Running"], false, "{state}");
        (state["ExitCode"].as_i64().unwrap(), output)
    }
}

/// Starts an exec by upgrade.
#[track_caller]
pub fn exec_start(id: &str, body: &Value) -> (Head, Body) {
    let path = format!("{VERSION}/exec/{id}/start");
    engine().client.upgrade(&path, body.to_string().as_bytes())
}

impl Drop for Container {
    fn drop(&mut self) {
        // A test that fails here fails already; one that passed has removed it or leaves it to us.
        let path = format!("{VERSION}{}", self.path("?force=1&v=1"));
        let socket = engine().client.clone();
        let call = move || socket.call("DELETE", &path, &[], b"").head.status;
        if std::panic::catch_unwind(call).is_err() && !std::thread::panicking() {
            panic!("removing container {} had no reply", self.id);
        }
    }
}
