//! Containers that join the namespaces of another: one machine, lives of their own.

use super::Bench;
use crate::Kind;
use crate::container::spec::ContainerSpec;

fn pid_of(name: &str) -> impl FnOnce(&mut ContainerSpec) {
    let mode = format!("container:{name}");
    move |spec| spec.host.pid_mode = mode
}

fn network_of(name: &str) -> impl FnOnce(&mut ContainerSpec) {
    let mode = format!("container:{name}");
    move |spec| spec.host.network_mode = mode
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_come_and_go_and_the_last_one_ends_the_machine() {
    let bench = Bench::new().await;
    let donor = bench.run("donor", &["sleep", "600"], |_| {}).await;
    for round in 0..3 {
        let guest = bench.run(&format!("short{round}"), &["echo", "hi"], pid_of("donor")).await;
        assert_eq!(bench.wait(&guest).await, 0);
        assert_eq!(bench.log(&guest).await, "hi\n");
        bench.engine.start(&guest).await.unwrap();
        assert_eq!(bench.wait(&guest).await, 0);
    }
    assert_eq!(bench.machines(), 1);
    let view = bench.engine.inspect("short0", false).await.unwrap();
    assert_eq!(view.spec.host.pid_mode, format!("container:{donor}"));
    let lasting = bench.run("lasting", &["sleep", "600"], network_of("donor")).await;
    assert_eq!(bench.machines(), 1);
    let hostname = bench.engine.inspect("lasting", false).await.unwrap().spec.hostname.clone();
    assert_eq!(hostname, donor[..12]);

    bench.engine.pause("donor").await.unwrap();
    let meanwhile = bench.run("meanwhile", &["echo", "hi"], network_of("donor")).await;
    assert_eq!(bench.wait(&meanwhile).await, 0, "who is not paused runs");
    bench.engine.unpause("donor").await.unwrap();
    bench.engine.kill(&donor, None).await.unwrap();
    bench.wait(&donor).await;
    assert_eq!(bench.machines(), 1, "the network lives on with who joined it");
    assert!(bench.engine.inspect(&lasting, false).await.unwrap().state.status.is_running());
    bench.engine.pause(&lasting).await.unwrap();
    bench.engine.unpause(&lasting).await.unwrap();

    bench.engine.start(&donor).await.unwrap();
    assert_eq!(bench.machines(), 2, "a donor that starts again has a machine of its own");
    for id in [&lasting, &donor] {
        bench.engine.kill(id, None).await.unwrap();
        bench.wait(id).await;
        // Behind the machine's end, which comes after the container's.
        bench.engine.remove(id, Default::default()).await.unwrap();
    }
    assert_eq!(bench.machines(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_joined_is_told_in_dockers_words() {
    let bench = Bench::new().await;
    let donor = bench.create("donor", &["sleep", "600"], |_| {}).await;
    bench.create("guest-a", &["true"], network_of("donor")).await;
    bench.create("guest-b", &["true"], pid_of("donor")).await;
    bench.create("guest-c", &["true"], |spec| spec.host.ipc_mode = "container:donor".into()).await;
    bench.create("guest-d", &["true"], network_of("nobody")).await;
    let refusal = async |name: &str| bench.engine.start(name).await.unwrap_err();
    for (name, kind, words) in [
        ("guest-a", Kind::Conflict, format!("cannot join network of a non running container: {donor}")),
        ("guest-b", Kind::System, format!("container {donor} is not running")),
        ("guest-c", Kind::System, format!("can't join IPC of container {donor}: container {donor} is not running")),
        ("guest-d", Kind::NotFound, "No such container: nobody".into()),
    ] {
        let refused = refusal(name).await;
        assert_eq!((refused.kind, refused.message), (kind, words));
    }
    bench.engine.start(&donor).await.unwrap();
    let refused = refusal("guest-c").await;
    assert_eq!(
        refused.message,
        format!(
            "can't join IPC of container {donor}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
        )
    );
    bench.run("other", &["sleep", "600"], |_| {}).await;
    let both = |spec: &mut ContainerSpec| {
        pid_of("donor")(spec);
        network_of("other")(spec);
    };
    bench.create("guest-e", &["true"], both).await;
    let refused = refusal("guest-e").await;
    assert!(refused.message.contains("different microVMs"), "{refused}");
    assert_eq!(bench.machines(), 2);
}
