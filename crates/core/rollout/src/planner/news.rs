//! What a pass tells people, and when the next one is due.

use serin_api::{
    kinds,
    names::EventReason,
    rollout::{Rollout, RolloutStatus, TrafficWeights},
};
use serin_kernel::{Event, Moment, Object};

use crate::{scene::Scene, tell::Tell};

/// News and wake-ups of one pass.
#[derive(Default)]
pub(super) struct News {
    /// True before anything of this pass is written.
    pub(super) early: Vec<Tell>,
    /// True with the status.
    pub(super) late: Vec<Tell>,
    /// When to look again.
    pub(super) wakes: Vec<Moment>,
}

impl News {
    /// Looks again `at` then.
    pub(super) fn wake(&mut self, at: Option<Moment>) {
        self.wakes.extend(at);
    }
}

/// The news that a Rollout is seen for the first time.
pub(super) fn added(rollout: &Rollout, object: &Object) -> Option<Event> {
    let meta = object.meta();
    let text = format!("Rollout resource added to informer: {}/{}", meta.namespace, meta.name);
    let is_first = rollout.status.observed_generation.is_empty() && rollout.status.conditions.is_empty();
    is_first.then(|| Tell::normal(EventReason::RolloutAddedToInformer, text).about(object))
}

/// The news that the routers were told another weight, or other pods for the same one.
pub(super) fn tell_weight(old: Option<TrafficWeights>, new: &TrafficWeights, news: &mut News) {
    let told = |text: String| Tell::normal(EventReason::TrafficWeightUpdated, text);
    match old {
        Some(old) if old == *new => {}
        Some(old) if old.canary.weight == new.canary.weight => {
            news.early.push(told("Traffic weight updated ".to_owned()));
        }
        Some(old) => {
            let (from, to) = (old.canary.weight, new.canary.weight);
            news.late.push(told(format!("Traffic weight updated from {from} to {to}")));
        }
        None => news.late.push(told(format!("Traffic weight updated to {}", new.canary.weight))),
    }
}

/// The API refused a write of the previous pass, other than the creation of the ReplicaSet, which has a condition.
pub(super) fn refusal(scene: &Scene<'_>) -> Vec<Event> {
    let refused = scene.observed.refused.as_ref().filter(|refused| refused.target != scene.wanted_key());
    let Some(refused) = refused else { return Vec::new() };
    let reason = if refused.target.kind == kinds::REPLICA_SET {
        EventReason::ReplicaSetUpdateError
    } else if refused.target.kind == kinds::INGRESS {
        EventReason::TrafficRoutingError
    } else {
        EventReason::ReconciliationError
    };
    let text = format!("{} was refused: {}", refused.target, refused.message);
    vec![Tell::warning(reason, text).about(scene.object())]
}

/// Why this pass changes what it changes, for the log.
pub(super) fn reasons(old: &RolloutStatus, next: &RolloutStatus, error: Option<&String>) -> Vec<String> {
    let mut reasons = Vec::new();
    if old.phase != next.phase || old.message != next.message {
        let phase = next.phase.map_or("", |phase| phase.as_str());
        reasons.push(format!("phase {phase} {}", next.message).trim_end().to_owned());
    }
    if old.current_step_index != next.current_step_index {
        reasons.push(format!("step {:?} after {:?}", next.current_step_index, old.current_step_index));
    }
    reasons.extend(error.cloned());
    reasons
}
