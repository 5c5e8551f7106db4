//! From the two Deployments to writes.

use serde_json::{Map, json};
use serin_api::{kinds::DEPLOYMENT, workload::Deployment};
use serin_kernel::{
    Act, Answers, Change, Event, Freeze, Interest, Key, Kind, Malformed, Moment, Object, Observed, Plan,
    Planner, Propagation, Write,
};

use super::{ANNOTATION, Next, Phase, Pods, State, advance};
use crate::scale::Set;

/// Plans for Deployments with a shift under way.
#[derive(Clone, Debug, Default)]
pub struct ShiftPlanner {
    /// The only Deployment that is planned for; none for all.
    pub only: Option<Key>,
}

impl Planner for ShiftPlanner {
    fn kind(&self) -> Kind {
        DEPLOYMENT
    }

    fn concerns(&self, object: &Object) -> bool {
        let meant = self.only.as_ref().is_none_or(|only| *only == object.key());
        meant && object.meta().annotations.contains_key(ANNOTATION)
    }

    fn interests(&self, object: &Object) -> Vec<Interest> {
        let state = State::of(object).ok().flatten();
        state.map(|state| Interest::Named(old_key(object, &state))).into_iter().collect()
    }

    fn plan(&self, observed: &Observed, _answers: &Answers, now: Moment) -> Plan {
        let target = &observed.object;
        let act = match State::of(target) {
            Ok(Some(state)) if target.meta().deletion_timestamp.is_none() => {
                let old = observed.get(&old_key(target, &state));
                let old = old.filter(|old| old.meta().deletion_timestamp.is_none());
                act(target, old, &state, now)
            }
            Ok(_) => Ok(Act::default()),
            Err(error) => Err(error),
        };
        Plan::Act(act.unwrap_or_else(|error| Act { reasons: vec![error.to_string()], ..Act::default() }))
    }

    fn freeze(&self, object: &Object, cause: &Freeze, _now: Moment) -> Act {
        let message = format!("the shift stands still until the Deployment is changed: {cause:?}");
        let event = Event::warning(object.reference(), "ShiftFrozen", message);
        Act { events: vec![event], ..Act::default() }
    }
}

/// The two Deployments in numbers.
///
/// # Errors
/// One of them does not have the shape of a Deployment.
pub fn pods(target: &Object, old: Option<&Object>) -> Result<Pods, Malformed> {
    let (new, new_settled) = set(target)?;
    let old = old.map(set).transpose()?;
    let settled = new_settled && old.is_none_or(|(_, settled)| settled);
    Ok(Pods { new, old: old.map(|(set, _)| set), settled })
}

fn set(object: &Object) -> Result<(Set, bool), Malformed> {
    let deployment: Deployment = object.view()?;
    let count = |replicas: i32| u32::try_from(replicas).unwrap_or(0);
    let spec = count(deployment.spec.replicas.unwrap_or(1));
    let set = Set { spec, available: count(deployment.status.available_replicas) };
    Ok((set, object.meta().generation <= deployment.status.observed_generation))
}

fn old_key(target: &Object, state: &State) -> Key {
    DEPLOYMENT.key(target.meta().namespace.clone(), state.order.from.clone())
}

/// One pass as writes, up before down: whoever stops after the first has more pods, never fewer.
fn act(target: &Object, old: Option<&Object>, state: &State, now: Moment) -> Result<Act, Malformed> {
    let pods = pods(target, old)?;
    let next = advance(state, &pods, now);
    let mut writes = Vec::new();
    let before = pods.counts();
    let new_write = write(target, before.canary, next.counts.canary, Some((state, &next)), target);
    let old_write = old.and_then(|old| write(old, before.stable, next.counts.stable, None, target));
    if next.counts.stable < before.stable {
        writes.extend(new_write);
        writes.extend(old_write);
    } else {
        writes.extend(old_write);
        writes.extend(new_write);
    }
    if next.state.phase == Phase::Done && state.order.delete_old {
        let delete = |old: &Object| Write::same(old, Change::Delete(Propagation::Background)).tolerated();
        // First: once the state says that it is over, nobody looks again.
        writes.splice(0..0, old.map(delete));
    }
    Ok(Act { writes, wake: next.wake, ..Act::default() })
}

/// The write of one Deployment, if it changes.
fn write(
    object: &Object,
    before: u32,
    after: u32,
    states: Option<(&State, &Next)>,
    regarding: &Object,
) -> Option<Write> {
    let mut patch = Map::new();
    let mut events = Vec::new();
    if before != after {
        patch.insert("spec".to_owned(), json!({ "replicas": after }));
        let message = format!("Scaled {} from {before} to {after}", object.meta().name);
        events.push(Event::normal(regarding.reference(), "ShiftScaled", message));
    }
    if let Some((state, next)) = states.filter(|(state, next)| **state != next.state) {
        patch.insert(
            "metadata".to_owned(),
            json!({ "annotations": { ANNOTATION: next.state.to_annotation() } }),
        );
        events.extend(told(state, &next.state, regarding));
    }
    if patch.is_empty() {
        return None;
    }
    let write = Write::unchanged(object, Change::Merge(patch.into()));
    Some(events.into_iter().fold(write, Write::telling))
}

/// The event of a change of state that people should know of.
fn told(before: &State, after: &State, target: &Object) -> Option<Event> {
    let steps = after.order.steps.len();
    let reached =
        || format!("Step {}/{steps} ({} %) reached", before.step.saturating_add(1), before.percent());
    let normal = |reason: &'static str, message: String| Event::normal(target.reference(), reason, message);
    match after.phase {
        Phase::Done => Some(normal("ShiftDone", format!("All {steps} steps done"))),
        Phase::Returned => Some(normal("ShiftReturned", format!("Back as before: {}", after.cause))),
        Phase::Returning if before.phase == Phase::Shifting => {
            Some(Event::warning(target.reference(), "ShiftReturning", format!("Going back: {}", after.cause)))
        }
        Phase::Shifting if before.reached.is_none() && after.reached.is_some() => {
            Some(normal("ShiftStepReached", reached()))
        }
        Phase::Shifting if before.reached.is_none() && before.step < after.step => {
            Some(normal("ShiftStepReached", reached()))
        }
        Phase::Shifting | Phase::Returning => None,
    }
}
