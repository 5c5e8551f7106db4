//! How much traffic the new version should have now, and which versions the two sides are.
//!
//! Invariants, each held by a test:
//! 1. The weight rises only when as many pods as the step asks for are available.
//! 2. It is only sent when the stable version can take the rest; otherwise the router stays as it is. A weight that falls
//!    is sent as soon as the stable version has an available pod, unless that version is small on purpose.
//! 3. Without an available pod, the new version has no weight.
//! 4. After an abort the weight never rises.

use serin_api::rollout::{AbortScaleDown, RolloutStatus, TrafficWeights, WeightDestination};

use crate::{
    course, routers,
    scale::{self, Counts, Course, Fallback, Routed, Sent, Target, Threshold, Weights},
    scene::Scene,
    set::{Set, count},
};

/// What the routers should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Share of the new version; none to leave the routers as they are.
    pub(crate) weight: Option<u32>,
    /// Hash of the pods behind the canary Service.
    pub(crate) canary_hash: String,
    /// Whether the canary Service must keep what it selects: its pods still have traffic.
    pub(crate) holds_canary: bool,
}

/// The share that the new version should have.
pub(crate) fn split(scene: &Scene<'_>, next: &RolloutStatus) -> Split {
    let new = scene.wanted();
    let recorded = scene.status().canary.weights.as_ref();
    if is_returning(scene, next) {
        let previous = recorded.map(|weights| weights.canary.pod_template_hash.clone()).unwrap_or_default();
        let sent = fallback(scene, next).sent(&scene.scale_steps(), recorded.map(|w| count(w.canary.weight)));
        return Split { weight: Some(sent.weight), canary_hash: previous, holds_canary: true };
    }
    let (weight, holds_canary) = wanted(scene, next);
    let rest = scene.whole().max_weight.saturating_sub(weight);
    let stable = stable(scene, next).unwrap_or(new);
    let is_taken = carries(scene, stable, rest) || relieves(scene, stable, weight);
    let is_sent = !next.stable_rs.is_empty() && is_taken;
    Split { weight: is_sent.then_some(weight), canary_hash: new.hash.clone(), holds_canary }
}

/// Whether `weight` takes traffic from the new version to where it is served. A stable version that has lost a pod or two
/// serves it all the same, and what it is taken from is withdrawn or has no pods for it. A dynamic one is small on
/// purpose, and grows first.
fn relieves(scene: &Scene<'_>, stable: &Set<'_>, weight: u32) -> bool {
    !scene.is_dynamic() && 0 < stable.available && weight < current(scene)
}

/// The largest weight that the routers may have now: the record is behind them when a pass was cut short.
pub(crate) fn current(scene: &Scene<'_>) -> u32 {
    let recorded = scene.status().canary.weights.as_ref().map_or(0, |weights| count(weights.canary.weight));
    recorded.max(routers::observed(scene).unwrap_or(0))
}

fn wanted(scene: &Scene<'_>, next: &RolloutStatus) -> (u32, bool) {
    let whole = scene.whole();
    if course::is_promoted(scene, next) || next.stable_rs.is_empty() {
        return (0, false);
    }
    if next.abort {
        let sent = aborted(scene, next);
        return (sent.weight, 0 < sent.weight && scene.is_dynamic());
    }
    if scene.wanted().available == 0 {
        return (0, false);
    }
    let recorded = scene.status().canary.weights.as_ref();
    if next.promote_full {
        let kept = recorded.map_or(0, |weights| count(weights.canary.weight));
        let weight = if scene.is_dynamic() { whole.weight_of(scene.wanted().available) } else { kept };
        return (weight.min(whole.max_weight), false);
    }
    let steps = scene.scale_steps();
    // Without steps there is no share on the way: traffic changes with the Services, at the promotion.
    if steps.is_empty() {
        return (0, false);
    }
    let course = steps_course(scene, next, &steps);
    if is_reached(scene, next) {
        return (scale::weight(&course), false);
    }
    let earlier = match next.current_step_index {
        Some(index) if index > 0 => Some(index.unsigned_abs() - 1),
        _ => return (0, false),
    };
    // A step down begins with the traffic: its pods go after that.
    (scale::weight(&course).min(scale::weight(&Course { index: earlier, ..course })), false)
}

/// A finished Rollout whose stable version was scaled down goes back to it: traffic follows its pods.
pub(crate) fn is_returning(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    let recorded = scene.status().canary.weights.as_ref();
    let other = recorded.is_some_and(|weights| weights.canary.pod_template_hash != scene.wanted().hash);
    scene.is_dynamic()
        && course::is_promoted(scene, next)
        && other
        && scene.wanted().available < scene.replicas()
}

/// What an aborted update sends.
pub(crate) fn aborted(scene: &Scene<'_>, next: &RolloutStatus) -> Sent {
    if !scene.is_dynamic() || stable(scene, next).is_none() {
        return Sent { desired: 0, weight: 0 };
    }
    let recorded = scene.status().canary.weights.as_ref().map(|weights| count(weights.canary.weight));
    fallback(scene, next).sent(&scene.scale_steps(), recorded)
}

fn fallback(scene: &Scene<'_>, next: &RolloutStatus) -> Fallback {
    let explicit = scene.canary.abort_scale_down_delay_seconds.is_some_and(|seconds| seconds > 0);
    Fallback {
        whole: scene.whole(),
        stable_available: stable(scene, next).map_or(0, |set| set.available),
        new_available: scene.wanted().available,
        keeps_new: explicit,
    }
}

/// The counts that the current step asks for.
pub(crate) fn counts(scene: &Scene<'_>, next: &RolloutStatus) -> Counts {
    let whole = scene.whole();
    let steps = scene.scale_steps();
    let mut target = scale::target(&steps_course(scene, next, &steps));
    if next.abort && scene.is_dynamic() {
        target = Target::Weight(aborted(scene, next).desired);
    }
    if !scene.is_routed() {
        let weight = match target {
            Target::Weight(weight) => weight,
            Target::Replicas(_) => 0,
        };
        return scale::approximate(whole, weight, surge(scene));
    }
    let recorded = scene.status().canary.weights.as_ref();
    // Without a record all traffic goes to the stable version: nothing was sent elsewhere, or a crash lost the record.
    let actual = recorded.map_or(Weights { canary: 0, stable: whole.max_weight }, |weights| Weights {
        canary: count(weights.canary.weight),
        stable: count(weights.stable.weight),
    });
    scale::routed(&Routed {
        whole,
        target,
        min_pods: scene.canary.min_pods_per_replica_set.map_or(0, count),
        dynamic: scene.is_dynamic(),
        actual: Some(actual),
        aborted: next.abort,
    })
}

/// The counts to set after the routers were told `sent`; none when they were left as they are. The new version keeps the
/// pods for the share that it still has, unless their number was asked for. A dynamic stable version has the pods for
/// what it was given before and for what it has now: the record is a pass behind, and may be lost.
pub(crate) fn placed(scene: &Scene<'_>, next: &RolloutStatus, sent: Option<u32>) -> Counts {
    let mut counts = counts(scene, next);
    let whole = scene.whole();
    let steps = scene.scale_steps();
    let course = steps_course(scene, next, &steps);
    // A number or a share that `setCanaryScale` asks for is what its author wants, whatever the traffic.
    let follows_traffic = scale::target(&course) == Target::Weight(scale::weight(&course));
    if follows_traffic && !next.abort {
        let recorded = scene.status().canary.weights.as_ref().map(|weights| &weights.canary);
        let is_own = recorded.is_none_or(|canary| canary.pod_template_hash == scene.wanted().hash);
        let share = sent.unwrap_or(if is_own { current(scene) } else { 0 });
        counts.canary = counts.canary.max(whole.replicas_for(share).min(scene.wanted().spec));
    }
    if scene.is_dynamic() {
        let has = stable(scene, next).map_or(0, |set| set.spec.min(whole.replicas));
        let needed = sent.map_or(has, |weight| whole.replicas_for(whole.max_weight.saturating_sub(weight)));
        counts.stable = counts.stable.max(needed);
    }
    counts
}

/// Whether the pods are where the current step wants them.
pub(crate) fn is_reached(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    let wanted = counts(scene, next);
    if !scale::new_is_reached(scene.wanted().counts(), wanted.canary, threshold(scene)) {
        return false;
    }
    let stable = stable(scene, next);
    let settled = |set: &Set<'_>| scale::stable_is_reached(set.spec, set.current, wanted.stable);
    if !scene.is_dynamic() && stable.is_some_and(|set| !settled(set)) {
        return false;
    }
    scene.is_routed() || others(scene, next).all(|index| scene.sets[index].available == 0)
}

/// Whether enough pods of the new version are available to end the update.
pub(crate) fn is_complete(scene: &Scene<'_>) -> bool {
    let new = scene.wanted();
    let enough = scene.replicas() <= new.available;
    enough || threshold(scene).is_some_and(|t| scale::new_is_reached(new.counts(), scene.replicas(), Some(t)))
}

/// The weights to record once `weight` was sent.
pub(crate) fn record(
    scene: &Scene<'_>,
    next: &RolloutStatus,
    canary_hash: &str,
    weight: u32,
) -> TrafficWeights {
    let side = |weight: u32, service: &str, hash: &str| WeightDestination {
        weight: i32::try_from(weight).unwrap_or(i32::MAX),
        service_name: service.to_owned(),
        pod_template_hash: hash.to_owned(),
        ..Default::default()
    };
    let rest = scene.whole().max_weight.saturating_sub(weight);
    TrafficWeights {
        canary: side(weight, &scene.canary.canary_service, canary_hash),
        stable: side(rest, &scene.canary.stable_service, &next.stable_rs),
        ..Default::default()
    }
}

/// The stable version, if it is another one than the wanted.
pub(crate) fn stable<'a, 's>(scene: &'s Scene<'a>, next: &RolloutStatus) -> Option<&'s Set<'a>> {
    let index = scene.with_hash(&next.stable_rs)?;
    (index != scene.new).then(|| &scene.sets[index])
}

/// Indices of the ReplicaSets that are neither new nor stable.
pub(crate) fn others<'s>(scene: &'s Scene<'_>, next: &RolloutStatus) -> impl Iterator<Item = usize> + 's {
    let stable = scene.with_hash(&next.stable_rs);
    (0..scene.sets.len()).filter(move |&index| index != scene.new && Some(index) != stable)
}

/// Whether an abort leaves the canary's pods for good.
pub(crate) fn keeps_aborted(scene: &Scene<'_>) -> bool {
    scene.canary.abort_scale_down() == AbortScaleDown::Never
}

fn steps_course<'s>(scene: &Scene<'_>, next: &RolloutStatus, steps: &'s [scale::Step]) -> Course<'s> {
    Course {
        max_weight: scene.whole().max_weight,
        steps,
        index: next.current_step_index.map(i32::unsigned_abs),
        straight: course::is_straight(scene, next),
        aborted: next.abort,
        routed: scene.is_routed(),
        scale_survives_abort: keeps_aborted(scene),
    }
}

/// Whether `set` has the pods for `weight`, or as many as are said to be enough.
fn carries(scene: &Scene<'_>, set: &Set<'_>, weight: u32) -> bool {
    let whole = scene.whole();
    let needed = u64::from(weight) * u64::from(whole.replicas) / u64::from(whole.max_weight.max(1));
    let wanted = whole.replicas_for(weight);
    needed <= u64::from(set.available)
        || threshold(scene).is_some_and(|t| scale::new_is_reached(set.counts(), wanted, Some(t)))
}

fn threshold(scene: &Scene<'_>) -> Option<Threshold> {
    let threshold = scene.canary.replica_progress_threshold.as_ref()?;
    let value = u32::try_from(threshold.value).ok()?;
    match threshold.kind.as_str() {
        "Percent" => Some(Threshold::Percent(value)),
        "Pods" => Some(Threshold::Pods(value)),
        _ => None,
    }
}

fn surge(scene: &Scene<'_>) -> u32 {
    fenceposts(scene).surge
}

/// How far the update may stray from the wanted number of pods. Texts that are no percentage are refused before.
pub(crate) fn fenceposts(scene: &Scene<'_>) -> scale::Fenceposts {
    let (surge, unavailable) = (scene.canary.max_surge(), scene.canary.max_unavailable());
    scale::fenceposts(scene.replicas(), &surge, &unavailable).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::made::Made;

    /// The weight that is sent for available pods of both versions of 4, at a step.
    fn weight(status: &serde_json::Value, stable: u32, new: u32) -> Option<u32> {
        let canary = json!({
            "trafficRouting": {"nginx": {"stableIngress": "web"}},
            "steps": [{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}],
        });
        let mut all = json!({"stableRS": "old", "currentPodHash": "new"});
        for (key, value) in status.as_object().unwrap() {
            all[key] = value.clone();
        }
        let made = Made::new(&canary, &all, &[("old", 4, stable, 9), ("new", new, new, 1)]);
        let scene = made.scene();
        split(&scene, scene.status()).weight
    }

    #[test]
    fn the_weight_follows_the_pods_that_are_there() {
        let at = |index: i32| json!({"currentStepIndex": index});
        let before = |weight: i32, status: &serde_json::Value| {
            let mut status = status.clone();
            status["canary"]["weights"] = json!({
                "canary": {"weight": weight, "podTemplateHash": "new"}, "stable": {"weight": 100 - weight},
            });
            status
        };
        let sent = |weight: i32| before(weight, &json!({"currentStepIndex": 3, "promoteFull": true}));
        let rows = [
            (at(0), 4, 0, Some(0)),
            (at(0), 4, 1, Some(25)),
            // Too few for this step: what the step before asked for.
            (at(1), 4, 1, Some(25)),
            (at(1), 4, 2, Some(50)),
            (at(2), 4, 2, Some(50)),
            // Nobody is there any more.
            (at(2), 4, 0, Some(0)),
            // The stable version cannot take the rest: the router stays as it is.
            (at(1), 1, 2, None),
            (at(2), 3, 0, None),
            (json!({"currentStepIndex": 0, "abort": true}), 4, 2, Some(0)),
            (json!({"currentStepIndex": 0, "abort": true}), 3, 2, None),
            (json!({"stableRS": "new", "currentStepIndex": 3}), 4, 4, Some(0)),
            (json!({"stableRS": ""}), 0, 0, None),
            (sent(50), 4, 3, Some(50)),
            (sent(50), 4, 0, Some(0)),
            // Away from nobody, and after an abort: whoever is left takes it. A weight that rises waits.
            (sent(50), 3, 0, Some(0)),
            (sent(50), 1, 0, Some(0)),
            (sent(50), 0, 0, None),
            (sent(50), 1, 3, None),
            (before(25, &at(1)), 1, 2, None),
            (before(25, &at(2)), 3, 0, Some(0)),
            (before(50, &json!({"currentStepIndex": 0, "abort": true})), 3, 2, Some(0)),
            (before(50, &json!({"currentStepIndex": 0, "abort": true})), 1, 2, Some(0)),
            (before(50, &json!({"currentStepIndex": 0, "abort": true})), 0, 2, None),
            (before(0, &json!({"currentStepIndex": 0, "abort": true})), 3, 2, None),
        ];
        for (status, stable, new, wanted) in rows {
            assert_eq!(weight(&status, stable, new), wanted, "{status}, {stable} stable, {new} new");
        }
    }

    #[test]
    fn after_an_abort_the_weight_never_rises() {
        for before in [0, 10, 25, 50, 75, 100] {
            for (stable, new) in (0..=4).flat_map(|stable| (0..=4).map(move |new| (stable, new))) {
                let weights = json!({"canary": {"weight": before}, "stable": {"weight": 100 - before}});
                let status = json!({"abort": true, "currentStepIndex": 0, "canary": {"weights": weights}});
                let sent = weight(&status, stable, new).unwrap_or(before);
                assert!(sent <= before, "{before} to {sent}, {stable} stable, {new} new");
            }
        }
    }
}
