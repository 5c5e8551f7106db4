//! Which ReplicaSet runs the wanted template, and what one that has to be made is called.
//!
//! Property: a ReplicaSet is recognised by what its pods are, never by a hash computed again.

use serde_json::Value;
use serin_api::{names::annotations, rollout::RolloutStatus};

use crate::{set::Set, template};

/// The ReplicaSet for `wanted`: the one of the stored hash first, since it is nearly always the one; then the oldest.
pub(crate) fn find(sets: &[Set<'_>], wanted: &Value, status: &RolloutStatus) -> Option<usize> {
    let current = sets.iter().position(|set| set.hash == status.current_pod_hash);
    let order = current.into_iter().chain(0..sets.len());
    order.into_iter().find(|&index| is_for(&sets[index], wanted))
}

fn is_for(set: &Set<'_>, wanted: &Value) -> bool {
    !set.hash.is_empty() && !set.is_deleting() && template::equal(&set.template, wanted, &injected(set))
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
