//! Image configurations, as a registry or an archive gives them.

use vch_images::ImageConfig;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Ok(config) = ImageConfig::parse(bytes) else { return };
    let _ = config.created_at();
    // What was understood can be written and means the same again.
    let written = serde_json::to_vec(&config).expect("a configuration is JSON");
    let again: ImageConfig = serde_json::from_slice(&written).expect("a written configuration can be read");
    assert_eq!(config, again, "writing and reading changes a configuration");
}
