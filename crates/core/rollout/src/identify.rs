//! Which ReplicaSet runs the wanted template, and what one that has to be made is called.
//!
//! Property: one template never gets a second ReplicaSet, whatever the API server or an admission webhook made of the
//! first: a field that it does not know is dropped, a default is added, an image is pinned.
//!
//! Mechanics: a ReplicaSet is recognised by what its pods are, so that one left by another controller keeps its pods;
//! and one made here also by the hash that it was named after, which stays what it was when the template in it changed.

use serde_json::Value;
use serin_api::{names::annotations, rollout::RolloutStatus};

use crate::{set::Set, template};

/// How many of the latest collision counts a hash is tried with: a count is raised about once in four thousand million
/// templates, or by a person who copies names, so that more than a few are a defect and must cost no time.
const COUNTS_TRIED: usize = 16;

/// The ReplicaSet for `wanted`: the one of the stored hash first, since it is nearly always the one; then the oldest.
pub(crate) fn find(sets: &[Set<'_>], wanted: &Value, status: &RolloutStatus) -> Option<usize> {
    let current = sets.iter().position(|set| set.hash == status.current_pod_hash);
    let living = |index: &usize| !sets[*index].hash.is_empty() && !sets[*index].is_deleting();
    let mut order = current.into_iter().chain(0..sets.len()).filter(living);
    let runs_it = |set: &Set<'_>| template::equal(&set.template, wanted, &injected(set));
    if let Some(found) = order.clone().find(|&index| runs_it(&sets[index])) {
        return Some(found);
    }
    let hashes = hashes(wanted, status.collision_count);
    order.find(|&index| hashes.contains(&sets[index].hash))
}

/// The hashes that a ReplicaSet for `wanted` can have been named after: the count may have been raised since.
fn hashes(wanted: &Value, collisions: Option<i32>) -> Vec<String> {
    let latest = collisions.map_or(0, i32::unsigned_abs);
    let counts = (1..=latest).rev().take(COUNTS_TRIED).map(Some);
    counts.chain([None]).map(|count| template::hash(wanted, count)).collect()
}

/// The labels and annotations that are recorded as put into a ReplicaSet's template.
pub(crate) fn injected(set: &Set<'_>) -> template::Injected {
    let record = set.annotations().and_then(|all| all.get(annotations::EPHEMERAL_METADATA));
    record.map(|text| template::Injected::from_annotation(text)).unwrap_or_default()
}

/// The name and hash of a new ReplicaSet. `collisions` is raised until nobody known has that name.
pub(crate) fn name(
    rollout: &str,
    wanted: &Value,
    collisions: &mut Option<i32>,
    is_taken: impl Fn(&str) -> bool,
) -> (String, String) {
    loop {
        let hash = template::hash(wanted, collisions.map(i32::unsigned_abs));
        let name = format!("{rollout}-{hash}");
        if !is_taken(&name) || *collisions == Some(i32::MAX) {
            return (name, hash);
        }
        *collisions = Some(collisions.unwrap_or(0).saturating_add(1));
    }
}
