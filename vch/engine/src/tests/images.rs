//! Image verbs that a client watches.

use super::Bench;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A docker-archive of one image without layers, named `tiny`.
fn archive() -> BoxStream<'static, std::io::Result<Bytes>> {
    let config =
        br#"{"architecture":"amd64","os":"linux","config":{"Cmd":["true"]},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let name = format!("{}.json", hex::encode(Sha256::digest(config)));
    let manifest = format!(r#"[{{"Config":"{name}","RepoTags":["tiny:latest"],"Layers":[]}}]"#);
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [(name.as_str(), &config[..]), ("manifest.json", manifest.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content).unwrap();
    }
    futures_util::stream::iter([Ok(Bytes::from(tar.into_inner().unwrap()))]).boxed()
}

/// A quiet load waited for ever for the end of messages that nobody sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_ends_quiet_or_not() {
    let bench = Bench::new().await;
    for quiet in [true, false] {
        let loading = async {
            let messages = bench.engine.load(quiet, None, archive()).await.unwrap();
            messages.map(Result::unwrap).filter_map(async |message| message.stream).collect::<Vec<_>>().await
        };
        let told = tokio::time::timeout(Duration::from_secs(30), loading).await.unwrap();
        assert_eq!(told, ["Loaded image: tiny:latest\n"]);
    }
}
