//! `promote`: go on from a pause, skip a step, skip all of them.
//!
//! The client decides from the object that it has just read; the step index that it writes is the one after the step
//! that the person saw.

use serde_json::{Value, json};
use serin_kernel::Change;

/// What is promoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promotion {
    /// Resume a paused rollout, or skip the step that it is at.
    #[default]
    Next,
    /// Skip analysis, pauses and all remaining steps.
    Full,
    /// Skip the current step, paused or not.
    CurrentStep,
    /// Skip all steps, though not the analysis of the new version.
    AllSteps,
}

/// The rollout has no steps that could be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSkippable {
    /// It is a blue-green rollout.
    #[error("Cannot skip steps of a bluegreen rollout. Run without a flags")]
    BlueGreen,
    /// Its canary strategy has no steps.
    #[error("Cannot skip steps of a rollout without steps")]
    NoSteps,
}

/// The changes, in order: the status first, then the spec.
///
/// # Errors
/// When steps are to be skipped and there are none.
pub fn promote(rollout: &Value, promotion: Promotion) -> Result<Vec<Change>, NotSkippable> {
    let unpause = (rollout.pointer("/spec/paused") == Some(&Value::Bool(true)))
        .then(|| Change::Merge(json!({"spec": {"paused": false}})));
    let status = match promotion {
        Promotion::Full => {
            let hash = |path: &str| rollout.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let updating = hash("/status/currentPodHash") != hash("/status/stableRS");
            updating.then(|| json!({"promoteFull": true}))
        }
        Promotion::Next => next(rollout),
        Promotion::CurrentStep => Some(json!({"currentStepIndex": skip(rollout)?})),
        Promotion::AllSteps => Some(json!({"currentStepIndex": last(rollout)?})),
    };
    let status = status.map(|status| Change::MergeStatus(json!({"status": status})));
    Ok(status.into_iter().chain(unpause).collect())
}

fn next(rollout: &Value) -> Option<Value> {
    let paused =
        rollout.pointer("/status/pauseConditions").and_then(Value::as_array).is_some_and(|c| !c.is_empty());
    let controller_pause = rollout.pointer("/status/controllerPause") == Some(&Value::Bool(true));
    let analysis =
        rollout.pointer("/status/canary/currentStepAnalysisRunStatus/status").and_then(Value::as_str);
    match skip(rollout) {
        Ok(index) if analysis == Some("Inconclusive") && paused && controller_pause => {
            Some(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": index}))
        }
        _ if paused => Some(json!({"pauseConditions": null})),
        Ok(index) => Some(json!({"pauseConditions": null, "currentStepIndex": index})),
        Err(_) => None,
    }
}

fn last(rollout: &Value) -> Result<usize, NotSkippable> {
    let canary = rollout.pointer("/spec/strategy/canary").ok_or(NotSkippable::BlueGreen)?;
    match canary.get("steps").and_then(Value::as_array).map_or(0, Vec::len) {
        0 => Err(NotSkippable::NoSteps),
        steps => Ok(steps),
    }
}

/// The index after the current step, the end at most.
fn skip(rollout: &Value) -> Result<usize, NotSkippable> {
    let last = last(rollout)?;
    let index = rollout.pointer("/status/currentStepIndex").and_then(Value::as_u64).unwrap_or_default();
    Ok(usize::try_from(index).map_or(last, |index| (index + 1).min(last)))
}

#[cfg(test)]
mod tests {
    use super::{Promotion::*, *};

    #[allow(clippy::needless_pass_by_value, reason = "callers make the status on the spot")]
    fn rollout(status: Value) -> Value {
        let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}]);
        json!({"spec": {"strategy": {"canary": {"steps": steps}}}, "status": status})
    }

    #[test]
    fn each_promotion() {
        let status = |status: Value| Change::MergeStatus(json!({"status": status}));
        let paused = json!({"currentStepIndex": 1, "pauseConditions": [{}], "controllerPause": true});
        let mut unsure = paused.clone();
        unsure["canary"] = json!({"currentStepAnalysisRunStatus": {"status": "Inconclusive"}});
        let past = json!({"pauseConditions": null, "currentStepIndex": 3});
        for (case, before, promotion, after) in [
            ("a pause is ended", paused.clone(), Next, vec![status(json!({"pauseConditions": null}))]),
            (
                "an inconclusive analysis is passed over",
                unsure,
                Next,
                vec![status(
                    json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}),
                )],
            ),
            ("a running step is skipped", json!({"currentStepIndex": 2}), Next, vec![status(past.clone())]),
            ("the end is the end", json!({"currentStepIndex": 3}), Next, vec![status(past)]),
            (
                "all steps",
                json!({"currentStepIndex": 0}),
                AllSteps,
                vec![status(json!({"currentStepIndex": 3}))],
            ),
            ("one step", paused, CurrentStep, vec![status(json!({"currentStepIndex": 2}))]),
            (
                "in full",
                json!({"currentPodHash": "b", "stableRS": "a"}),
                Full,
                vec![status(json!({"promoteFull": true}))],
            ),
            ("nothing to promote in full", json!({"currentPodHash": "a", "stableRS": "a"}), Full, vec![]),
        ] {
            assert_eq!(promote(&rollout(before), promotion).unwrap(), after, "{case}");
        }
    }

    #[test]
    fn a_paused_spec_is_resumed_after_the_status() {
        let mut rollout = rollout(json!({"currentPodHash": "b", "stableRS": "a"}));
        rollout["spec"]["paused"] = json!(true);
        let changes = promote(&rollout, Full).unwrap();
        assert_eq!(changes[1], Change::Merge(json!({"spec": {"paused": false}})));
    }

    #[test]
    fn steps_that_do_not_exist_cannot_be_skipped() {
        let blue_green = json!({"spec": {"strategy": {"blueGreen": {}}}});
        assert_eq!(promote(&blue_green, CurrentStep).unwrap_err(), NotSkippable::BlueGreen);
        let stepless = json!({"spec": {"strategy": {"canary": {}}}});
        assert_eq!(promote(&stepless, AllSteps).unwrap_err(), NotSkippable::NoSteps);
        assert_eq!(promote(&stepless, Next).unwrap(), vec![]);
    }
}
