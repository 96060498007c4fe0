//! `docker history` (moby `daemon/images/image_history.go`): one line a step, the newest first.

use super::ImageId;
use crate::Store;
use crate::error::ImageError;
use crate::reference::Reference;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image of this step, where it is known here; else Docker shows `<missing>`.
    pub id: Option<ImageId>,
    /// When, RFC 3339 as written.
    pub created: Option<String>,
    /// The command.
    pub created_by: String,
    /// Familiar names with tags of that image.
    pub tags: Vec<String>,
    /// Disk the step's layer takes, in bytes.
    pub size: u64,
    /// A remark.
    pub comment: String,
}

impl Store {
    /// The steps an image was made in, the newest first.
    ///
    /// # Errors
    /// As [`Store::resolve`]; [`ImageError::HistoryTooLong`] when it speaks of layers that are not there.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryEntry>, ImageError> {
        let state = self.state();
        let image = super::resolve::resolve(&state, name)?;
        let mut layers = image.diff_ids();
        let mut entries = Vec::with_capacity(image.config.history.len());
        for step in &image.config.history {
            let size = if step.empty_layer {
                0
            } else {
                let diff_id = layers.next().ok_or(ImageError::HistoryTooLong)?;
                state.size_of(std::iter::once(diff_id))
            };
            entries.push(HistoryEntry {
                id: None,
                created: step.created.clone(),
                created_by: step.created_by.clone(),
                tags: Vec::new(),
                size,
                comment: step.comment.clone(),
            });
        }
        entries.reverse();
        let mut current = Some(image.clone());
        for entry in &mut entries {
            let Some(image) = current else { break };
            let references = state.references_of(&image.id);
            entry.tags = references.iter().filter(|r| r.tag().is_some()).map(Reference::familiar).collect();
            entry.id = Some(image.id.clone());
            current = image.parent.as_ref().and_then(|parent| state.images.get(parent)).cloned();
        }
        Ok(entries)
    }
}
