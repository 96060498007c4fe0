//! `system df` (moby `daemon/disk_usage.go`).

use crate::container::view::ContainerSummary;
use crate::engine::Engine;
use crate::error::Result;
use crate::image::view::ImageSummary;
use crate::requests::{DiskUsageOf, ListContainers};

/// What takes how much; what was not asked for is none.
#[derive(Debug, Clone, Default)]
pub struct DiskUsage {
    /// Bytes of all images' layers, each once.
    pub layers: i64,
    /// Images, with what they share and how many containers use them.
    pub images: Option<Vec<ImageSummary>>,
    /// All containers, with their sizes.
    pub containers: Option<Vec<ContainerSummary>>,
}

impl Engine {
    /// What images and containers take.
    ///
    /// # Errors
    /// None that a client could cause.
    pub async fn disk_usage(&self, of: DiskUsageOf) -> Result<DiskUsage> {
        let mut usage = DiskUsage::default();
        if of.images {
            let (images, layers) = self.images_and_layers();
            (usage.images, usage.layers) = (Some(images), layers);
        }
        if of.containers {
            usage.containers =
                Some(self.list(ListContainers { all: true, size: true, ..ListContainers::default() }).await?);
        }
        Ok(usage)
    }
}
