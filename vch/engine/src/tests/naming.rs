//! Names, IDs, lists and events.

use super::{Bench, spec};
use crate::Kind;
use crate::events::Subject;
use crate::filters::Filters;
use crate::requests::{Create, ListContainers, WatchEvents};
use futures_util::StreamExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_container_is_found_by_its_new_name_only() {
    let bench = Bench::new().await;
    let id = bench.create("old", &["true"], |_| {}).await;
    bench.create("other", &["true"], |_| {}).await;
    assert_eq!(bench.engine.rename("old", "other").await.unwrap_err().kind, Kind::Conflict);
    bench.engine.rename("old", "new").await.unwrap();
    assert_eq!(bench.engine.inspect("/new", false).await.unwrap().id, id);
    assert_eq!(bench.engine.inspect("old", false).await.unwrap_err().message, "No such container: old");
    bench.create("old", &["true"], |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_made_up_where_none_is_given() {
    let bench = Bench::new().await;
    let request = Create { name: None, platform: None, spec: spec(&["true"]) };
    let id = bench.engine.create(request).await.unwrap().id;
    assert!(bench.engine.inspect(&id, false).await.unwrap().name.contains('_'));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_newest_first() {
    let bench = Bench::new().await;
    for n in 0..3 {
        let label = |spec: &mut crate::container::spec::ContainerSpec| {
            spec.labels.insert("n".into(), n.to_string());
        };
        bench.create(&format!("c{n}"), &["true"], label).await;
    }
    let list = async |pairs: &[(&str, &str)], limit| {
        let mut filters = Filters::default();
        for (key, value) in pairs {
            filters.0.entry((*key).into()).or_default().insert((*value).into());
        }
        let options = ListContainers { all: true, limit, size: false, filters };
        let names =
            |all: Vec<crate::container::view::ContainerSummary>| all.into_iter().map(|c| c.name).collect::<Vec<_>>();
        bench.engine.list(options).await.map(names)
    };
    assert_eq!(list(&[], None).await.unwrap(), ["c2", "c1", "c0"]);
    assert_eq!(list(&[], Some(1)).await.unwrap(), ["c2"]);
    assert_eq!(list(&[("label", "n=1")], None).await.unwrap(), ["c1"]);
    assert_eq!(list(&[("since", "c0"), ("before", "c2")], None).await.unwrap(), ["c1"]);
    assert_eq!(list(&[("name", "^c[12]$")], None).await.unwrap().len(), 2);
    assert_eq!(list(&[("ancestor", "busybox")], None).await.unwrap().len(), 3);
    assert_eq!(list(&[("status", "running")], None).await.unwrap().len(), 0);
    assert!(list(&[("status", "asleep")], None).await.is_err());
    assert_eq!(list(&[("before", "nobody")], None).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_is_told_in_order() {
    let bench = Bench::new().await;
    let watch = bench.engine.events(WatchEvents::default()).unwrap();
    bench.create("once", &["exit", "4"], |spec| spec.host.auto_remove = true).await;
    bench.engine.start("once").await.unwrap();
    let told: Vec<_> = watch.take(4).collect().await;
    assert!(told.iter().all(|event| event.subject == Subject::Container));
    assert_eq!(
        told.iter().map(|event| event.action.as_str()).collect::<Vec<_>>(),
        ["create", "start", "die", "destroy"]
    );
    assert_eq!(told[2].attributes["exitCode"], "4");
    assert_eq!(told[2].attributes["name"], "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_use_stays() {
    let bench = Bench::new().await;
    bench.create("web", &["true"], |_| {}).await;
    assert_eq!(bench.engine.remove_image("busybox", false, false).await.unwrap_err().kind, Kind::Conflict);
    bench.engine.remove_image("busybox", true, false).await.unwrap();
    assert!(bench.engine.images(true, false, &Filters::default()).await.unwrap().is_empty());
    // Its layers are held by the container, which can still be started.
    bench.engine.start("web").await.unwrap();
    assert_eq!(bench.wait("web").await, 0);
}
