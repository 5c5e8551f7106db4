//! What stops a pass that would take pods away by an old look at the Rollout.

use std::time::Duration;

use serde_json::Value;
use serin_kernel::{Act, Answer, Answers, Ask, Change, Plan, Question, Write};

use crate::{scene::Scene, set::Set};

/// The name of the question whether the Rollout is still as it was seen.
const SAME_ROLLOUT: &str = "same-rollout";
/// When to look again after seeing an old Rollout, beyond the news of the new one.
const STALE_RETRY: Duration = Duration::from_secs(1);

/// What to do instead of `act` when it takes pods away by the weights of an old look at the Rollout. With a dynamic
/// stable version the record of the weights is all that says how many pods the traffic needs, and a controller that
/// has lost its lease may hold one that its successor has changed since; so the API is asked whether it still stands.
pub(super) fn instead(scene: &Scene<'_>, act: &Act, answers: &Answers) -> Option<Plan> {
    if !scene.is_dynamic() || !act.writes.iter().any(|write| shrinks(scene, write)) {
        return None;
    }
    let own = &scene.object().meta().resource_version;
    match answers.get(SAME_ROLLOUT) {
        None => {
            let question = Question::Read(scene.object().key());
            Some(Plan::Ask(vec![Ask { id: SAME_ROLLOUT.to_owned(), question }]))
        }
        Some(Answer::Object(Some(live))) if live.meta().resource_version == *own => None,
        Some(_) => Some(Plan::Act(Act { wake: Some(scene.now.plus(STALE_RETRY)), ..Act::default() })),
    }
}

/// Whether `write` gives a ReplicaSet fewer pods.
fn shrinks(scene: &Scene<'_>, write: &Write) -> bool {
    let Change::Merge(patch) = &write.change else { return false };
    let wanted = patch.pointer("/spec/replicas").and_then(Value::as_u64);
    let is_one = |set: &&Set<'_>| set.object.is_some_and(|object| object.key() == write.target);
    let set = scene.sets.iter().find(is_one);
    wanted.zip(set).is_some_and(|(wanted, set)| wanted < u64::from(set.spec))
}
