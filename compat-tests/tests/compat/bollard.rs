//! A typed client of another make: what it decodes has the shape that Docker's own definition gives.

use bollard::Docker;
use bollard::body_full;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerStateStatusEnum, ContainerUpdateBody, ExecConfig, HostConfig,
};
use bollard::query_parameters as query;
use futures_util::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::future::Future;
use vch_compat_tests::image::Layer;
use vch_compat_tests::prelude::*;
use vch_compat_tests::registry::Registry;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        system_calls_decode,
        images_decode,
        a_whole_life,
        attach_exec_and_errors,
        events_decode,
        files_go_in_and_out,
        changes_and_export_decode,
        push_is_told_and_usage_decodes,
        what_runs_is_watched_and_changed,
        a_commit_is_saved_and_loaded,
    ]
}

fn with_client<T>(what: impl AsyncFnOnce(Docker) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let path = engine().client.socket.display().to_string();
        let client = Docker::connect_with_unix(&path, 90, bollard::API_DEFAULT_VERSION).unwrap();
        let client = client.negotiate_version().await.unwrap();
        in_time(what(client)).await
    })
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), what).await.expect("in time")
}

fn system_calls_decode() {
    with_client(async |docker| {
        assert_eq!(docker.ping().await.unwrap(), "OK");
        let version = docker.version().await.unwrap();
        let info = docker.info().await.unwrap();
        assert_eq!(info.server_version, version.version);
        assert_eq!(info.os_type.as_deref(), Some("linux"));
    });
}

fn images_decode() {
    with_client(async |docker| {
        let filters = HashMap::from([("reference".to_owned(), vec![BUSYBOX.to_owned()])]);
        let options = query::ListImagesOptionsBuilder::default().filters(&filters).build();
        let images = docker.list_images(Some(options)).await.unwrap();
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].repo_tags, [BUSYBOX]);
        let image = docker.inspect_image(BUSYBOX).await.unwrap();
        assert_eq!(image.id.as_deref(), Some(images[0].id.as_str()));
        let history = docker.image_history(BUSYBOX).await.unwrap();
        assert_eq!(history.len(), 1);
        let missing = docker.inspect_image("compat/nope").await.unwrap_err();
        assert!(missing.to_string().contains("No such image: compat/nope:latest"), "{missing}");
    });
}

fn body(script: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(BUSYBOX.into()),
        cmd: Some(vec!["sh".into(), "-c".into(), script.into()]),
        host_config: Some(HostConfig { memory: Some(64 << 20), init: Some(true), ..Default::default() }),
        ..Default::default()
    }
}

fn a_whole_life() {
    with_client(async |docker| {
        let name = unique("bollard");
        let options = query::CreateContainerOptionsBuilder::default().name(&name).build();
        let made = docker.create_container(Some(options), body("echo out; echo err >&2; exit 3")).await.unwrap();
        let guard = Container::adopt(&made.id);
        docker.start_container(&name, None::<query::StartContainerOptions>).await.unwrap();
        let waited: Result<Vec<_>, _> =
            docker.wait_container(&name, None::<query::WaitContainerOptions>).try_collect().await;
        match waited {
            Err(bollard::errors::Error::DockerContainerWaitError { code, .. }) => assert_eq!(code, 3),
            other => panic!("{other:?}"),
        }
        let options = query::LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let logs: Vec<LogOutput> = docker.logs(&name, Some(options)).try_collect().await.unwrap();
        let mut shown: Vec<String> = logs.iter().map(ToString::to_string).collect();
        shown.sort();
        assert_eq!(shown, ["err\n", "out\n"]);
        let inspected = docker.inspect_container(&name, None::<query::InspectContainerOptions>).await.unwrap();
        let state = inspected.state.unwrap();
        assert_eq!(state.status, Some(ContainerStateStatusEnum::EXITED));
        assert_eq!(state.exit_code, Some(3));
        let filters = HashMap::from([("name".to_owned(), vec![name.clone()])]);
        let options = query::ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = docker.list_containers(Some(options)).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id.as_deref(), Some(made.id.as_str()));
        docker.remove_container(&name, None::<query::RemoveContainerOptions>).await.unwrap();
        drop(guard);
    });
}

fn attach_exec_and_errors() {
    with_client(async |docker| {
        let mut config = body("read line; echo got $line; sleep 1000");
        config.open_stdin = Some(true);
        let made = docker.create_container(None::<query::CreateContainerOptions>, config).await.unwrap();
        let _guard = Container::adopt(&made.id);
        let options = query::AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stream(true).build();
        let mut attached = docker.attach_container(&made.id, Some(options)).await.unwrap();
        docker.start_container(&made.id, None::<query::StartContainerOptions>).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut attached.input, b"words\n").await.unwrap();
        let said = attached.output.next().await.unwrap().unwrap();
        assert_eq!(said.to_string(), "got words\n");
        let exec = ExecConfig {
            attach_stdout: Some(true),
            cmd: Some(vec!["sh".into(), "-c".into(), "echo inside; exit 4".into()]),
            ..Default::default()
        };
        let exec = docker.create_exec(&made.id, exec).await.unwrap();
        match docker.start_exec(&exec.id, None::<StartExecOptions>).await.unwrap() {
            StartExecResults::Attached { mut output, .. } => {
                assert_eq!(output.next().await.unwrap().unwrap().to_string(), "inside\n");
                assert!(output.next().await.is_none());
            }
            StartExecResults::Detached => panic!("detached"),
        }
        assert_eq!(docker.inspect_exec(&exec.id).await.unwrap().exit_code, Some(4));
        let again = docker.remove_container(&made.id, None::<query::RemoveContainerOptions>).await;
        match again {
            Err(bollard::errors::Error::DockerResponseServerError { status_code, .. }) => assert_eq!(status_code, 409),
            other => panic!("{other:?}"),
        }
        let options = query::KillContainerOptionsBuilder::default().signal("KILL").build();
        docker.kill_container(&made.id, Some(options)).await.unwrap();
    });
}

fn events_decode() {
    let since = crate::time::now();
    let container = Container::sh("true");
    container.run();
    with_client(async |docker| {
        let filters = HashMap::from([("container".to_owned(), vec![container.id.clone()])]);
        let options = query::EventsOptionsBuilder::default()
            .since(&format!("{since:.9}"))
            .until(&format!("{:.9}", crate::time::now()))
            .filters(&filters)
            .build();
        let events: Vec<_> = docker.events(Some(options)).try_collect().await.unwrap();
        let actions: Vec<&str> = events.iter().filter_map(|event| event.action.as_deref()).collect();
        assert_eq!(actions, ["create", "start", "die"]);
    });
}

/// The file of that path in a tar.
fn unpacked(tar: &[u8], path: &str) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut found = entries.find(|entry| entry.path().unwrap().to_str() == Some(path))?;
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut found, &mut content).unwrap();
    Some(content)
}

fn files_go_in_and_out() {
    let container = Container::idle();
    with_client(async |docker| {
        let tar = Layer::default().file("given", 0o640, b"words").tar();
        let options = query::UploadToContainerOptionsBuilder::default().path("/tmp").build();
        docker.upload_to_container(&container.id, Some(options), body_full(tar.into())).await.unwrap();
        assert_eq!(container.exec_sh("cat /tmp/given").1.out(), "words");
        let options = query::DownloadFromContainerOptionsBuilder::default().path("/tmp/given").build();
        let pieces: Vec<_> = docker.download_from_container(&container.id, Some(options)).try_collect().await.unwrap();
        assert_eq!(unpacked(&pieces.concat(), "given").as_deref(), Some(&b"words"[..]));
    });
}

fn changes_and_export_decode() {
    let container = Container::sh("echo words >/new; rm /etc/group");
    container.run();
    with_client(async |docker| {
        let changes = docker.container_changes(&container.id).await.unwrap().unwrap();
        let kind = |path: &str| changes.iter().find(|change| change.path == path).map(|change| change.kind as i32);
        assert_eq!([kind("/new"), kind("/etc/group"), kind("/etc"), kind("/tmp")], [Some(1), Some(2), Some(0), None]);
        let pieces: Vec<_> = docker.export_container(&container.id).try_collect().await.unwrap();
        assert_eq!(unpacked(&pieces.concat(), "new").as_deref(), Some(&b"words\n"[..]));
    });
}

fn push_is_told_and_usage_decodes() {
    let registry = Registry::open();
    let repository = registry.name("some/image");
    with_client(async |docker| {
        let options = query::TagImageOptionsBuilder::default().repo(&repository).tag("one").build();
        docker.tag_image(BUSYBOX, Some(options)).await.unwrap();
        let options = query::PushImageOptionsBuilder::default().tag("one").build();
        let told: Vec<_> = docker.push_image(&repository, Some(options), None).try_collect().await.unwrap();
        let said: Vec<&str> = told.iter().filter_map(|line| line.status.as_deref()).collect();
        assert!(said.iter().any(|line| line.contains("digest: sha256:")), "{said:?}");
        let usage = docker.df(None::<query::DataUsageOptions>).await.unwrap();
        let images = usage.images.unwrap();
        let name = format!("{repository}:one");
        assert!(images.iter().any(|image| image.repo_tags.contains(&name)), "{name} is not in {images:?}");
        let options = None::<query::RemoveImageOptions>;
        docker.remove_image(&name, options, None).await.unwrap();
    });
}

fn what_runs_is_watched_and_changed() {
    let container = Container::idle();
    let id = container.id.as_str();
    with_client(async |docker| {
        let top = docker.top_processes(id, None::<query::TopOptions>).await.unwrap();
        let command = top.titles.unwrap().iter().position(|title| title == "CMD").unwrap();
        let processes = top.processes.unwrap();
        assert!(processes.iter().any(|process| process[command].contains("sleep")), "{processes:?}");
        let options = query::StatsOptionsBuilder::default().stream(false).build();
        let stats: Vec<_> = docker.stats(id, Some(options)).try_collect().await.unwrap();
        assert_eq!(stats.len(), 1);
        assert!(stats[0].memory_stats.as_ref().unwrap().usage.unwrap() > 0);
        let update = ContainerUpdateBody { memory: Some(32 << 20), memory_swap: Some(64 << 20), ..Default::default() };
        docker.update_container(id, update).await.unwrap();
        docker.pause_container(id).await.unwrap();
        let inspected = docker.inspect_container(id, None::<query::InspectContainerOptions>).await.unwrap();
        assert_eq!(inspected.host_config.unwrap().memory, Some(32 << 20));
        assert_eq!(inspected.state.unwrap().status, Some(ContainerStateStatusEnum::PAUSED));
        docker.unpause_container(id).await.unwrap();
        let options = query::RestartContainerOptionsBuilder::default().t(0).build();
        docker.restart_container(id, Some(options)).await.unwrap();
        let options = query::StopContainerOptionsBuilder::default().t(0).build();
        docker.stop_container(id, Some(options)).await.unwrap();
    });
}

fn a_commit_is_saved_and_loaded() {
    let container = Container::sh("echo words > /new");
    container.run();
    let repository = unique("compat/committed");
    with_client(async |docker| {
        let options = query::CommitContainerOptionsBuilder::default()
            .container(&container.id)
            .repo(&repository)
            .tag("one")
            .comment("by a test")
            .build();
        let config = ContainerConfig { cmd: Some(vec!["cat".into(), "/new".into()]), ..Default::default() };
        let made = docker.commit_container(options, config).await.unwrap();
        let name = format!("{repository}:one");
        assert_eq!(docker.inspect_image(&name).await.unwrap().id, Some(made.id));
        let pieces: Vec<_> = docker.export_image(&name).try_collect().await.unwrap();
        docker.remove_image(&name, None::<query::RemoveImageOptions>, None).await.unwrap();
        let options = query::ImportImageOptions::default();
        let told: Vec<_> =
            docker.import_image(options, body_full(pieces.concat().into()), None).try_collect().await.unwrap();
        assert!(told.iter().any(|line| line.stream.as_deref().is_some_and(|said| said.contains(&name))), "{told:?}");
        let again = Container::create(json!({ "Image": name }));
        assert_eq!(again.run().1.out(), "words\n");
        drop(again);
        docker.remove_image(&name, None::<query::RemoveImageOptions>, None).await.unwrap();
    });
}
