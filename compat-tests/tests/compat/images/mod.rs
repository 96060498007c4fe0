//! Images: how they come in, what is said of them, how they go.

mod archive;
mod commit;
mod inspect;
mod list;
mod prune;
mod pull;
mod push;
mod registry_auth;
mod remote;
mod remove;
mod save;
mod tag;

use vch_compat_tests::image::{CREATED, Image, Layer};
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    [
        archive::tests(),
        commit::tests(),
        inspect::tests(),
        list::tests(),
        prune::tests(),
        pull::tests(),
        push::tests(),
        registry_auth::tests(),
        remote::tests(),
        remove::tests(),
        save::tests(),
        tag::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An image of one test, removed when dropped.
struct Loaded {
    /// Its tag: `compat/NAME:latest`, or empty.
    tag: String,
    /// Its id.
    id: String,
}

impl Loaded {
    /// Loads a small image that nobody else has. It cannot run: it holds one file.
    #[track_caller]
    fn small(prefix: &str) -> Self {
        Self::with(prefix, json!({ "Cmd": ["/true"] }))
    }

    /// A small image with this configuration.
    #[track_caller]
    fn with(prefix: &str, config: Value) -> Self {
        let name = unique(prefix);
        Self::load(&small_image(Some(&format!("compat/{name}:latest")), &name, config))
    }

    /// A small image without a tag.
    #[track_caller]
    fn untagged(prefix: &str, config: Value) -> Self {
        Self::load(&small_image(None, &unique(prefix), config))
    }

    #[track_caller]
    fn load(image: &Image) -> Self {
        image.load();
        Self { tag: image.tag.clone().unwrap_or_default(), id: image.id() }
    }

    /// What inspect says, by id.
    #[track_caller]
    fn inspect(&self) -> Value {
        get(&format!("/images/{}/json", self.id)).expect(200).json()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // Gone already where the test removed it.
        let path = format!("{VERSION}/images/{}?force=1", self.id);
        engine().client.call("DELETE", &path, &[], b"");
    }
}

/// An image of one layer with one file, whose content makes its ids its own.
fn small_image(tag: Option<&str>, content: &str, config: Value) -> Image {
    let layer = Layer::default().file("content", 0o644, content.as_bytes());
    Image { tag: tag.map(str::to_owned), layers: vec![layer.tar()], created: CREATED.into(), config }
}

/// Posts a body that is not JSON.
#[track_caller]
fn post_bytes(path: &str, bytes: &[u8]) -> vch_compat_tests::raw::Reply {
    let headers = [("Content-Type", "application/x-tar")];
    let path = format!("{VERSION}{path}");
    engine().client.call("POST", &path, &headers, bytes)
}

/// Pipes bytes through a program of the machine.
#[track_caller]
fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("starting {program}: {e}"));
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} failed");
    writer.join().unwrap().unwrap();
    output.stdout
}
