//! The one word for where a Rollout stands, and why.

use serin_api::{
    names::{ConditionType, Reason, RolloutPhase},
    rollout::{Rollout, RolloutStatus},
};

/// The phase and its message, first match wins. `is_pending_restart` says that a restart has not been done.
pub(crate) fn phase(rollout: &Rollout, status: &RolloutStatus) -> (RolloutPhase, String) {
    let progressing = |text: &str| (RolloutPhase::Progressing, text.to_owned());
    if let Some(invalid) = status.condition(ConditionType::InvalidSpec) {
        return (RolloutPhase::Degraded, format!("{}: {}", ConditionType::InvalidSpec, invalid.message));
    }
    let stuck = |reason: &str| {
        reason == Reason::RolloutAborted.as_str() || reason == Reason::ProgressDeadlineExceeded.as_str()
    };
    if let Some(condition) = status.conditions.iter().find(|condition| stuck(&condition.reason)) {
        return (RolloutPhase::Degraded, format!("{}: {}", condition.reason, condition.message));
    }
    let spec = &rollout.spec;
    if spec.paused {
        return (RolloutPhase::Paused, "manually paused".to_owned());
    }
    if let Some(pause) = status.pause_conditions.first() {
        return (RolloutPhase::Paused, pause.reason.clone());
    }
    if spec.restart_at.is_some() && spec.restart_at != status.restarted_at {
        return progressing("rollout is restarting");
    }
    if status.updated_replicas < spec.replicas() {
        return progressing("more replicas need to be updated");
    }
    if status.available_replicas < status.updated_replicas {
        return progressing("updated replicas are still becoming available");
    }
    let is_routed = rollout.canary().is_some_and(|canary| canary.traffic_routing.is_some());
    if !is_routed && status.updated_replicas < status.replicas {
        return progressing("old replicas are pending termination");
    }
    if status.stable_rs != status.current_pod_hash {
        return progressing("waiting for all steps to complete");
    }
    (RolloutPhase::Healthy, String::new())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_first_reason_that_holds_is_told() {
        // Each row has what is told by all rows below it, too: the order is the rule.
        let rows: [(Value, Value, &str, &str); 10] = [
            (
                json!({}),
                json!({"conditions": [{"type": "InvalidSpec", "status": "True", "message": "why"}]}),
                "Degraded",
                "InvalidSpec: why",
            ),
            (
                json!({}),
                json!({"conditions": [{"type": "Progressing", "reason": "RolloutAborted", "message": "why"}]}),
                "Degraded",
                "RolloutAborted: why",
            ),
            (
                json!({}),
                json!({"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "late"}]}),
                "Degraded",
                "ProgressDeadlineExceeded: late",
            ),
            (json!({"paused": true}), json!({"conditions": []}), "Paused", "manually paused"),
            (
                json!({"paused": false}),
                json!({"pauseConditions": [{"reason": "CanaryPauseStep"}]}),
                "Paused",
                "CanaryPauseStep",
            ),
            (
                json!({"restartAt": "2026-11-21T07:00:00Z"}),
                json!({"pauseConditions": []}),
                "Progressing",
                "rollout is restarting",
            ),
            (
                json!({"restartAt": null}),
                json!({"updatedReplicas": 3}),
                "Progressing",
                "more replicas need to be updated",
            ),
            (
                json!({}),
                json!({"updatedReplicas": 4, "availableReplicas": 3}),
                "Progressing",
                "updated replicas are still becoming available",
            ),
            (
                json!({}),
                json!({"availableReplicas": 4, "replicas": 5}),
                "Progressing",
                "old replicas are pending termination",
            ),
            (json!({}), json!({"replicas": 4}), "Progressing", "waiting for all steps to complete"),
        ];
        let mut spec = json!({"replicas": 4, "strategy": {"canary": {}}});
        let mut status = json!({"stableRS": "old", "currentPodHash": "new"});
        let told = |spec: &Value, status: &Value| {
            let rollout: Rollout = serin_api::lenient(json!({"spec": spec, "status": status})).value;
            let (phase, message) = phase(&rollout, &rollout.status);
            (phase.as_str().to_owned(), message)
        };
        for (more_spec, more_status, wanted, message) in rows {
            for (all, more) in [(&mut spec, more_spec), (&mut status, more_status)] {
                all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            }
            assert_eq!(told(&spec, &status), (wanted.to_owned(), message.to_owned()), "{status}");
        }
        status["stableRS"] = json!("new");
        assert_eq!(told(&spec, &status), ("Healthy".to_owned(), String::new()));
        // Beside a router, old pods in their delay are no reason.
        status["replicas"] = json!(8);
        spec["strategy"]["canary"] = json!({"trafficRouting": {"nginx": {}}});
        assert_eq!(told(&spec, &status), ("Healthy".to_owned(), String::new()));
    }
}
