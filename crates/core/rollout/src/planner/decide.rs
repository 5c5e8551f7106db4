//! Every decision of one pass, from what was seen to what is written.

use serin_api::{
    names::{ConditionType, EventReason, Reason},
    rollout::{CanaryStep, RolloutStatus, StepKind},
};
use serin_kernel::Act;

use super::{
    news::News,
    order::{self, Others},
    route::route,
};
use crate::{
    course::{self, Change},
    dress,
    report::{self, Milestones, Outcome},
    restart,
    scene::Scene,
    targets,
    tell::Tell,
    workload, writes,
};

/// Decides what this pass does; `next` is the status that it begins with.
pub(super) fn decide(scene: &Scene<'_>, mut next: RolloutStatus) -> Act {
    let mut news = News::default();
    let mut seen = Milestones::default();
    let mut outcome = Outcome { creates: scene.wanted().object.is_none(), ..Outcome::default() };
    begin(scene, &mut next, &mut news, &mut seen, &mut outcome);

    let (told, wake) = course::leave_pause(scene, &mut next);
    news.early.extend(told);
    news.wake(wake);

    let routed = route(scene, &mut next, &mut news);
    let decided = next.clone();
    // A stable version that cannot take its share leaves the routers as they are, but holds nothing up: the update may
    // be what mends it.
    let is_held = routed.error.is_some();
    news.late.extend(course::leave_counts(scene, &mut next, is_held));
    let (told, wake) = course::enter_pause(scene, &mut next);
    news.late.extend(told);
    news.wake(wake);

    let sent = routed.split.weight.filter(|_| routed.error.is_none());
    let goals = targets::goals(scene, &decided, sent);
    news.wake(goals.wake);
    seen.was_stable = course::is_promoted(scene, &decided);
    let promotion = if is_held { None } else { course::promote(scene, &decided, &mut next) };
    let (promoted, completion) = promotion.unzip();

    let dressed = dress::dress(scene, &decided);
    let set_writes = writes::sets(scene, &goals, &dressed);
    let restart = restart::restart(scene, &mut next);
    news.wake(restart.wake);
    let (told, wake) = report::conditions(scene, &mut next, &outcome);
    news.late.extend(told);
    news.late.extend(promoted.into_iter().flatten());
    news.wake(wake);

    seen.promoted = completion;
    seen.is_stable = course::is_promoted(scene, &next);
    seen.is_complete = scene.replicas() <= scene.wanted().available;
    seen.is_aborted = next.abort;
    seen.waits_for_person = waits_for_person(scene, &next);
    next.duration = report::duration(&next, seen, scene.now);
    let (phase, message) = report::phase(scene.rollout, &next);
    next.phase = Some(phase);
    next.message = message;
    let others = Others {
        pods: dressed.pods,
        evictions: restart.evictions,
        workload: workload::scale_down(scene, &next),
    };
    order::assemble(scene, &next, news, set_writes, others, (routed, &decided))
}

/// Counts, and what has changed since the last pass: another template, an abort, a retry, a deadline.
fn begin(
    scene: &Scene<'_>,
    next: &mut RolloutStatus,
    news: &mut News,
    seen: &mut Milestones,
    outcome: &mut Outcome,
) {
    seen.is_changed = course::change(scene) == Change::Restart;
    if seen.is_changed {
        seen.rollback = course::rollback(scene, next);
        news.late.extend(course::restart(scene, next));
        let was = scene.status().condition(ConditionType::Completed);
        let is_known = was.is_some_and(|condition| condition.status == "False");
        if !is_known && !course::is_promoted(scene, next) {
            let (revision, hash) = (scene.revision(), &scene.wanted().hash);
            let text = format!("Rollout not completed, started update to revision {revision} ({hash})");
            news.early.push(Tell::normal(EventReason::RolloutNotCompleted, text));
        }
    }
    news.late.extend(course::settle(scene, next));
    report::counts(scene, next);
    let was = scene.status().condition(ConditionType::Progressing);
    let was_aborted = was.is_some_and(|condition| condition.reason == Reason::RolloutAborted);
    seen.is_retried = was_aborted && !next.abort && !seen.is_changed;
    let can_abort =
        scene.rollout.spec.progress_deadline_abort && !next.abort && !course::is_promoted(scene, next);
    if can_abort && report::is_overdue(scene, next) {
        outcome.abort_cause =
            Some(format!("ReplicaSet \"{}\" has timed out progressing.", scene.wanted().name));
        course::abort(scene, next);
    }
    let name = scene.wanted_key();
    outcome.create_error = scene
        .observed
        .refused
        .as_ref()
        .filter(|refused| scene.wanted().object.is_none() && refused.target == name)
        .filter(|refused| refused.reason != "AlreadyExists")
        .map(|refused| refused.message.clone());
}

fn waits_for_person(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    let step = course::current(scene, next).and_then(CanaryStep::kind);
    let endless = matches!(step, Some(StepKind::Pause(pause)) if pause.duration.is_none());
    scene.rollout.spec.paused || (endless && !next.pause_conditions.is_empty())
}
