//! The bus and its filters.

use super::*;

fn event(subject: Subject, action: &str, pairs: &[(&str, &str)]) -> Event {
    Event {
        subject,
        action: action.into(),
        id: "abcdef".into(),
        attributes: pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        time: Timestamp::now(),
    }
}

#[test]
fn filters_match_as_dockers_do() {
    let die = event(Subject::Container, "die", &[("name", "web"), ("image", "busybox:1"), ("tier", "front")]);
    for (key, value) in [
        ("type", "container"),
        ("event", "die"),
        ("container", "web"),
        ("container", "/web"),
        ("container", "abc"),
        ("image", "busybox"),
        ("image", "busybox:1"),
        ("label", "tier"),
        ("label", "tier=front"),
        ("scope", "local"),
    ] {
        assert!(die.passes(&Filters::of(&[(key, value)])), "{key}={value}");
    }
    for (key, value) in
        [("type", "image"), ("event", "start"), ("container", "we"), ("image", "alpine"), ("label", "tier=back")]
    {
        assert!(!die.passes(&Filters::of(&[(key, value)])), "{key}={value}");
    }
    assert!(event(Subject::Container, "exec_create: sh", &[]).passes(&Filters::of(&[("event", "exec_create")])));
}

#[tokio::test]
async fn a_watcher_gets_the_past_once_and_then_what_comes() {
    let bus = Bus::default();
    bus.tell(Subject::Image, "pull", "one", BTreeMap::new());
    let mut watch = bus.watch(WatchEvents { since: Some(Timestamp(1)), ..Default::default() });
    bus.tell(Subject::Image, "tag", "two", BTreeMap::new());
    assert_eq!(watch.next().await.unwrap().action, "pull");
    assert_eq!(watch.next().await.unwrap().action, "tag");
}

#[tokio::test]
async fn a_past_until_ends_the_watch() {
    let bus = Bus::default();
    bus.tell(Subject::Image, "pull", "one", BTreeMap::new());
    let now = Timestamp::now();
    let watch = bus.watch(WatchEvents { since: Some(Timestamp(1)), until: Some(now), ..Default::default() });
    assert_eq!(watch.count().await, 1);
}
