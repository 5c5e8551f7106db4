//! The conditions: what people and programs wait for.

use std::time::Duration;

use serin_api::{
    meta::Condition,
    names::{ConditionType, EventReason, Reason},
    rollout::{CanaryStep, RolloutStatus, StepKind},
};
use serin_kernel::Moment;

use crate::{course, scene::Scene, set::count, tell::Tell};

/// Beyond the progress deadline by this much, so that "later than the deadline" is true when the pass comes.
const DEADLINE_MARGIN: Duration = Duration::from_secs(1);

/// What this pass adds to the picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Why the update was aborted in this pass, beyond that it was.
    pub(crate) abort_cause: Option<String>,
    /// Whether the wanted ReplicaSet is created in this pass.
    pub(crate) creates: bool,
    /// Why the wanted ReplicaSet could not be created.
    pub(crate) create_error: Option<String>,
}

/// Sets `kind` to `status`; nothing changes when status and reason are what they were.
pub(crate) fn put(
    status: &mut RolloutStatus,
    kind: ConditionType,
    (value, reason): (&str, Reason),
    message: impl Into<String>,
    now: Moment,
) -> bool {
    Condition::new(kind, value, reason, message).set(&mut status.conditions, now)
}

/// Takes the condition `kind` away.
pub(crate) fn remove(status: &mut RolloutStatus, kind: ConditionType) {
    status.conditions.retain(|condition| condition.kind != kind);
}

/// Sets all conditions of `next`, whose other fields are final. Returns the news, and when to look again.
pub(crate) fn conditions(
    scene: &Scene<'_>,
    next: &mut RolloutStatus,
    outcome: &Outcome,
) -> (Vec<Tell>, Option<Moment>) {
    let now = scene.now;
    remove(next, ConditionType::InvalidSpec);
    let is_paused = scene.rollout.spec.paused || !next.pause_conditions.is_empty();
    let is_healthy = is_healthy(scene, next);
    let became_unhealthy = healthy(next, !is_paused && is_healthy, now);
    completed(scene, next);
    let mut told = Vec::new();
    progressing(scene, next, outcome, (is_healthy, became_unhealthy), &mut told);
    paused(scene, next, is_paused);

    let enough = scene.replicas() <= scene.available();
    let (value, text) = if enough {
        ("True", "Rollout has minimum availability")
    } else {
        ("False", "Rollout does not have minimum availability")
    };
    put(next, ConditionType::Available, (value, Reason::Available), text, now);
    failure(scene, next);
    (told, deadline(scene, next))
}

/// Whether the update is later than its deadline, and this pass saw nothing move either.
pub(crate) fn is_overdue(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    is_late(scene, next) && !has_progressed(scene.status(), next)
}

/// Whether the update is later than its deadline, by the condition that `status` has.
fn is_late(scene: &Scene<'_>, status: &RolloutStatus) -> bool {
    deadline_of(scene, status).is_some_and(|deadline| deadline < scene.now)
}

fn healthy(next: &mut RolloutStatus, is_healthy: bool, now: Moment) -> bool {
    let kind = ConditionType::Healthy;
    if is_healthy {
        put(next, kind, ("True", Reason::RolloutHealthy), "Rollout is healthy", now);
        return false;
    }
    next.condition(kind).is_some()
        && put(next, kind, ("False", Reason::RolloutHealthy), "Rollout is not healthy", now)
}

fn completed(scene: &Scene<'_>, next: &mut RolloutStatus) {
    let reason = Reason::RolloutCompleted;
    let value = if course::is_promoted(scene, next) { "True" } else { "False" };
    put(next, ConditionType::Completed, (value, reason), reason.as_str(), scene.now);
}

fn progressing(
    scene: &Scene<'_>,
    next: &mut RolloutStatus,
    outcome: &Outcome,
    (is_healthy, became_unhealthy): (bool, bool),
    told: &mut Vec<Tell>,
) {
    let (kind, now, name) = (ConditionType::Progressing, scene.now, &scene.wanted().name);
    if let Some(error) = &outcome.create_error {
        let text = format!("Failed to create new replica set \"{name}\": {error}");
        if put(next, kind, ("False", Reason::ReplicaSetCreateError), text.clone(), now) {
            told.push(Tell::warning(EventReason::ReplicaSetCreateError, text));
        }
        return;
    }
    if next.abort {
        let cause = outcome.abort_cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = format!("Rollout aborted update to revision {}{cause}", scene.revision());
        if put(next, kind, ("False", Reason::RolloutAborted), text.clone(), now) {
            told.push(Tell::warning(EventReason::RolloutAborted, text));
        }
        return;
    }
    let old = scene.status();
    let was = old.condition(kind).map(|condition| condition.reason.clone()).unwrap_or_default();
    if was == Reason::RolloutAborted {
        put(next, kind, ("Unknown", Reason::RolloutRetry), "Retrying Rollout after abort", now);
    }
    let at_rest = next.replicas == next.available_replicas && was == Reason::NewReplicaSetAvailable;
    if is_healthy {
        let text = format!("ReplicaSet \"{name}\" has successfully progressed.");
        put(next, kind, ("True", Reason::NewReplicaSetAvailable), text, now);
    } else if at_rest && !became_unhealthy && !has_progressed(old, next) {
        // Nothing goes on, so there is nothing to judge.
    } else if outcome.creates {
        renew(next, Reason::NewReplicaSetCreated, &format!("Created new replica set \"{name}\""), now);
    } else if has_progressed(old, next) || became_unhealthy {
        if became_unhealthy && course::is_promoted(scene, next) {
            let text = "Rollout does not have minimum availability";
            renew(next, Reason::ReplicaSetNotAvailable, text, now);
        } else {
            renew(next, Reason::ReplicaSetUpdated, &format!("ReplicaSet \"{name}\" is progressing."), now);
        }
    } else if is_late(scene, next) {
        let text = format!("ReplicaSet \"{name}\" has timed out progressing.");
        put(next, kind, ("False", Reason::ProgressDeadlineExceeded), text, now);
    }
}

/// Writes the condition even when its reason stays, because its update time is what the progress deadline runs from.
fn renew(next: &mut RolloutStatus, reason: Reason, message: &str, now: Moment) {
    let kind = ConditionType::Progressing;
    let since = next.condition(kind).filter(|old| old.is_true()).and_then(|old| old.last_transition_time);
    remove(next, kind);
    put(next, kind, ("True", reason), message, now);
    if let (Some(since), Some(condition)) = (since, next.conditions.last_mut()) {
        condition.last_transition_time = Some(since);
    }
}

/// While the update is aborted, the pause conditions stay as they were.
fn paused(scene: &Scene<'_>, next: &mut RolloutStatus, is_paused: bool) {
    if next.abort {
        return;
    }
    let (now, kind, message) = (scene.now, ConditionType::Paused, "Rollout is paused");
    let was_paused = next.condition(kind).is_some_and(Condition::is_true);
    if is_paused != was_paused {
        let value = if is_paused { "True" } else { "False" };
        put(next, kind, (value, Reason::RolloutPaused), message, now);
    }
    if course::is_promoted(scene, next) {
        return;
    }
    let progress = ConditionType::Progressing;
    let says_paused = next.condition(progress).is_some_and(|held| held.reason == Reason::RolloutPaused);
    if is_paused && !says_paused {
        let old = scene.status().condition(progress).filter(|old| old.reason == Reason::RolloutPaused);
        match old.cloned() {
            Some(old) => {
                remove(next, progress);
                next.conditions.push(old);
            }
            None => {
                put(next, progress, ("Unknown", Reason::RolloutPaused), message, now);
            }
        }
    } else if !is_paused && says_paused {
        put(next, progress, ("Unknown", Reason::RolloutResumed), "Rollout is resumed", now);
    }
}

fn failure(scene: &Scene<'_>, next: &mut RolloutStatus) {
    let kind = ConditionType::ReplicaFailure;
    let stable = scene.with_hash(&next.stable_rs);
    let order = std::iter::once(scene.new).chain(stable).chain(0..scene.sets.len());
    let Some(failed) = order.into_iter().find_map(|index| scene.sets[index].failure.as_ref()) else {
        remove(next, kind);
        return;
    };
    let same = |old: &Condition| old.status == failed.status && old.reason == failed.reason;
    if next.condition(kind).is_some_and(same) {
        return;
    }
    remove(next, kind);
    next.conditions.push(Condition {
        kind: kind.into(),
        status: failed.status.clone(),
        last_update_time: Some(scene.now.truncated()),
        last_transition_time: Some(failed.last_transition_time.unwrap_or(scene.now).truncated()),
        reason: failed.reason.clone(),
        message: failed.message.clone(),
        ..Default::default()
    });
}

fn is_healthy(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    let replicas = scene.rollout.spec.replicas();
    next.updated_replicas == replicas
        && next.available_replicas == replicas
        && next.replicas == replicas
        && course::is_promoted(scene, next)
}

fn has_progressed(old: &RolloutStatus, next: &RolloutStatus) -> bool {
    old.updated_replicas != next.updated_replicas
        || next.replicas - next.updated_replicas < old.replicas - old.updated_replicas
        || old.ready_replicas < next.ready_replicas
        || old.available_replicas < next.available_replicas
        || old.stable_rs != next.stable_rs
        || old.current_step_index != next.current_step_index
        || old.current_step_hash != next.current_step_hash
        || old.current_pod_hash != next.current_pod_hash
}

fn deadline(scene: &Scene<'_>, next: &RolloutStatus) -> Option<Moment> {
    let deadline = deadline_of(scene, next)?.plus(DEADLINE_MARGIN);
    let is_known = next
        .condition(ConditionType::Progressing)
        .is_some_and(|condition| condition.reason == Reason::ProgressDeadlineExceeded);
    (!is_known).then_some(deadline)
}

/// When the update will be late; none while nothing is expected of it.
fn deadline_of(scene: &Scene<'_>, status: &RolloutStatus) -> Option<Moment> {
    let waits = match course::current(scene, status).and_then(CanaryStep::kind) {
        Some(StepKind::Pause(_) | StepKind::Analysis(_) | StepKind::Experiment(_)) => true,
        _ => scene.rollout.spec.paused || !status.pause_conditions.is_empty(),
    };
    let mut others = scene.sets.iter().enumerate().filter(|&(index, _)| index != scene.new);
    let retiring = others.any(|(_, set)| set.deadline.is_some());
    // Pods of an old version that end slowly make no update late.
    let is_done = course::is_promoted(scene, status) && scene.replicas() <= scene.wanted().available;
    if waits || retiring || is_done || status.abort {
        return None;
    }
    let condition = status.condition(ConditionType::Progressing)?;
    let settled = [Reason::NewReplicaSetAvailable, Reason::RolloutAborted, Reason::RolloutPaused];
    if settled.iter().any(|reason| condition.reason == *reason) {
        return None;
    }
    let seconds = count(scene.rollout.spec.progress_deadline_seconds());
    Some(condition.last_update_time?.plus(Duration::from_secs(u64::from(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::now;

    #[test]
    fn a_transition_time_changes_only_with_the_status() {
        let (kind, later) = (ConditionType::Progressing, now().plus(Duration::from_mins(1)));
        let rows = [
            // The same status and reason: not written, whatever the message.
            ("True", Reason::ReplicaSetUpdated, false, 0, 0),
            ("True", Reason::NewReplicaSetAvailable, true, 60, 0),
            ("False", Reason::ProgressDeadlineExceeded, true, 60, 60),
            ("Unknown", Reason::ReplicaSetUpdated, true, 60, 60),
        ];
        for (value, reason, written, updated, changed) in rows {
            let mut status = RolloutStatus::default();
            put(&mut status, kind, ("True", Reason::ReplicaSetUpdated), "first", now());
            assert_eq!(put(&mut status, kind, (value, reason), "second", later), written, "{value} {reason}");
            assert_eq!(status.conditions.len(), 1);
            let condition = status.condition(kind).unwrap();
            let since = |moment: Option<Moment>| moment.unwrap().as_secs() - now().as_secs();
            assert_eq!(since(condition.last_update_time), updated, "{value} {reason}");
            assert_eq!(since(condition.last_transition_time), changed, "{value} {reason}");
            assert_eq!(condition.message, if written { "second" } else { "first" });
        }
    }

    type Step = fn(&mut RolloutStatus);

    #[test]
    fn any_step_forward_is_progress_and_no_step_back() {
        let old = RolloutStatus {
            replicas: 5,
            updated_replicas: 2,
            ready_replicas: 4,
            available_replicas: 4,
            ..Default::default()
        };
        let rows: [(Step, bool); 9] = [
            (|_| (), false),
            (|next| next.updated_replicas = 3, true),
            (|next| next.replicas = 4, true),
            (|next| next.replicas = 6, false),
            (|next| next.ready_replicas = 5, true),
            (|next| next.ready_replicas = 3, false),
            (|next| next.available_replicas = 5, true),
            (|next| next.available_replicas = 3, false),
            (|next| next.current_step_index = Some(1), true),
        ];
        for (index, (change, wanted)) in rows.into_iter().enumerate() {
            let mut next = old.clone();
            change(&mut next);
            assert_eq!(has_progressed(&old, &next), wanted, "row {index}");
        }
    }
}
