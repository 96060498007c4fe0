//! `history`.

use super::view::HistoryItem;
use crate::engine::Engine;
use crate::error::Result;
use crate::timestamp::Timestamp;

impl Engine {
    /// The steps that an image was made in, newest first.
    ///
    /// # Errors
    /// No such image.
    pub async fn history(&self, name: &str) -> Result<Vec<HistoryItem>> {
        let entries = self.images_store().history(name)?;
        let item = |entry: vch_images::image::HistoryEntry| HistoryItem {
            id: entry.id.map_or_else(|| "<missing>".to_owned(), |id| id.to_string()),
            created: entry.created.as_deref().and_then(Timestamp::parse_rfc3339).map_or(0, Timestamp::unix),
            created_by: entry.created_by,
            tags: entry.tags,
            size: i64::try_from(entry.size).unwrap_or(i64::MAX),
            comment: entry.comment,
        };
        Ok(entries.into_iter().map(item).collect())
    }
}
