//! Versions that are neither new nor stable: how fast they go.

use super::{Fenceposts, Set};

/// What an older version keeps when its unready pods are removed at once: they serve nobody, and would block the rest.
#[must_use]
pub fn healthy(set: Set) -> u32 {
    set.spec.min(set.available)
}

/// How many available pods may go, all versions together having `available`.
#[must_use]
pub fn budget(available: u32, replicas: u32, posts: Fenceposts) -> u32 {
    available.saturating_sub(posts.min_available(replicas))
}

/// The counts of older versions once up to `budget` of their pods are gone, in the order given: the newest revision
/// first. `counts` are what [`healthy`] left of each.
#[must_use]
pub fn drain(counts: &[u32], mut budget: u32) -> Vec<u32> {
    let mut left = Vec::with_capacity(counts.len());
    for &count in counts {
        let gone = count.min(budget);
        budget -= gone;
        left.push(count - gone);
    }
    left
}
