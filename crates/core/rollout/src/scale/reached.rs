//! Whether the counts of a step are there.

use super::Set;

/// How much of the new version must be available for a step to count as done (`replicaProgressThreshold`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// So many percent of the wanted pods.
    Percent(u32),
    /// So many pods.
    Pods(u32),
}

/// Whether the new version is where it should be: exactly `desired` pods wanted and available, or as many available as
/// the threshold says.
#[must_use]
pub fn new_is_reached(new: Set, desired: u32, threshold: Option<Threshold>) -> bool {
    match threshold {
        None => new.spec == desired && new.available == desired,
        Some(Threshold::Pods(pods)) => pods <= new.available,
        Some(Threshold::Percent(percent)) => {
            u64::from(percent) * u64::from(desired) <= u64::from(new.available) * 100
        }
    }
}

/// Whether the stable version is where it should be: `desired` pods wanted and `created` (`status.replicas`), available
/// or not.
#[must_use]
pub fn stable_is_reached(spec: u32, created: u32, desired: u32) -> bool {
    spec == desired && created == desired
}
