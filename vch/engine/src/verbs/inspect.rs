//! `inspect`: what the owner published, never a live machine.

use crate::container::Container;
use crate::container::record::Record;
use crate::container::view::ContainerView;
use crate::engine::Engine;
use crate::error::Result;
use std::sync::Arc;

impl Engine {
    /// A container in full.
    ///
    /// # Errors
    /// No such container.
    pub async fn inspect(&self, name: &str, size: bool) -> Result<ContainerView> {
        let container = self.find(name)?;
        let record = container.record();
        let sizes = if size { Some(self.sizes(&container, &record).await) } else { None };
        let (path, args) = record.command.split_first().map_or((String::new(), &[][..]), |(p, a)| (p.clone(), a));
        // As dockerd, which shows the file that others may read as well.
        let log_path = match record.spec.host.log.driver.as_str() {
            "json-file" => container.segments().path().display().to_string(),
            _ => String::new(),
        };
        Ok(ContainerView {
            id: record.id.clone(),
            name: record.name.clone(),
            created: record.created,
            image_id: record.image_id.clone(),
            image_manifest: self.manifest_of(&record.image_id),
            platform: record.platform.clone(),
            path,
            args: args.to_vec(),
            spec: Arc::clone(&record.spec),
            state: record.state.clone(),
            log_path,
            directory: container.folder.display().to_string(),
            exec_ids: self.execs().of_container(&record.id),
            size_rw: sizes.map(|s| s.0),
            size_root_fs: sizes.map(|s| s.1),
        })
    }

    /// Bytes of the writable layer, and of it and the image. The writable layer's are those that its disk takes on the
    /// host: only the guest can read its files.
    pub(crate) async fn sizes(&self, container: &Container, record: &Record) -> (i64, i64) {
        use std::os::unix::fs::MetadataExt;
        let disk = tokio::fs::metadata(container.scratch_path()).await;
        let taken = disk.map_or(0, |m| m.blocks() * 512).saturating_sub(self.blank_size());
        let writable = i64::try_from(taken).unwrap_or(i64::MAX);
        (writable, writable.saturating_add(self.image_size(&record.image_id)))
    }
}
