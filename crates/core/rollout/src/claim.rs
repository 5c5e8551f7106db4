//! Which ReplicaSets belong to a Rollout.
//!
//! Property: a ReplicaSet that somebody else manages is never touched. One that nobody manages is taken over when the
//! selector matches it; one of ours that the selector no longer matches is let go.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{
    Act, Answer, Answers, Ask, Change, Moment, Object, Observed, Owner, Plan, Question, Selector, Write,
};

/// The name of the question whether the Rollout itself is still there.
const STILL_THERE: &str = "still-there";

/// The name of the question whose ReplicaSet has the name that was refused.
const WHOSE_NAME: &str = "whose-name";
/// When to look again for a ReplicaSet of ours that the caches do not show yet, beyond the news of it.
const UNSEEN_RETRY: Duration = Duration::from_secs(1);

/// What is to be done before the ReplicaSets can be used.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(crate) enum Claim<'a> {
    /// Nothing: these are the Rollout's.
    Settled(Vec<&'a Object>),
    /// Ask whether the Rollout is still there: a cache may show one that is gone, and adoption by it would delete.
    Ask(Ask),
    /// Owners have to change first.
    Writes(Vec<Write>),
}

/// Finds the ReplicaSets of the Rollout.
pub(crate) fn claim<'a>(observed: &'a Observed, selector: &Selector, answers: &Answers) -> Claim<'a> {
    let own = &observed.object;
    let mine: Vec<&Object> = observed.owned(kinds::REPLICA_SET).collect();
    let lost = mine.iter().filter(|set| !selector.matches(&set.meta().labels));
    let mut writes: Vec<Write> =
        lost.map(|set| Write::unchanged(set, Change::Merge(released(set, own)))).collect();

    let found = observed.all(kinds::REPLICA_SET).filter(|set| {
        let meta = set.meta();
        let here = meta.namespace == own.meta().namespace && meta.deletion_timestamp.is_none();
        here && meta.controller().is_none() && selector.matches(&meta.labels)
    });
    let orphans: Vec<&Object> = found.collect();
    if !orphans.is_empty() {
        match answers.get(STILL_THERE) {
            None => {
                return Claim::Ask(Ask { id: STILL_THERE.to_owned(), question: Question::Read(own.key()) });
            }
            Some(Answer::Object(Some(live)))
                if live.meta().uid == own.meta().uid && live.meta().deletion_timestamp.is_none() =>
            {
                writes.extend(orphans.into_iter().map(|set| {
                    let mut owners = owners(set);
                    owners.push(Owner::controller_ref(own.kind(), own.meta()).to_json());
                    Write::unchanged(set, Change::Merge(json!({"metadata": {"ownerReferences": owners}})))
                }));
            }
            Some(_) => {}
        }
    }
    if writes.is_empty() { Claim::Settled(mine) } else { Claim::Writes(writes) }
}

/// What to do when the API refused a ReplicaSet because there is one of that name, which the caches do not show: it may
/// be our own, made just before, and then it is waited for. None when there is nothing to wait for.
pub(crate) fn unseen(observed: &Observed, answers: &Answers, now: Moment) -> Option<Plan> {
    let refused = observed.refused.as_ref().filter(|refused| refused.reason == "AlreadyExists")?;
    let key = &refused.target;
    if key.kind != kinds::REPLICA_SET || observed.get(key).is_some() {
        return None;
    }
    let ask = || Ask { id: WHOSE_NAME.to_owned(), question: Question::Read(key.clone()) };
    let wait = || Act { wake: Some(now.plus(UNSEEN_RETRY)), ..Act::default() };
    match answers.get(WHOSE_NAME) {
        None => Some(Plan::Ask(vec![ask()])),
        Some(Answer::Object(Some(live)))
            if !live.meta().is_controlled_by(&observed.object.meta().uid)
                || live.meta().deletion_timestamp.is_some() =>
        {
            None
        }
        // Ours, or gone again, or nobody knows: nothing of this makes the name somebody else's.
        Some(_) => Some(Plan::Act(wait())),
    }
}

fn released(set: &Object, own: &Object) -> Value {
    let uid = Some(own.meta().uid.as_str());
    let mut owners = owners(set);
    owners.retain(|owner| owner.get("uid").and_then(Value::as_str) != uid);
    json!({"metadata": {"ownerReferences": owners}})
}

fn owners(set: &Object) -> Vec<Value> {
    set.value().pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default()
}
