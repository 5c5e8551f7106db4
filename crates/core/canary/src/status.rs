//! The status of a Canary: what each phase means, and the one patch that writes it.

use serde_json::{Value, json};
use serin_api::{
    diff,
    flagger::{CanaryPhase, CanaryStatus},
    meta::Condition,
    wire::Wire,
};
use serin_kernel::{Moment, Object};

/// The condition that clients wait for.
pub(crate) const PROMOTED: &str = "Promoted";
/// The condition that says why a Canary is not run; there only while it is so.
pub(crate) const INVALID: &str = "Invalid";
/// The condition that says which analysis is run; there only where there are several.
pub(crate) const VARIANT: &str = "AnalysisVariant";

/// What the condition says in `phase`, for a target of `kind`.
fn meaning(phase: CanaryPhase, kind: &str) -> (&'static str, String) {
    use CanaryPhase as Phase;
    match phase {
        Phase::Initialized => ("True", format!("{kind} initialization completed.")),
        Phase::Waiting | Phase::WaitingPromotion => ("Unknown", "Waiting for approval.".to_owned()),
        Phase::Progressing => ("Unknown", "New revision detected, progressing canary analysis.".to_owned()),
        Phase::Promoting => {
            ("Unknown", "Canary analysis completed, starting primary rolling update.".to_owned())
        }
        Phase::Finalising => {
            ("Unknown", "Canary analysis completed, routing all traffic to primary.".to_owned())
        }
        Phase::Succeeded => {
            ("True", "Canary analysis completed successfully, promotion finished.".to_owned())
        }
        Phase::Failed => ("False", format!("Canary analysis failed, {kind} scaled to zero.")),
        // Flagger has no text of its own for the end.
        Phase::Initializing | Phase::Terminating | Phase::Terminated => {
            ("Unknown", format!("New {kind} detected, starting initialization."))
        }
    }
}

/// Puts `status` into `phase`: the condition is replaced when its status or reason is another one, and keeps the time of
/// its last transition while its status is the same.
pub(crate) fn enter(status: &mut CanaryStatus, phase: CanaryPhase, kind: &str, now: Moment) {
    let (value, message) = meaning(phase, kind);
    status.phase = Some(phase);
    let conditions = &mut status.conditions;
    if Condition::new(PROMOTED, value, phase.as_str(), message).set(conditions, now) {
        // Flagger has this one alone, and clients look at the first.
        conditions.rotate_right(1);
    }
}

/// Says behind what the condition means in its phase why checks fail, or with `None` that there is nothing more to say.
pub(crate) fn explain(status: &mut CanaryStatus, kind: &str, why: Option<&str>, now: Moment) {
    let Some(phase) = status.phase else { return };
    let (_, meant) = meaning(phase, kind);
    let Some(condition) = status.conditions.iter_mut().find(|condition| condition.kind == PROMOTED) else {
        return;
    };
    let wanted = why.map_or_else(|| meant.clone(), |why| format!("{meant} {why}"));
    // Without an explanation the text is left as it is, whoever has written it.
    let is_explained = condition.message.strip_prefix(&*meant).is_some_and(|more| more.starts_with(' '));
    if condition.message == wanted || (why.is_none() && !is_explained) {
        return;
    }
    condition.message = wanted;
    condition.last_update_time = Some(now.truncated());
}

/// What [`explain`] has said.
pub(crate) fn explanation(status: &CanaryStatus, kind: &str) -> Option<String> {
    let (_, meant) = meaning(status.phase?, kind);
    let condition = status.conditions.iter().find(|condition| condition.kind == PROMOTED)?;
    condition.message.strip_prefix(&*meant)?.strip_prefix(' ').map(str::to_owned)
}

/// Says why the Canary is not run, or with `None` that nothing keeps it from that.
pub(crate) fn refuse(status: &mut CanaryStatus, why: Option<&str>, now: Moment) {
    tell(status, (INVALID, "InvalidSpec"), why, now);
}

/// Says which analysis it is run with; with `None` that it has one.
pub(crate) fn vary(status: &mut CanaryStatus, which: Option<&str>, now: Moment) {
    tell(status, (VARIANT, "Chosen"), which, now);
}

/// A condition that is there while it has something to say.
fn tell(status: &mut CanaryStatus, (kind, reason): (&str, &str), why: Option<&str>, now: Moment) {
    let old = status.conditions.iter().find(|condition| condition.kind == kind);
    if old.map(|old| old.message.as_str()) == why {
        return;
    }
    match why {
        Some(why) => Condition::new(kind, "True", reason, why).renew(&mut status.conditions, now),
        None => status.conditions.retain(|condition| condition.kind != kind),
    }
}

/// The merge patch that makes the status of `object`, which reads as `old`, into `new`; none when it is that already. The
/// time of the last transition is that of the last write.
pub(crate) fn patch(object: &Object, old: &CanaryStatus, new: &CanaryStatus, now: Moment) -> Option<Value> {
    let there = object.value().get("status").cloned().unwrap_or(Value::Null);
    if old == new {
        return None;
    }
    let dated = CanaryStatus { last_transition_time: Some(now.truncated()), ..new.clone() };
    let patch = diff::merge_diff(&there, &dated.write())?;
    Some(json!({ "status": patch }))
}
