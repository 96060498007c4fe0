//! The verbs on images, against dockerd's rules and words.

use crate::archive::tests::load;
use crate::image::{Removal, RemoveOptions, RemoveOutcome, Usage};
use crate::testing::image::{Format, TestImage, tar};
use crate::testing::{store, tree};
use crate::{ImageError, ImageId, Reference, Store};

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

async fn loaded(store: &Store, content: &str, tags: &[&str]) -> ImageId {
    let image = TestImage::new(vec![tar(&[("base", b"base")]), tar(&[("f", content.as_bytes())])], Format::DockerGzip);
    load(store, &image.docker_archive(tags)).await.unwrap();
    image.id()
}

async fn remove(store: &Store, name: &str, force: bool, usage: Usage) -> Result<RemoveOutcome, ImageError> {
    let options = RemoveOptions { force, ..RemoveOptions::default() };
    store.remove(name, options, move |_| usage.clone()).await
}

fn shown(outcome: &RemoveOutcome) -> Vec<String> {
    let show = |removal: &Removal| match removal {
        Removal::Untagged(name, _) => format!("untagged {name}"),
        Removal::Image(id) => format!("image {}", id.short()),
        Removal::Layer(_) => "layer".to_owned(),
    };
    outcome.removals.iter().map(show).collect()
}

fn running() -> Usage {
    Usage { running: Some("c0ffeec0ffeec0ffee".into()), stopped: None }
}

fn stopped() -> Usage {
    Usage { running: None, stopped: Some("deadbeefdeadbeefdead".into()) }
}

#[tokio::test]
async fn names_and_prefixes_lead_to_images() {
    let (_root, store) = store().await;
    let id = loaded(&store, "x", &["app:v1", "app:latest"]).await;
    let hex = id.digest().hex();
    let by = |name: &str| store.resolve(name).map(|image| image.id.clone());
    for name in ["app", "app:v1", "docker.io/library/app:latest", hex, &hex[..12], &hex[..5]] {
        assert_eq!(by(name).unwrap(), id, "{name}");
    }
    assert_eq!(by(&id.to_string()).unwrap(), id);
    assert_eq!(by(&format!("sha256:{}", &hex[..8])).unwrap(), id);
    let words = |name: &str| by(name).unwrap_err().to_string();
    assert_eq!(words("nope"), "No such image: nope:latest");
    assert_eq!(words("app:v2"), "No such image: app:v2");
    assert_eq!(words("reg.test/a/b"), "No such image: reg.test/a/b:latest");
    let unknown = "f".repeat(64);
    assert_eq!(words(&unknown), format!("No such image: sha256:{unknown}"));
    assert_eq!(words("App"), "invalid reference format: repository name (library/App) must be lowercase");
}

#[tokio::test]
async fn a_prefix_of_two_images_means_neither() {
    let (_root, store) = store().await;
    let mut ids = Vec::new();
    // Seventeen identifiers cannot all begin with different digits.
    for n in 0..17 {
        ids.push(loaded(&store, &n.to_string(), &[]).await);
    }
    let shared = ('0'..='9')
        .chain('a'..='f')
        .find(|digit| ids.iter().filter(|id| id.digest().hex().starts_with(*digit)).count() > 1)
        .unwrap();
    assert!(matches!(store.resolve(&shared.to_string()), Err(ImageError::NoSuchImage(_))));
}

#[tokio::test]
async fn inspect_list_and_history_tell_names_and_sizes() {
    let (_root, store) = store().await;
    let id = loaded(&store, "hello", &["b:1", "a:1"]).await;
    let inspect = store.inspect("a:1").unwrap();
    assert_eq!(inspect.repo_tags, ["a:1", "b:1"]);
    assert!(inspect.repo_digests.is_empty());
    assert!(inspect.image.last_tagged.is_some());
    assert_eq!(inspect.image.size, 9, "bytes of base and hello");
    let list = store.list();
    assert_eq!((list.len(), list[0].repo_tags(), list[0].is_dangling()), (1, vec!["a:1".into(), "b:1".into()], false));
    let history = store.history("a:1").unwrap();
    assert_eq!(history.iter().map(|h| h.created_by.as_str()).collect::<Vec<_>>(), ["step 1", "step 0"]);
    assert_eq!((history[0].id.as_ref(), history[0].size, history[1].size), (Some(&id), 5, 4));
    assert_eq!(history[0].tags, ["a:1", "b:1"]);
    assert_eq!(history[1].id, None);
}

#[tokio::test]
async fn tags_move_and_some_are_refused() {
    let (_root, store) = store().await;
    let (one, two) = (loaded(&store, "1", &["one:latest"]).await, loaded(&store, "2", &["two:latest"]).await);
    store.tag(&one, &reference("both")).await.unwrap();
    store.tag(&two, &reference("both:latest")).await.unwrap();
    assert_eq!(store.resolve("both").unwrap().id, two);
    let digest = format!("x@sha256:{}", "a".repeat(64));
    let words = |result: Result<(), ImageError>| result.unwrap_err().to_string();
    assert_eq!(words(store.tag(&one, &reference(&digest)).await), "refusing to create a tag with a digest reference");
    assert_eq!(
        words(store.tag(&one, &reference("sha256:x")).await),
        "refusing to create an ambiguous tag using digest algorithm as name"
    );
    let unknown: ImageId = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert!(matches!(store.tag(&unknown, &reference("x")).await, Err(ImageError::NoSuchImage(_))));
}

#[tokio::test]
async fn a_name_goes_and_the_image_with_the_last_of_them() {
    let (root, store) = store().await;
    let before = tree(root.path());
    let id = loaded(&store, "x", &["app:v1", "app:v2"]).await;
    let outcome = remove(&store, "app:v1", false, Usage::default()).await.unwrap();
    assert_eq!(shown(&outcome), ["untagged app:v1"]);
    assert_eq!(outcome.freed, 0);
    let outcome = remove(&store, "app:v2", false, Usage::default()).await.unwrap();
    assert_eq!(shown(&outcome), ["untagged app:v2", &format!("image {}", id.short()), "layer", "layer"]);
    assert!(outcome.freed > 0);
    assert_eq!(tree(root.path()), before);
    assert_eq!(
        remove(&store, "app:v2", false, Usage::default()).await.unwrap_err().to_string(),
        "No such image: app:v2"
    );
}

#[tokio::test]
async fn by_identifier_names_of_one_repository_go_and_of_two_need_force() {
    let (_root, store) = store().await;
    let id = loaded(&store, "x", &["app:v1", "other:v1"]).await;
    let conflict = remove(&store, id.short(), false, Usage::default()).await.unwrap_err();
    assert_eq!(
        conflict.to_string(),
        format!(
            "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
            id.short()
        )
    );
    let outcome = remove(&store, id.short(), true, Usage::default()).await.unwrap();
    assert_eq!(
        shown(&outcome),
        ["untagged app:v1", "untagged other:v1", &format!("image {}", id.short()), "layer", "layer"]
    );
    let id = loaded(&store, "x", &["app:v1"]).await;
    let outcome = remove(&store, &id.to_string(), false, Usage::default()).await.unwrap();
    assert_eq!(shown(&outcome)[0], "untagged app:v1");
    assert!(store.list().is_empty());
}

#[tokio::test]
async fn containers_hold_their_image_as_dockerd_has_it() {
    let (_root, store) = store().await;
    let id = loaded(&store, "x", &["app:v1"]).await;
    let words = |result: Result<RemoveOutcome, ImageError>| result.unwrap_err().to_string();
    let short = id.short();
    assert_eq!(
        words(remove(&store, "app:v1", false, stopped()).await),
        format!(
            "conflict: unable to remove repository reference \"app:v1\" (must force) - container deadbeefdead is using \
             its referenced image {short}"
        )
    );
    assert_eq!(
        words(remove(&store, short, false, stopped()).await),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container deadbeefdead"
        )
    );
    assert_eq!(
        words(remove(&store, short, true, running()).await),
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container c0ffeec0ffee"
        )
    );
    // Two names: one of them may go whoever uses the image.
    store.tag(&id, &reference("app:v2")).await.unwrap();
    assert_eq!(shown(&remove(&store, "app:v2", false, running()).await.unwrap()), ["untagged app:v2"]);
    // By name and with force, the image of a running container only loses its name.
    assert_eq!(shown(&remove(&store, "app:v1", true, running()).await.unwrap()), ["untagged app:v1"]);
    assert!(store.list()[0].is_dangling());
    let outcome = remove(&store, short, true, stopped()).await.unwrap();
    assert_eq!(shown(&outcome)[0], format!("image {short}"));
}

#[tokio::test]
async fn only_unshared_layers_are_deleted() {
    let (root, store) = store().await;
    loaded(&store, "1", &["one:latest"]).await;
    let before = tree(root.path());
    loaded(&store, "2", &["two:latest"]).await;
    let outcome = remove(&store, "two", false, Usage::default()).await.unwrap();
    assert_eq!(shown(&outcome).iter().filter(|line| *line == "layer").count(), 1);
    assert_eq!(tree(root.path()), before);
}
