//! `commit`: a container becomes an image (moby daemon/commit.go).

use super::{changes, import};
use crate::container::spec::ContainerSpec;
use crate::container::state::Status;
use crate::container::{Container, Verb};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Begun};
use crate::image::prepare::parse_id;
use crate::image::view::Commit;
use futures_util::TryStreamExt;
use std::sync::Arc;
use tokio_util::io::StreamReader;
use vch_images::archive::CommitRequest;
use vch_images::image::{Healthcheck, RunConfig};
use vch_sandbox::proto::{FileAnswer, FileWork};

impl Engine {
    /// Makes an image of a container, which stands still meanwhile unless the request says otherwise; the image's ID.
    ///
    /// # Errors
    /// No such container, or one that is being removed; a bad name or change.
    pub async fn commit(&self, request: Commit) -> Result<String> {
        let engine = self.clone();
        // Apart from the caller: a client that hangs up must not leave its container paused.
        let committed = tokio::spawn(async move { engine.commit_now(request).await }).await;
        committed.unwrap_or_else(|error| Err(Error::chain("commit the container", &error)))
    }

    async fn commit_now(&self, request: Commit) -> Result<String> {
        let container = self.find(&request.container)?;
        let record = container.record();
        let refused = |how| Err(Error::conflict(format!("You cannot commit container {} which is {how}", record.id)));
        match record.state.status {
            Status::Dead => return refused("Dead"),
            Status::Removing => return refused("being removed"),
            _ => {}
        }
        let reference = import::reference(&request.repository, &request.tag)?;
        let own = run_config(&record.spec);
        let mut config = request.config.as_ref().map_or_else(|| own.clone(), run_config);
        changes::apply(&mut config, &request.changes)?;
        merge(&mut config, &own);
        let commit = CommitRequest {
            parent: parse_id(&record.image_id)?,
            container: record.id.clone(),
            container_config: own,
            config,
            author: request.author.clone(),
            comment: request.comment.clone(),
            reference: reference.clone(),
        };
        // As with dockerd, one that does not run or cannot be paused is committed all the same.
        let paused =
            request.pause && record.state.status == Status::Running && container.ask(Verb::Pause).await.is_ok();
        let committed = self.commit_files(&container, commit).await;
        if let Ok(id) = &committed {
            let familiar = reference.map(|reference| reference.familiar()).unwrap_or_default();
            if !familiar.is_empty() {
                self.tell_image("tag", id, &familiar);
            }
            let attributes = [("comment", request.comment), ("imageID", id.clone()), ("imageRef", familiar)];
            self.tell_container(&record, "commit", attributes);
        }
        if paused && let Err(error) = container.ask(Verb::Unpause).await {
            tracing::warn!(container = %record.id, %error, "a container that was committed stays paused");
        }
        committed
    }

    async fn commit_files(&self, container: &Arc<Container>, commit: CommitRequest) -> Result<String> {
        let Begun { answer, content } = files::begin(self, container, FileWork::Layer, None).await?;
        if let FileAnswer::Failed(failure) = answer {
            return Err(Error::system(failure.message));
        }
        let tar = StreamReader::new(content.map_err(std::io::Error::other));
        Ok(self.images_store().commit(tar, commit).await?.to_string())
    }
}

/// How a container runs, as an image says it.
fn run_config(spec: &ContainerSpec) -> RunConfig {
    RunConfig {
        hostname: spec.hostname.clone(),
        domainname: spec.domainname.clone(),
        user: spec.user.clone(),
        exposed_ports: spec.exposed_ports.clone(),
        env: spec.env.clone(),
        entrypoint: spec.entrypoint.clone(),
        cmd: spec.cmd.clone(),
        healthcheck: spec.healthcheck.as_ref().map(|check| Healthcheck {
            test: check.test.clone(),
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries,
        }),
        args_escaped: spec.args_escaped,
        volumes: spec.volumes.clone(),
        working_dir: spec.working_dir.clone(),
        on_build: spec.on_build.clone(),
        labels: spec.labels.clone(),
        stop_signal: spec.stop_signal.clone().unwrap_or_default(),
        stop_timeout: spec.stop_timeout,
        shell: spec.shell.clone(),
    }
}

/// Fills in what is open from the container (moby daemon/commit.go, merge).
fn merge(config: &mut RunConfig, container: &RunConfig) {
    let or = |own: &mut String, other: &String| {
        if own.is_empty() {
            own.clone_from(other);
        }
    };
    or(&mut config.user, &container.user);
    or(&mut config.working_dir, &container.working_dir);
    or(&mut config.stop_signal, &container.stop_signal);
    config.exposed_ports.extend(container.exposed_ports.iter().cloned());
    config.volumes.extend(container.volumes.iter().cloned());
    let name = |variable: &String| variable.split('=').next().unwrap_or_default().to_owned();
    let own: Vec<String> = config.env.iter().map(name).collect();
    config.env.extend(container.env.iter().filter(|variable| !own.contains(&name(variable))).cloned());
    for (key, value) in &container.labels {
        config.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let is_open = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    if is_open(&config.entrypoint) {
        if is_open(&config.cmd) {
            config.cmd.clone_from(&container.cmd);
            config.args_escaped = container.args_escaped;
        }
        if config.entrypoint.is_none() {
            config.entrypoint.clone_from(&container.entrypoint);
        }
    }
    match (&mut config.healthcheck, &container.healthcheck) {
        (Some(own), Some(other)) => {
            if own.test.is_empty() {
                own.test.clone_from(&other.test);
            }
            for (own, other) in [
                (&mut own.interval, other.interval),
                (&mut own.timeout, other.timeout),
                (&mut own.start_period, other.start_period),
                (&mut own.start_interval, other.start_interval),
                (&mut own.retries, other.retries),
            ] {
                if *own == 0 {
                    *own = other;
                }
            }
        }
        (own, other) => *own = own.take().or_else(|| other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn what_is_open_comes_from_the_container() {
        let container = RunConfig {
            cmd: words(&["serve"]),
            env: vec!["A=1".into(), "B=2".into()],
            user: "app".into(),
            ..RunConfig::default()
        };
        let mut config = RunConfig { env: vec!["A=3".into()], ..RunConfig::default() };
        merge(&mut config, &container);
        assert_eq!((config.cmd, config.user.as_str()), (words(&["serve"]), "app"));
        assert_eq!(config.env, ["A=3", "B=2"]);
        // An entry point stands alone.
        let mut config = RunConfig { entrypoint: words(&["sh"]), ..RunConfig::default() };
        merge(&mut config, &container);
        assert_eq!((config.entrypoint, config.cmd), (words(&["sh"]), None));
    }
}
