//! `create`: image resolved and held, name taken, disk cloned, record written, in this order; any failure undoes what
//! came before it.

use crate::container::record::Record;
use crate::container::spec::{ContainerSpec, Healthcheck};
use crate::container::{driver, fit};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::image::prepare::ForContainer;
use crate::image::view::ImageDefaults;
use crate::index::check_name;
use crate::logs::options;
use crate::names;
use crate::requests::{Create, Created};
use crate::undo::Undo;

/// How many made-up names are tried before an ID serves as the name.
const NAME_TRIES: usize = 6;

impl Engine {
    /// Makes a container.
    ///
    /// # Errors
    /// Docker's words for a bad or taken name, an unknown image, a missing command.
    pub async fn create(&self, request: Create) -> Result<Created> {
        let asked = request.name.as_deref().filter(|name| !name.is_empty()).map(check_name).transpose()?;
        let image = self.image_for_container(&request.spec.image, request.platform.as_deref())?;
        let mut spec = request.spec;
        let machine = self.machines().facts();
        let warnings = fit::check(&spec.host.resources, machine.vcpus, u64::from(machine.memory_mib) << 20)?;
        self.resolve_joined(&mut spec.host)?;
        inherit(&mut spec, &image.defaults);
        spec.host.log = options::settle(spec.host.log, &self.rooms.settings.log)?;
        if spec.entrypoint.iter().flatten().chain(spec.cmd.iter().flatten()).next().is_none() {
            return Err(Error::invalid("no command specified"));
        }
        let mut undo = Undo::default();
        let outcome = self.make(asked, image, spec, &mut undo).await;
        undo.settle(outcome.is_ok()).await;
        outcome.map(|id| Created { id, warnings })
    }

    async fn make(
        &self,
        name: Option<&str>,
        image: ForContainer,
        spec: ContainerSpec,
        undo: &mut Undo,
    ) -> Result<String> {
        let id = self.fresh_id()?;
        let name = self.take_name(name, &id)?;
        let (index, held_name, holder) = (self.clone(), name.clone(), id.clone());
        undo.push(async move { index.index().release(&held_name, &holder) });
        self.hold_image(&id, &image.id).await?;
        let (images, holder) = (self.clone(), id.clone());
        undo.push(async move { images.release_image(&holder).await });
        let folder = self.make_folder(&id).await?;
        let leftovers = folder.clone();
        undo.push(async move {
            if let Err(error) = tokio::fs::remove_dir_all(&leftovers).await {
                tracing::warn!(folder = %leftovers.display(), %error, "a folder is left behind");
            }
        });
        self.clone_scratch(&spec, &folder).await?;
        let record = Record::new(id.clone(), name, image.id, image.platform, spec);
        self.records().put(&id, record.encode()?).await?;
        let told = record.clone();
        self.index().insert(driver::spawn(self, folder, record));
        self.tell_container(&told, "create", []);
        Ok(id)
    }

    fn take_name(&self, asked: Option<&str>, id: &str) -> Result<String> {
        if let Some(name) = asked {
            self.index().reserve(name, id)?;
            return Ok(name.to_owned());
        }
        for attempt in 0..NAME_TRIES {
            let name = names::make_up(&self.random_bytes()?, attempt);
            if self.index().reserve(&name, id).is_ok() {
                return Ok(name);
            }
        }
        let name = id[..12].to_owned();
        self.index().reserve(&name, id)?;
        Ok(name)
    }
}

/// Fills in what the user left open from the image, as moby's `daemon/commit.go` `merge`.
fn inherit(spec: &mut ContainerSpec, image: &ImageDefaults) {
    if spec.user.is_empty() {
        spec.user.clone_from(&image.user);
    }
    spec.exposed_ports.extend(image.exposed_ports.iter().cloned());
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let own: Vec<String> = spec.env.iter().map(|v| name(v)).collect();
    spec.env.extend(image.env.iter().filter(|v| !own.contains(&name(v))).cloned());
    for (key, value) in &image.labels {
        spec.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    // A user's entry point takes the image's command away; an empty one takes the image's entry point away.
    if spec.entrypoint.is_none() {
        if spec.cmd.as_ref().is_none_or(Vec::is_empty) {
            spec.cmd.clone_from(&image.cmd);
            spec.args_escaped = image.args_escaped;
        }
        spec.entrypoint.clone_from(&image.entrypoint);
    } else if spec.entrypoint.as_ref().is_some_and(|e| e == &[String::new()]) {
        spec.entrypoint = None;
    }
    spec.healthcheck = inherit_health(spec.healthcheck.take(), image.healthcheck.as_ref());
    if spec.working_dir.is_empty() {
        spec.working_dir.clone_from(&image.working_dir);
    }
    spec.volumes.extend(image.volumes.iter().cloned());
    if spec.stop_signal.is_none() {
        spec.stop_signal.clone_from(&image.stop_signal);
    }
    if spec.shell.is_none() {
        spec.shell.clone_from(&image.shell);
    }
}

fn inherit_health(own: Option<Healthcheck>, image: Option<&Healthcheck>) -> Option<Healthcheck> {
    let (Some(mut own), Some(image)) = (own.clone(), image) else { return own.or_else(|| image.cloned()) };
    let or = |own: &mut i64, inherited: i64| {
        if *own == 0 {
            *own = inherited;
        }
    };
    if own.test.is_empty() {
        own.test.clone_from(&image.test);
    }
    or(&mut own.interval, image.interval);
    or(&mut own.timeout, image.timeout);
    or(&mut own.start_period, image.start_period);
    or(&mut own.start_interval, image.start_interval);
    or(&mut own.retries, image.retries);
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|w| (*w).to_owned()).collect())
    }

    fn image() -> ImageDefaults {
        ImageDefaults {
            entrypoint: strings(&["/entry"]),
            cmd: strings(&["serve"]),
            env: vec!["A=image".into(), "B=image".into()],
            working_dir: "/srv".into(),
            ..Default::default()
        }
    }

    #[test]
    fn what_the_user_left_open_comes_from_the_image() {
        let mut spec = ContainerSpec { env: vec!["A=user".into()], ..Default::default() };
        inherit(&mut spec, &image());
        assert_eq!((spec.entrypoint, spec.cmd), (strings(&["/entry"]), strings(&["serve"])));
        assert_eq!(spec.env, ["A=user", "B=image"]);
        assert_eq!(spec.working_dir, "/srv");
    }

    #[test]
    fn a_users_entry_point_takes_the_images_command_away() {
        let mut spec = ContainerSpec { entrypoint: strings(&["sh"]), ..Default::default() };
        inherit(&mut spec, &image());
        assert_eq!((spec.entrypoint, spec.cmd), (strings(&["sh"]), None));
    }

    #[test]
    fn an_empty_entry_point_takes_the_images_away() {
        let mut spec = ContainerSpec { entrypoint: strings(&[""]), cmd: strings(&["ls"]), ..Default::default() };
        inherit(&mut spec, &image());
        assert_eq!((spec.entrypoint, spec.cmd), (None, strings(&["ls"])));
    }
}
