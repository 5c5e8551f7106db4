//! The bridge to the traffic routers.

use serin_api::rollout::CanaryStrategy;
use serin_kernel::{Key, Object, Write};

use crate::scene::Scene;

/// The objects that the routers read and write.
pub(crate) fn keys(_object: &Object, _canary: &CanaryStrategy) -> Vec<Key> {
    Vec::new()
}

/// The writes that give the new version `weight`.
///
/// # Errors
/// What a router cannot do, as a sentence.
pub(crate) fn writes(_scene: &Scene<'_>, _weight: u32) -> Result<Vec<Write>, String> {
    Ok(Vec::new())
}
