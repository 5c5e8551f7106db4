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
