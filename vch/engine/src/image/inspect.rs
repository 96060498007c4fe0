//! `image inspect`.

use super::view::{ImageDefaults, ImageView};
use crate::container::spec::Healthcheck;
use crate::engine::Engine;
use crate::error::Result;
use crate::timestamp::Timestamp;
use vch_images::image::RunConfig;

impl Engine {
    /// An image in full.
    ///
    /// # Errors
    /// No such image; a name that is none.
    pub async fn inspect_image(&self, name: &str) -> Result<ImageView> {
        let found = self.images_store().inspect(name)?;
        let image = &found.image;
        let config = &image.config;
        let tagged = image.last_tagged.and_then(|t| i64::try_from(t.unix_timestamp_nanos()).ok());
        Ok(ImageView {
            id: image.id.to_string(),
            repo_tags: found.repo_tags,
            repo_digests: found.repo_digests,
            parent: image.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            comment: match (config.comment.as_str(), config.history.last()) {
                ("", Some(last)) => last.comment.clone(),
                (own, _) => own.to_owned(),
            },
            created: config.created.clone(),
            author: config.author.clone(),
            docker_version: config.docker_version.clone(),
            architecture: config.architecture.clone(),
            variant: config.variant.clone(),
            os: config.os.clone(),
            os_version: config.os_version.clone(),
            size: i64::try_from(image.size).unwrap_or(i64::MAX),
            defaults: defaults(&config.config),
            layers: image.diff_ids().map(ToString::to_string).collect(),
            last_tag_time: tagged.map_or(Timestamp::ZERO, Timestamp),
        })
    }
}

/// What an image says of its containers.
pub(crate) fn defaults(config: &RunConfig) -> ImageDefaults {
    ImageDefaults {
        user: config.user.clone(),
        exposed_ports: config.exposed_ports.clone(),
        env: config.env.clone(),
        entrypoint: config.entrypoint.clone().filter(|words| !words.is_empty()),
        cmd: config.cmd.clone().filter(|words| !words.is_empty()),
        volumes: config.volumes.clone(),
        working_dir: config.working_dir.clone(),
        labels: config.labels.clone(),
        stop_signal: Some(config.stop_signal.clone()).filter(|signal| !signal.is_empty()),
        healthcheck: config.healthcheck.as_ref().map(|check| Healthcheck {
            test: check.test.clone(),
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries,
        }),
        shell: config.shell.clone(),
        on_build: config.on_build.clone(),
        args_escaped: config.args_escaped,
    }
}
