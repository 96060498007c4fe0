//! Images, listed and inspected.

use super::STORAGE_DRIVER;
use super::container::{healthcheck, set};
use crate::version::Version;
use crate::wire::config::Config;
use crate::wire::image::{HistoryItem, Image, ImageConfig, Legacy, Metadata, Removed, RootFs, Summary};
use crate::wire::inspect::GraphDriver;
use vch_engine::image::view::{self, ImageDefaults, ImageSummary, ImageView};

/// An image in a list.
pub(crate) fn image_summary(image: &ImageSummary, version: Version) -> Summary {
    let (mut repo_tags, mut repo_digests) = (image.repo_tags.clone(), image.repo_digests.clone());
    if version.before(43) && repo_tags.is_empty() && repo_digests.is_empty() {
        repo_tags.push("<none>:<none>".into());
        repo_digests.push("<none>@<none>".into());
    }
    Summary {
        containers: image.containers,
        created: image.created,
        id: image.id.clone(),
        labels: (!image.labels.is_empty()).then(|| image.labels.clone()),
        parent_id: image.parent.clone(),
        repo_digests,
        repo_tags,
        shared_size: image.shared_size,
        size: image.size,
        virtual_size: version.before(44).then_some(image.size),
    }
}

/// An inspected image.
pub(crate) fn image(image: &ImageView, version: Version) -> Image {
    let never = || version.before(44).then(|| "0001-01-01T00:00:00Z".to_owned());
    Image {
        id: image.id.clone(),
        repo_tags: image.repo_tags.clone(),
        repo_digests: image.repo_digests.clone(),
        parent: image.parent.clone(),
        comment: image.comment.clone(),
        created: image.created.clone().or_else(never),
        // Of the container that an image was committed from; dockerd shows an empty one where the image tells of none, and
        // compose 1 needs it there.
        container_config: version.before(45).then(Config::default),
        docker_version: image.docker_version.clone(),
        author: image.author.clone(),
        config: config(&image.defaults, version),
        architecture: image.architecture.clone(),
        variant: image.variant.clone(),
        os: image.os.clone(),
        os_version: image.os_version.clone(),
        size: image.size,
        virtual_size: version.before(44).then_some(image.size),
        graph_driver: GraphDriver { data: None, name: STORAGE_DRIVER },
        root_fs: RootFs { kind: "layers", layers: image.layers.clone() },
        metadata: Metadata { last_tag_time: image.last_tag_time.rfc3339_nano() },
    }
}

fn config(defaults: &ImageDefaults, version: Version) -> ImageConfig {
    ImageConfig {
        legacy: version.before(50).then(Legacy::default),
        user: defaults.user.clone(),
        exposed_ports: set(&defaults.exposed_ports),
        env: (!defaults.env.is_empty()).then(|| defaults.env.clone()),
        entrypoint: defaults.entrypoint.clone(),
        cmd: defaults.cmd.clone(),
        volumes: (!defaults.volumes.is_empty()).then(|| set(&defaults.volumes)),
        working_dir: defaults.working_dir.clone(),
        labels: (!defaults.labels.is_empty()).then(|| defaults.labels.clone()),
        stop_signal: defaults.stop_signal.clone(),
        healthcheck: defaults.healthcheck.as_ref().map(healthcheck),
        on_build: (!defaults.on_build.is_empty()).then(|| defaults.on_build.clone()),
        shell: defaults.shell.clone(),
        args_escaped: defaults.args_escaped,
    }
}

/// A line of an image's history.
pub(crate) fn history_item(item: view::HistoryItem) -> HistoryItem {
    HistoryItem {
        comment: item.comment,
        created: item.created,
        created_by: item.created_by,
        id: item.id,
        size: item.size,
        tags: (!item.tags.is_empty()).then_some(item.tags),
    }
}

/// What a removal took away.
pub(crate) fn removed(removed: view::Removed) -> Removed {
    match removed {
        view::Removed::Untagged(reference) => Removed::Untagged(reference),
        view::Removed::Deleted(id) => Removed::Deleted(id),
    }
}
