//! The phase that a client may believe: `status.phase`, once the controller has seen what the client wrote.
//!
//! The overlay is that of the Argo Rollouts plugin and of Argo CD's health check, so all clients agree.

use serde::Serialize;
use serde_json::Value;

use crate::lens::{entry, flag, list, number, text};

const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";

/// A phase and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Healthy, Degraded, Progressing or Paused.
    pub phase: String,
    /// The reason; empty when all is well.
    pub message: String,
}

impl Status {
    fn progressing(message: &str) -> Self {
        Self { phase: "Progressing".to_owned(), message: message.to_owned() }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.phase)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, " - {}", self.message) }
    }
}

/// The status of a Rollout as its clients show it.
#[must_use]
pub fn status(rollout: &Value) -> Status {
    if list(rollout, "/status/conditions").iter().any(|condition| text(condition, "/type") == "InvalidSpec") {
        return recorded(rollout);
    }
    if !is_observed(rollout) {
        return Status::progressing("waiting for rollout spec update to be observed");
    }
    if flag(rollout, "/status/controllerPause") && list(rollout, "/status/pauseConditions").is_empty() {
        return Status::progressing("waiting for rollout to unpause");
    }
    if !is_workload_observed(rollout) {
        return Status::progressing(
            "waiting for rollout spec update to be observed for the reference workload",
        );
    }
    recorded(rollout)
}

fn recorded(rollout: &Value) -> Status {
    let message = text(rollout, "/status/message").to_owned();
    match text(rollout, "/status/phase") {
        "" => Status::progressing(&message),
        phase => Status { phase: phase.to_owned(), message },
    }
}

/// `observedGeneration` was a hash once: what is no number, or a greater one, is believed.
fn is_observed(rollout: &Value) -> bool {
    let generation = number(rollout, "/metadata/generation").unwrap_or_default();
    match text(rollout, "/status/observedGeneration") {
        "" => false,
        observed => observed.parse::<i64>().map_or(true, |observed| generation <= observed),
    }
}

fn is_workload_observed(rollout: &Value) -> bool {
    if rollout.pointer("/spec/workloadRef").is_none_or(Value::is_null) {
        return true;
    }
    let wanted = entry(rollout, "/metadata/annotations", WORKLOAD_GENERATION);
    let observed = text(rollout, "/status/workloadObservedGeneration");
    match (wanted.parse::<i64>(), observed.parse::<i64>()) {
        (Ok(wanted), Ok(observed)) => wanted <= observed,
        _ => wanted == observed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_phase_is_believed_only_when_it_is_about_the_present_spec() {
        for (case, rollout, expected) in [
            (
                "seen",
                json!({"metadata": {"generation": 3}, "status": {"observedGeneration": "3", "phase": "Healthy"}}),
                "Healthy",
            ),
            (
                "not yet seen",
                json!({"metadata": {"generation": 3}, "status": {"observedGeneration": "2", "phase": "Healthy"}}),
                "Progressing - waiting for rollout spec update to be observed",
            ),
            (
                "an old hash",
                json!({"metadata": {"generation": 3}, "status": {"observedGeneration": "7f9c", "phase": "Paused", "message": "CanaryPauseStep"}}),
                "Paused - CanaryPauseStep",
            ),
            (
                "just resumed",
                json!({"metadata": {"generation": 3}, "status": {"observedGeneration": "3", "phase": "Paused", "controllerPause": true}}),
                "Progressing - waiting for rollout to unpause",
            ),
            (
                "the workload was changed",
                json!({
                    "metadata": {"generation": 3, "annotations": {WORKLOAD_GENERATION: "2"}},
                    "spec": {"workloadRef": {}},
                    "status": {"observedGeneration": "3", "workloadObservedGeneration": "1", "phase": "Healthy"}
                }),
                "Progressing - waiting for rollout spec update to be observed for the reference workload",
            ),
        ] {
            assert_eq!(status(&rollout).to_string(), expected, "{case}");
        }
    }
}
