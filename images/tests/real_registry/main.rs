//! Pulling from Debian's `docker-registry`, filled by `skopeo`, over HTTP and HTTPS, with and without a password.
//!
//! Needs the packages docker-registry, skopeo and openssl; a test fails with a sentence where one is missing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod peer;

use peer::{Peer, Setup, digest_of, openssl, skopeo, skopeo_fails};
use tokio::sync::mpsc;
use vch_images::archive::ImportRequest;
use vch_images::image::RunConfig;
use vch_images::pull::{PullOutcome, PullRequest};
use vch_images::registry::Credentials;
use vch_images::{Class, ImageError, Reference, Store, StoreOptions};

const USER: &str = "user";
const PASSWORD: &str = "secret word";

async fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { certificates: None, ..StoreOptions::default() };
    let store = Store::open(root.path(), options).await.unwrap();
    (root, store)
}

async fn pull(store: &Store, name: &str, credentials: Option<Credentials>) -> Result<PullOutcome, ImageError> {
    let (sender, mut progress) = mpsc::channel(16);
    let heard = tokio::spawn(async move { while progress.recv().await.is_some() {} });
    let reference = Reference::parse(name).unwrap();
    let request = PullRequest { reference, all_tags: false, platform: None, credentials };
    let outcome = store.pull(request, sender).await;
    heard.await.unwrap();
    outcome
}

/// A file system of a few hundred files, as a tar.
fn root_fs() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for n in 0..300u32 {
        let content = format!("file {n}\n").repeat(200 + n as usize);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        builder.append_data(&mut header, format!("usr/share/doc/{n}/readme"), content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// An archive of one image, `app:v1`, as our own save writes it.
async fn archive(dir: &std::path::Path) -> std::path::PathBuf {
    let (_root, store) = store().await;
    let reference = Some("app:v1".parse().unwrap());
    let config = RunConfig { cmd: Some(vec!["/bin/true".into()]), ..RunConfig::default() };
    let request = ImportRequest { config, message: "test".into(), reference, platform: None };
    store.import(&root_fs()[..], request).await.unwrap();
    let mut chunks = store.save(&["app:v1".to_owned()], None).await.unwrap().chunks;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    let path = dir.join("app.tar");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_pushed_by_skopeo_are_pulled_with_the_same_digests() {
    let peer = Peer::start(Setup::default());
    let archive = archive(peer.dir()).await;
    let docker = format!("docker-archive:{}:app:v1", archive.display());
    let layout = format!("oci-archive:{}:v1", archive.display());
    let formats: [(&str, &str, &[&str]); 4] = [
        ("v2s2", &docker, &["--format", "v2s2"]),
        ("oci", &layout, &["--format", "oci"]),
        ("zstd", &layout, &["--format", "oci", "--dest-compress-format", "zstd", "--dest-compress"]),
        ("plain", &layout, &["--format", "oci", "--dest-decompress"]),
    ];
    for (tag, source, options) in formats {
        let name = format!("{}/team/app:{tag}", peer.host());
        let target = format!("docker://{name}");
        let mut arguments = vec!["copy", "--dest-tls-verify=false"];
        arguments.extend(options);
        arguments.extend([source, target.as_str()]);
        skopeo(&arguments);
        let (root, store) = store().await;
        let outcome = pull(&store, &name, None).await.unwrap();
        assert_eq!(outcome.pulled[0].digest.to_string(), digest_of(&target), "{tag}");
        let image = store.resolve(&name).unwrap();
        assert_eq!(image.config.config.cmd.as_deref(), Some(&["/bin/true".to_owned()][..]), "{tag}");
        let prepared = store.prepare(&image.id).await.unwrap();
        assert_eq!((prepared.layers, prepared.vmdk.starts_with(root.path())), (1, true), "{tag}");
        // By digest, it is the same image and nothing is fetched.
        let by_digest = format!("{}/team/app@{}", peer.host(), outcome.pulled[0].digest);
        assert!(!pull(&store, &by_digest, None).await.unwrap().newer, "{tag}");
        let missing = pull(&store, &format!("{}/team/app:nope", peer.host()), None).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("manifest for {}/team/app:nope not found: manifest unknown: manifest unknown", peer.host())
        );
    }
    let unknown = pull(&store().await.1, &format!("{}/no/such", peer.host()), None).await.unwrap_err();
    assert_eq!(unknown.class(), Class::NotFound, "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_skopeo_writes_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(dir.path()).await;
    let source = format!("docker-archive:{}", archive.display());
    for (target, expected) in
        [("docker-archive", "Loaded image: other:v2\n"), ("oci-archive", "Loaded image: other:v2\n")]
    {
        let path = dir.path().join(target);
        skopeo(&["copy", &source, &format!("{target}:{}:other:v2", path.display())]);
        let (_root, store) = store().await;
        let (sender, _progress) = mpsc::channel(64);
        let loaded = store.load(tokio::fs::File::open(&path).await.unwrap(), None, sender).await.unwrap();
        assert_eq!(loaded[0].messages().concat(), expected, "{target}");
        assert_eq!(store.resolve("other:v2").unwrap().layers.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_and_a_password_are_no_hindrance() {
    let peer = Peer::start(Setup { tls: true, password: true });
    let archive = archive(peer.dir()).await;
    let name = format!("{}/app:v1", peer.host());
    let (source, target) = (format!("docker-archive:{}", archive.display()), format!("docker://{name}"));
    let login = format!("{USER}:{PASSWORD}");
    skopeo(&["copy", "--dest-tls-verify=false", "--dest-creds", &login, &source, &target]);
    let (_root, store) = store().await;
    let good = Credentials { username: USER.into(), password: PASSWORD.into(), ..Credentials::default() };
    let bad = Credentials { password: "guess".into(), ..good.clone() };
    assert_eq!(store.login(peer.host(), &good).await.unwrap().status, "Login Succeeded");
    assert_eq!(store.login(peer.host(), &bad).await.unwrap_err().class(), Class::Unauthorized);
    let error = pull(&store, &name, None).await.unwrap_err();
    assert!(error.to_string().ends_with("no basic auth credentials"), "{error}");
    let error = pull(&store, &name, Some(bad)).await.unwrap_err();
    assert_eq!(
        (error.class(), error.to_string().as_str()),
        (Class::Unauthorized, "unauthorized: authentication required")
    );
    assert!(pull(&store, &name, Some(good)).await.unwrap().newer);
}

#[test]
fn the_peers_are_there() {
    // The sentences of a missing package are worth more than a failed unwrap.
    assert!(!openssl(&["version"]).is_empty());
    assert!(skopeo_fails(&["inspect", "docker-archive:/nonexistent"]));
}
