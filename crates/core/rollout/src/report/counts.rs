//! How many pods there are, and what the controller has seen.

use serin_api::rollout::RolloutStatus;

use crate::{scene::Scene, set::Set};

/// Sets the numbers of `next`.
pub(crate) fn counts(scene: &Scene<'_>, next: &mut RolloutStatus) {
    let total = |part: fn(&Set<'_>) -> u32| {
        let sum = scene.sets.iter().map(part).fold(0, u32::saturating_add);
        i32::try_from(sum).unwrap_or(i32::MAX)
    };
    next.replicas = total(|set| set.current);
    next.ready_replicas = total(|set| set.ready);
    next.available_replicas = total(|set| set.available);
    next.updated_replicas = i32::try_from(scene.wanted().current).unwrap_or(i32::MAX);
    next.hpa_replicas = next.replicas;
    next.selector = scene.selector.to_text();
    next.observed_generation = scene.object().meta().generation.to_string();
    next.workload_observed_generation = scene.workload_generation.map(|g| g.to_string()).unwrap_or_default();
}
