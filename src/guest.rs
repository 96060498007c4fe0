//! `vch guest build`: the guest prepared ahead of the first start.

use crate::{config::Config, error::Error, serve};
use std::io::Write;

/// Prepares the guest and says where it is. A daemon that runs on the data root is not disturbed.
pub(crate) async fn build(config: &Config) -> Result<(), Error> {
    let settings = serve::settings(config, config.data_root.clone());
    let guest = vch_engine::trial::guest_build(&settings, crate::tell).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "kernel {}\n{}\n{}", guest.release, guest.kernel.display(), guest.initrd.display())
        .map_err(Error::io("write to standard output"))
}
