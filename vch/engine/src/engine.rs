//! The engine: what every verb works on. Verbs are methods of [`Engine`], a file each under `verbs/` and `image/`.

use std::sync::Arc;

/// The engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    #[allow(dead_code)]
    rooms: Arc<()>,
}
