//! Where the update goes: reset, abort, promotion in full, pauses and steps.
//!
//! Invariants, each held by a test:
//! 1. The index moves by one step at a time, or to an end that a person or a rollback asked for.
//! 2. A step is completed only by what was observed, never while `spec.paused`.
//! 3. An aborted update has no pause and stands at its first step.
//! 4. A clock behind the stored time completes nothing.
//!
//! Every function takes the status as it is so far and changes only what it decides; the caller writes it once.

use std::time::Duration;

use serin_api::{
    names::{CompletionStatus, EventReason, PauseReason},
    rollout::{CanaryStep, PauseCondition, PauseStep, RolloutStatus, StepKind},
};
use serin_kernel::Moment;

use crate::{scene::Scene, set::Set, split, tell::Tell};

/// What an earlier pass had stored is no longer what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing new.
    None,
    /// Another template, or other steps in mid-update.
    Restart,
}

/// Whether the update has to begin afresh.
///
/// A finished Rollout whose steps have another hash is not changed: only the hash is (another program may have computed
/// it with another rule, and there is nothing to restart).
pub(crate) fn change(scene: &Scene<'_>) -> Change {
    let status = scene.status();
    let same_template = status.current_pod_hash == scene.wanted().hash;
    let same_steps = status.current_step_hash == scene.step_hash;
    if same_template && (same_steps || is_promoted(scene, status)) { Change::None } else { Change::Restart }
}

/// Whether the wanted version is the stable one.
pub(crate) fn is_promoted(scene: &Scene<'_>, status: &RolloutStatus) -> bool {
    !status.stable_rs.is_empty() && status.stable_rs == scene.wanted().hash
}

/// Begins afresh, or goes straight to the end when the wanted version needs no steps.
pub(crate) fn restart(scene: &Scene<'_>, next: &mut RolloutStatus) -> Vec<Tell> {
    let resumed = clear(next);
    next.restarted_at = scene.rollout.spec.restart_at;
    next.current_pod_hash.clone_from(&scene.wanted().hash);
    next.canary.current_step_analysis_run_status = None;
    next.canary.current_background_analysis_run_status = None;
    next.canary.current_experiment.clear();
    next.canary.step_plugin_statuses.clear();
    let Some(end) = scene.end() else {
        next.current_step_index = None;
        return resumed.into_iter().collect();
    };
    let was_known = !scene.status().current_pod_hash.is_empty();
    let shortcut = if is_promoted(scene, next) {
        Some("Rollback to stable ReplicaSets")
    } else if is_rollback_within_window(scene, next) && scene.wanted().spec > 0 {
        Some("Rollback to active ReplicaSets within RollbackWindow")
    } else {
        None
    };
    next.current_step_index = Some(if shortcut.is_some() { end } else { 0 });
    let told = shortcut.filter(|_| was_known);
    told.map(|text| Tell::normal(EventReason::SkipSteps, text)).into_iter().chain(resumed).collect()
}

/// How going to the wanted version ends, when it is the stable one or older than that.
pub(crate) fn rollback(scene: &Scene<'_>, status: &RolloutStatus) -> Option<CompletionStatus> {
    let stable = scene.with_hash(&status.stable_rs)?;
    if stable == scene.new || is_rollback_within_window(scene, status) {
        return Some(CompletionStatus::FastRolledBack);
    }
    let is_older = scene.wanted().created()? < scene.sets[stable].created()?;
    is_older.then_some(CompletionStatus::RolledBack)
}

/// Brings the index back within the steps (users write it) and drops requests that have no meaning any more. Returns
/// the news of a pause that ends by it.
pub(crate) fn settle(scene: &Scene<'_>, next: &mut RolloutStatus) -> Option<Tell> {
    next.current_step_hash.clone_from(&scene.step_hash);
    next.current_step_index = scene.end().map(|end| next.current_step_index.unwrap_or(0).clamp(0, end));
    if is_promoted(scene, next) {
        let resumed = clear(next);
        next.current_step_index = scene.end();
        return resumed;
    }
    let mut resumed = None;
    if next.promote_full || is_rollback_within_window(scene, next) {
        let promote_full = next.promote_full;
        resumed = clear(next);
        next.promote_full = promote_full;
        next.current_step_index = scene.end();
    }
    // Who moves the index away from a pause has ended that one, and no later one.
    if next.pause_conditions.is_empty() && !stands_at_pause(scene, next) {
        next.controller_pause = false;
    }
    if next.abort {
        abort(scene, next);
    } else {
        next.aborted_at = None;
    }
    resumed
}

/// Whether the index is that of a pause, going on or held by `spec.paused`.
fn stands_at_pause(scene: &Scene<'_>, status: &RolloutStatus) -> bool {
    let index = status.current_step_index.and_then(|index| usize::try_from(index).ok());
    let step = index.and_then(|index| scene.steps().get(index));
    matches!(step.and_then(CanaryStep::kind), Some(StepKind::Pause(_)))
}

/// Stops the update; traffic and pods go back to the stable version.
pub(crate) fn abort(scene: &Scene<'_>, next: &mut RolloutStatus) {
    next.abort = true;
    next.aborted_at.get_or_insert(scene.now.truncated());
    next.pause_conditions.clear();
    next.controller_pause = false;
    next.current_step_index = scene.end().map(|_| 0);
}

/// Whether the wanted version is older than the stable one, and few enough versions lie between them.
pub(crate) fn is_rollback_within_window(scene: &Scene<'_>, status: &RolloutStatus) -> bool {
    let allowed = usize::try_from(scene.rollout.spec.rollback_revisions()).unwrap_or(0);
    let stable = scene.with_hash(&status.stable_rs).map(|index| &scene.sets[index]);
    let (Some(new), Some(stable)) = (scene.wanted().created(), stable.and_then(Set::created)) else {
        return false;
    };
    let created = scene.sets.iter().filter_map(Set::created);
    let between = created.filter(|&moment| new < moment && moment < stable).count();
    new < stable && between < allowed
}

/// Completes the current step when it is a pause that is over. Returns the news, and when to look again.
pub(crate) fn leave_pause(scene: &Scene<'_>, next: &mut RolloutStatus) -> (Vec<Tell>, Option<Moment>) {
    let Some((step, pause)) = current_pause(scene, next) else {
        return (Vec::new(), None);
    };
    let mut told = Vec::new();
    match next.pause(PauseReason::CanaryPauseStep).map(|held| held.start_time) {
        // A user has cleared the condition.
        None if next.controller_pause && next.pause_conditions.is_empty() => {}
        None => return (told, None),
        Some(started) => {
            let Some(ends) = end_of(pause, started) else {
                return (told, None);
            };
            if scene.now < ends {
                return (told, Some(ends));
            }
            told.push(resumed());
        }
    }
    next.pause_conditions.retain(|held| held.reason != PauseReason::CanaryPauseStep);
    next.controller_pause = !next.pause_conditions.is_empty();
    told.insert(0, complete(scene, next, step));
    (told, None)
}

/// Begins to wait when the current step says so. Returns the news, and when the wait is over.
pub(crate) fn enter_pause(scene: &Scene<'_>, next: &mut RolloutStatus) -> (Vec<Tell>, Option<Moment>) {
    let Some((_, pause)) = current_pause(scene, next) else {
        return (Vec::new(), None);
    };
    let resumed = next.controller_pause && next.pause_conditions.is_empty();
    if resumed || next.pause(PauseReason::CanaryPauseStep).is_some() {
        return (Vec::new(), None);
    }
    let started = Some(scene.now.truncated());
    let reason = PauseReason::CanaryPauseStep;
    next.pause_conditions.push(PauseCondition {
        reason: reason.into(),
        start_time: started,
        ..Default::default()
    });
    next.controller_pause = true;
    let told = Tell::normal(EventReason::RolloutPaused, format!("Rollout is paused ({reason})"));
    (vec![told], end_of(pause, started))
}

/// Counts the current step as done.
pub(crate) fn complete(scene: &Scene<'_>, next: &mut RolloutStatus, step: &CanaryStep) -> Tell {
    let index = next.current_step_index.unwrap_or(0);
    next.current_step_index = Some(index + 1);
    let (number, total) = (index + 1, scene.steps().len());
    let text = format!("Rollout step {number}/{total} completed ({})", describe(step));
    Tell::normal(EventReason::RolloutStepCompleted, text)
}

/// Makes the wanted version the stable one when all that it needs is done. `decided` is the status before this pass
/// completed a step: the weight of the last step has to be sent first. Returns the news.
pub(crate) fn promote(
    scene: &Scene<'_>,
    decided: &RolloutStatus,
    next: &mut RolloutStatus,
) -> Option<(Vec<Tell>, CompletionStatus)> {
    if is_promoted(scene, decided) {
        return None;
    }
    let steps = scene.steps().len();
    let reason = if scene.with_hash(&decided.stable_rs).is_none() {
        "Initial deploy".to_owned()
    } else if decided.abort || !split::is_complete(scene) {
        return None;
    } else if decided.promote_full {
        "Full promotion requested".to_owned()
    } else if is_rollback_within_window(scene, decided) {
        "Rollback within window".to_owned()
    } else if decided.current_step_index == scene.end() {
        format!("Completed all {steps} canary steps")
    } else {
        return None;
    };
    let status =
        if decided.promote_full { CompletionStatus::FastPromoted } else { CompletionStatus::Promoted };
    let (revision, hash) = (scene.revision(), &scene.wanted().hash);
    let text = format!("Rollout completed update to revision {revision} ({hash}): {reason}");
    let told = [Tell::normal(EventReason::RolloutCompleted, text)].into_iter().chain(clear(next)).collect();
    next.current_step_index = scene.end();
    next.stable_rs.clone_from(hash);
    Some((told, status))
}

/// Completes the current step when it sets counts or a weight and they are there. `is_held` says that a router cannot
/// be told its weight. A client that moved the index alone has left the condition of a pause, which ends with the step.
pub(crate) fn leave_counts(scene: &Scene<'_>, next: &mut RolloutStatus, is_held: bool) -> Vec<Tell> {
    let step = current(scene, next);
    let done = step.filter(|step| match step.kind() {
        Some(StepKind::SetCanaryScale(_)) => split::is_reached(scene, next),
        Some(StepKind::SetWeight(_)) => !is_held && split::is_reached(scene, next),
        _ => false,
    });
    let Some(step) = done else { return Vec::new() };
    let mut told = vec![complete(scene, next, step)];
    if next.pause(PauseReason::CanaryPauseStep).is_some() {
        next.pause_conditions.retain(|held| held.reason != PauseReason::CanaryPauseStep);
        next.controller_pause = !next.pause_conditions.is_empty();
        told.push(resumed());
    }
    told
}

/// The step that is going on: none when the update is aborted, held by `spec.paused` or over.
pub(crate) fn current<'a>(scene: &Scene<'a>, status: &RolloutStatus) -> Option<&'a CanaryStep> {
    let still = !status.abort && !scene.rollout.spec.paused && !is_straight(scene, status);
    let index = usize::try_from(status.current_step_index?).ok()?;
    scene.steps().get(index).filter(|_| still)
}

/// Whether the wanted version goes to everything without steps.
pub(crate) fn is_straight(scene: &Scene<'_>, status: &RolloutStatus) -> bool {
    status.promote_full || status.stable_rs.is_empty() || is_promoted(scene, status)
}

fn current_pause<'a>(scene: &Scene<'a>, status: &RolloutStatus) -> Option<(&'a CanaryStep, &'a PauseStep)> {
    let step = current(scene, status)?;
    match step.kind() {
        Some(StepKind::Pause(pause)) => Some((step, pause)),
        _ => None,
    }
}

/// When the pause is over; none when a person has to end it. A condition without a time began at an unknown time, so
/// that only a person can end it, too.
fn end_of(pause: &PauseStep, started: Option<Moment>) -> Option<Moment> {
    let seconds = pause.seconds().ok()??;
    Some(started?.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
}

/// Drops pauses and requests. Returns the news of a pause that ends by it.
fn clear(next: &mut RolloutStatus) -> Option<Tell> {
    let told = (!next.pause_conditions.is_empty()).then(resumed);
    next.pause_conditions.clear();
    next.controller_pause = false;
    next.abort = false;
    next.aborted_at = None;
    next.promote_full = false;
    told
}

fn resumed() -> Tell {
    Tell::normal(EventReason::RolloutResumed, "Rollout is resumed")
}

/// The step as events name it.
fn describe(step: &CanaryStep) -> String {
    match step.kind() {
        Some(StepKind::Pause(pause)) => {
            let duration = pause.duration.as_ref();
            duration.map_or_else(|| "pause".to_owned(), |duration| format!("pause: {duration}"))
        }
        Some(StepKind::SetCanaryScale(scale)) => {
            match (scale.match_traffic_weight, scale.weight, scale.replicas) {
                (true, _, _) => "setCanaryScale{matchTrafficWeight: true}".to_owned(),
                (_, Some(weight), _) => format!("setCanaryScale{{weight: {weight}}}"),
                (_, _, Some(replicas)) => format!("setCanaryScale{{replicas: {replicas}}}"),
                _ => "setCanaryScale".to_owned(),
            }
        }
        Some(StepKind::SetWeight(weight)) => format!("setWeight: {weight}"),
        Some(StepKind::Experiment(_)) => "experiment".to_owned(),
        Some(StepKind::Analysis(_)) => "analysis".to_owned(),
        Some(StepKind::SetHeaderRoute(route)) => format!("setHeaderRoute: {}", route.name),
        Some(StepKind::SetMirrorRoute(route)) => format!("setMirrorRoute: {}", route.name),
        Some(StepKind::Plugin(plugin)) => format!("plugin: {}", plugin.name),
        None => "invalid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::made::{Made, now};

    const OLD: (&str, u32, u32, u64) = ("old", 4, 4, 9);
    const NEW: (&str, u32, u32, u64) = ("new", 1, 1, 1);

    fn canary() -> Value {
        json!({"steps": [{"setWeight": 25}, {"pause": {"duration": 10}}, {"setWeight": 50}]})
    }

    #[test]
    fn requests_and_indices_are_settled() {
        let rows = [
            // A user's index is brought back within the steps.
            (json!({"currentStepIndex": 9}), (Some(3), false, false)),
            (json!({"currentStepIndex": -2}), (Some(0), false, false)),
            (json!({}), (Some(0), false, false)),
            (json!({"currentStepIndex": 1}), (Some(1), false, false)),
            (json!({"currentStepIndex": 1, "promoteFull": true}), (Some(3), false, true)),
            (json!({"currentStepIndex": 2, "abort": true}), (Some(0), true, false)),
            // A full promotion is asked for later than an abort can be: it wins.
            (json!({"currentStepIndex": 2, "abort": true, "promoteFull": true}), (Some(3), false, true)),
            // Nothing is left to ask for when the wanted version is the stable one.
            (json!({"stableRS": "new", "currentStepIndex": 1, "abort": true}), (Some(3), false, false)),
            (json!({"stableRS": "new", "promoteFull": true}), (Some(3), false, false)),
        ];
        for (status, wanted) in rows {
            let mut all = json!({"stableRS": "old", "currentPodHash": "new"});
            for (key, value) in status.as_object().unwrap() {
                all[key] = value.clone();
            }
            let made = Made::new(&canary(), &all, &[OLD, NEW]);
            let scene = made.scene();
            let mut next = scene.status().clone();
            settle(&scene, &mut next);
            assert_eq!((next.current_step_index, next.abort, next.promote_full), wanted, "{status}");
            assert_eq!(next.aborted_at.is_some(), next.abort, "{status}");
        }
    }

    #[test]
    fn a_timed_pause_ends_by_the_clock_and_by_a_person_and_not_before() {
        let condition = |seconds_ago: i64| {
            let start = Moment::from_secs(now().as_secs() - seconds_ago).to_string();
            json!([{"reason": "CanaryPauseStep", "startTime": start}])
        };
        let rows = [
            (condition(0), Some(1), Some(10)),
            (condition(9), Some(1), Some(1)),
            (condition(10), Some(2), None),
            (condition(4000), Some(2), None),
            // The clock is behind the stored time.
            (condition(-5), Some(1), Some(15)),
            // A person has cleared the condition.
            (json!([]), Some(2), None),
            // Nobody knows since when.
            (json!([{"reason": "CanaryPauseStep"}]), Some(1), None),
        ];
        for (conditions, index, wake) in rows {
            let status = json!({
                "stableRS": "old", "currentPodHash": "new", "currentStepIndex": 1, "controllerPause": true,
                "pauseConditions": conditions,
            });
            let made = Made::new(&canary(), &status, &[OLD, NEW]);
            let scene = made.scene();
            let mut next = scene.status().clone();
            let (told, at) = leave_pause(&scene, &mut next);
            assert_eq!(next.current_step_index, index, "{conditions}");
            assert_eq!(at.map(|at| at.as_secs() - now().as_secs()), wake, "{conditions}");
            assert_eq!(told.is_empty(), index == Some(1), "{conditions}");
        }
    }

    #[test]
    fn only_another_template_or_other_steps_in_mid_update_begin_afresh() {
        let hash = Made::new(&canary(), &json!({}), &[NEW]).scene().step_hash;
        let rows = [
            ("new", "old", hash.as_str(), Change::None),
            ("new", "old", "other", Change::Restart),
            ("new", "new", "other", Change::None),
            ("old", "old", hash.as_str(), Change::Restart),
            ("", "", "", Change::Restart),
        ];
        for (current, stable, steps, wanted) in rows {
            let status = json!({"currentPodHash": current, "stableRS": stable, "currentStepHash": steps});
            let made = Made::new(&canary(), &status, &[OLD, NEW]);
            assert_eq!(change(&made.scene()), wanted, "{current}, {stable}, {steps}");
        }
    }

    #[test]
    fn the_window_counts_the_versions_between() {
        let rows: [(&[crate::made::Version], bool); 4] = [
            (&[("old", 4, 4, 1), ("new", 1, 1, 9)], true),
            (&[("old", 4, 4, 1), ("mid", 0, 0, 5), ("new", 1, 1, 9)], false),
            // What is older or younger than both is not between.
            (&[("older", 0, 0, 20), ("old", 4, 4, 1), ("new", 1, 1, 9)], true),
            (&[("old", 4, 4, 9), ("new", 1, 1, 1)], false),
        ];
        for (versions, wanted) in rows {
            let made = Made::new(&canary(), &json!({"stableRS": "old"}), versions);
            let scene = made.scene();
            assert_eq!(is_rollback_within_window(&scene, scene.status()), wanted, "{versions:?}");
        }
    }
}
