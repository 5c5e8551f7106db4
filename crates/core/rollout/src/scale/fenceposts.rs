//! How far an update may go over and under the wanted number of pods.

use serin_lang::int_or_string::{IntOrString, NotAPercentage};

/// Pods above and below the wanted number that an update may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fenceposts {
    /// Pods that may exist beyond the wanted number.
    pub surge: u32,
    /// Pods that may be missing from the wanted number.
    pub unavailable: u32,
}

impl Fenceposts {
    /// The most pods that may be wanted at one time.
    #[must_use]
    pub fn max_allowed(self, replicas: u32) -> u32 {
        replicas.saturating_add(self.surge)
    }

    /// The fewest pods that must stay available.
    #[must_use]
    pub fn min_available(self, replicas: u32) -> u32 {
        replicas.saturating_sub(self.unavailable)
    }
}

/// Resolves `maxSurge` (rounded up) and `maxUnavailable` (rounded down) against `replicas`.
///
/// When both come to 0, one pod may be unavailable, or the update could never move; no more pods may be unavailable
/// than there are; negative numbers count as 0.
///
/// # Errors
/// One of the texts is no percentage.
pub fn fenceposts(
    replicas: u32,
    max_surge: &IntOrString,
    max_unavailable: &IntOrString,
) -> Result<Fenceposts, NotAPercentage> {
    let total = i32::try_from(replicas).unwrap_or(i32::MAX);
    let surge = u32::try_from(max_surge.scaled(total, true)?).unwrap_or(0);
    let unavailable = u32::try_from(max_unavailable.scaled(total, false)?).unwrap_or(0);
    let at_least = u32::from(surge == 0);
    Ok(Fenceposts { surge, unavailable: unavailable.max(at_least).min(replicas) })
}
