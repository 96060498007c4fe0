//! `rmi`.

use super::view::Removed;
use crate::engine::Engine;
use crate::error::Result;
use std::collections::HashMap;
use vch_images::image::{Removal, RemoveOptions, Usage};

impl Engine {
    /// Removes a name of an image, or the image.
    ///
    /// # Errors
    /// No such image; Docker's conflicts for one that is used or has several names.
    pub async fn remove_image(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        let options = RemoveOptions { force, prune_parents: !no_prune };
        Ok(self.take_image_away(name, options).await?.0)
    }

    /// As [`Engine::remove_image`]; also how many bytes were given back.
    pub(crate) async fn take_image_away(&self, name: &str, options: RemoveOptions) -> Result<(Vec<Removed>, u64)> {
        let used = self.image_users();
        let usage = move |id: &vch_images::ImageId| used.get(&id.to_string()).cloned().unwrap_or_default();
        let outcome = self.images_store().remove(name, options, usage).await?;
        let mut removed = Vec::new();
        for removal in outcome.removals {
            removed.push(match removal {
                Removal::Untagged(reference, id) => {
                    self.tell_image("untag", &id.to_string(), &id.to_string());
                    Removed::Untagged(reference)
                }
                Removal::Image(id) => {
                    self.tell_image("delete", &id.to_string(), &id.to_string());
                    Removed::Deleted(id.to_string())
                }
                Removal::Layer(chain) => Removed::Deleted(chain.to_string()),
            });
        }
        Ok((removed, outcome.freed))
    }

    /// Which containers use which image.
    fn image_users(&self) -> HashMap<String, Usage> {
        let mut users: HashMap<String, Usage> = HashMap::new();
        for container in self.index().all() {
            let record = container.record();
            let usage = users.entry(record.image_id.clone()).or_default();
            let place = if record.state.status.is_running() { &mut usage.running } else { &mut usage.stopped };
            place.get_or_insert_with(|| record.id.clone());
        }
        users
    }
}
