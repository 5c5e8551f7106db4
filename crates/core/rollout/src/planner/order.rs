//! The writes of one pass in an order of which every prefix is safe, and the news with them.

use serin_api::rollout::RolloutStatus;
use serin_kernel::{Act, Change, Write};

use super::{
    news::{self, News},
    route::Routed,
    status,
};
use crate::{scene::Scene, services, split, tell::Tell, writes};

/// Writes beside those of ReplicaSets, Services and routers.
pub(super) struct Others {
    /// Labels and annotations of living pods.
    pub(super) pods: Vec<Write>,
    /// Pods that a restart replaces.
    pub(super) evictions: Vec<Write>,
    /// The size of the workload that the template comes from.
    pub(super) workload: Option<Write>,
}

/// Puts the writes in their order, and the news with them; `decided` is the status that they follow from, `next` the one
/// that is written.
pub(super) fn assemble(
    scene: &Scene<'_>,
    next: &RolloutStatus,
    told: News,
    sets: writes::SetWrites,
    others: Others,
    (routed, decided): (Routed, &RolloutStatus),
) -> Act {
    let object = scene.object();
    let about = |told: Vec<Tell>| told.into_iter().map(|tell| tell.about(object)).collect::<Vec<_>>();
    let reasons = news::reasons(scene.status(), next, routed.error.as_ref());
    let annotate = writes::annotate(scene);
    let status = status::patch(object, scene.status(), next)
        .map(|patch| writes::status(scene, patch, annotate.is_some()));
    let (mut ordered, last) = ordered(scene, sets, others, routed, decided);

    let mut late = about(told.late);
    let early = about(told.early);
    match ordered.first_mut() {
        // What was decided comes after the creation, and before what follows from it.
        Some(write) => {
            let at = usize::from(matches!(write.change, Change::Create(_))).min(write.events.len());
            write.events.splice(at..at, early);
        }
        None => {
            late.splice(0..0, early);
        }
    }
    let mut events = news::refusal(scene);
    match status {
        Some(mut write) => {
            write.events.extend(late);
            ordered.push(write);
        }
        None => events.extend(late),
    }
    ordered.extend(last);
    ordered.splice(0..0, annotate);
    if let (Some(write), Some(event)) = (ordered.first_mut(), news::added(scene.rollout, object)) {
        write.events.insert(0, event);
    }
    let wake = told.wakes.into_iter().filter(|&at| scene.now < at).min();
    Act { writes: ordered, events, wake, reasons, ..Act::default() }
}

/// The writes before that of the status, and those after it: more pods come last when the API has refused the new
/// ReplicaSet, so that the status can say so.
fn ordered(
    scene: &Scene<'_>,
    sets: writes::SetWrites,
    others: Others,
    routed: Routed,
    decided: &RolloutStatus,
) -> (Vec<Write>, Vec<Write>) {
    let is_refused =
        scene.observed.refused.as_ref().is_some_and(|refused| refused.target == scene.wanted_key());
    let (first, last) = if is_refused { (Vec::new(), sets.up) } else { (sets.up, Vec::new()) };
    let stable = services::stable(scene, decided);
    let canary = services::canary(scene, decided, &routed.split);
    let (falling, rising) =
        if routed.is_falling { (routed.writes, Vec::new()) } else { (Vec::new(), routed.writes) };
    let mut ordered: Vec<Write> = others.pods;
    ordered.extend(first);
    ordered.extend(stable);
    ordered.extend(falling);
    ordered.extend(canary);
    ordered.extend(rising);
    ordered.extend(sets.down);
    ordered.extend(writes::history(scene, split::others(scene, decided).collect()));
    ordered.extend(others.evictions);
    ordered.extend(others.workload);
    (ordered, last)
}
