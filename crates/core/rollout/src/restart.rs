//! Replacing pods that were made before `spec.restartAt`.
//!
//! Property: no more pods are missing than `maxUnavailable` allows (at least one at a time, or nothing would ever move),
//! and a disruption budget is asked for each pod.

use std::time::Duration;

use serin_api::{kinds, rollout::RolloutStatus, workload::Pod};
use serin_kernel::{Change, Moment, Object, Write};

use crate::{scene::Scene, split};

/// When to look again after evictions, which a disruption budget may have refused: Argo's interval.
const RETRY: Duration = Duration::from_secs(30);

/// What a restart needs in this pass.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    /// Pods to evict.
    pub(crate) evictions: Vec<Write>,
    /// When to look again.
    pub(crate) wake: Option<Moment>,
}

/// Whether a restart was asked for and not yet done, whatever the time.
pub(crate) fn is_pending(asked: Option<Moment>, done: Option<Moment>) -> bool {
    asked.is_some() && asked != done
}

/// Evicts pods that are too old, and notes in `next` when there are none left.
pub(crate) fn restart(scene: &Scene<'_>, next: &mut RolloutStatus) -> Restart {
    let asked = scene.rollout.spec.restart_at;
    let (true, Some(at)) = (is_pending(asked, next.restarted_at), asked) else {
        return Restart::default();
    };
    if scene.now < at {
        return Restart { wake: Some(at), ..Restart::default() };
    }
    let pods: Vec<&Object> = order(scene, next)
        .into_iter()
        .filter_map(|index| scene.sets[index].object)
        .flat_map(|set| {
            scene.observed.all(kinds::POD).filter(|pod| pod.meta().is_controlled_by(&set.meta().uid))
        })
        .collect();
    let is_old = |pod: &&&Object| pod.meta().creation_timestamp.is_some_and(|created| created < at);
    let old: Vec<&&Object> = pods.iter().filter(is_old).collect();
    if old.is_empty() {
        next.restarted_at = asked;
        return Restart::default();
    }
    let ready_seconds = scene.rollout.spec.min_ready_seconds;
    let is_available = |pod: &Object| {
        let view = serin_api::lenient::<Pod>(pod.value()).value;
        pod.meta().deletion_timestamp.is_none() && view.is_available(ready_seconds, scene.now)
    };
    let available = pods.iter().filter(|pod| is_available(pod)).count();
    // Pods that are on their way out are nobody's any more: a slow farewell holds up no other pod.
    let total = scene.sets.iter().map(|set| set.spec).fold(0, u32::saturating_add);
    let wanted = usize::try_from(scene.replicas().max(total)).unwrap_or(usize::MAX);
    let unavailable = usize::try_from(split::fenceposts(scene).unavailable.max(1)).unwrap_or(1);
    let budget = available.saturating_sub(wanted.saturating_sub(unavailable));
    let living = old.into_iter().filter(|pod| pod.meta().deletion_timestamp.is_none());
    let evictions = living.take(budget).map(|pod| Write::same(pod, Change::Evict).tolerated()).collect();
    Restart { evictions, wake: Some(scene.now.plus(RETRY)) }
}

/// The stable version first: it has the traffic.
fn order(scene: &Scene<'_>, next: &RolloutStatus) -> Vec<usize> {
    let stable = scene.with_hash(&next.stable_rs);
    let mut order: Vec<usize> = stable.into_iter().chain([scene.new]).collect();
    order.extend(split::others(scene, next));
    order.dedup();
    order
}
