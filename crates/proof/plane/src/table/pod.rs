//! What a pod's row says: the rules of `kubectl get pods` for READY, STATUS and RESTARTS.

use super::text::{NONE, at, int, list, since, text_or};
use jiff::Timestamp;
use serde_json::Value;

/// READY, STATUS and RESTARTS of one pod.
pub(super) struct Summary {
    ready: usize,
    total: usize,
    /// STATUS.
    pub(super) reason: String,
    restarts: Restarts,
}

/// How often containers restarted, and when they last did (RFC 3339, which sorts by time in UTC).
#[derive(Clone, Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Summary {
    /// READY.
    pub(super) fn ready(&self) -> String {
        format!("{}/{}", self.ready, self.total)
    }

    /// RESTARTS.
    pub(super) fn restarts(&self, now: Timestamp) -> String {
        match self.restarts.last.filter(|_| self.restarts.count != 0) {
            Some(last) => {
                format!("{} ({} ago)", self.restarts.count, since(&Value::from(last.to_string()), now))
            }
            None => self.restarts.count.to_string(),
        }
    }
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += int(status, "restartCount");
        let finished =
            at(status, "lastState.terminated.finishedAt").as_str().and_then(|text| text.parse().ok());
        self.last = self.last.max(finished);
    }
}

/// Sums up a pod.
pub(super) fn summary(pod: &Value) -> Summary {
    let sidecars: Vec<&str> = list(pod, "spec.initContainers")
        .iter()
        .filter(|container| container["restartPolicy"] == "Always")
        .map(|container| container["name"].as_str().unwrap_or_default())
        .collect();
    let gated =
        |condition: &Value| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated";
    let mut reason = text_or(pod, "status.reason", &text_or(pod, "status.phase", ""));
    if list(pod, "status.conditions").iter().any(gated) {
        "SchedulingGated".clone_into(&mut reason);
    }
    let mut summary = Summary {
        ready: 0,
        total: list(pod, "spec.containers").len() + sidecars.len(),
        reason,
        restarts: Restarts::default(),
    };
    let (initializing, sidecar_restarts) = summary.init(pod, &sidecars);
    if !initializing || condition_is_true(pod, "Initialized") {
        summary.restarts = sidecar_restarts;
        summary.main(pod);
    }
    if at(pod, "metadata.deletionTimestamp").is_string() {
        let over = matches!(at(pod, "status.phase").as_str(), Some("Succeeded" | "Failed"));
        if at(pod, "status.reason") == "NodeLost" {
            "Unknown".clone_into(&mut summary.reason);
        } else if !over {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// `true conditions/gates` of the readiness gates.
pub(super) fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "spec.readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let holds =
        |gate: &&Value| gate["conditionType"].as_str().is_some_and(|kind| condition_is_true(pod, kind));
    format!("{}/{}", gates.iter().filter(holds).count(), gates.len())
}

impl Summary {
    /// Reads the init containers: whether one still runs or failed, and the restarts of the sidecars.
    fn init(&mut self, pod: &Value, sidecars: &[&str]) -> (bool, Restarts) {
        let mut sidecar_restarts = Restarts::default();
        let total = list(pod, "spec.initContainers").len();
        for (index, status) in list(pod, "status.initContainerStatuses").iter().enumerate() {
            let sidecar = status["name"].as_str().is_some_and(|name| sidecars.contains(&name));
            self.restarts.add(status);
            if sidecar {
                sidecar_restarts.add(status);
            }
            let terminated = at(status, "state.terminated");
            let waiting = text_or(status, "state.waiting.reason", "PodInitializing");
            self.reason = if terminated.is_object() && int(terminated, "exitCode") == 0 {
                continue;
            } else if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            } else if terminated.is_object() {
                format!("Init:{}", termination(terminated))
            } else if waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{total}")
            };
            return (true, sidecar_restarts);
        }
        (false, sidecar_restarts)
    }

    /// Reads the main containers, the first one last because its reason counts.
    fn main(&mut self, pod: &Value) {
        let mut running = false;
        for status in list(pod, "status.containerStatuses").iter().rev() {
            self.restarts.add(status);
            let terminated = at(status, "state.terminated");
            let waiting = text_or(status, "state.waiting.reason", "");
            if !waiting.is_empty() {
                self.reason = waiting;
            } else if terminated.is_object() {
                self.reason = termination(terminated);
            } else if status["ready"] == true && at(status, "state.running").is_object() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            let reason = if condition_is_true(pod, "Ready") { "Running" } else { "NotReady" };
            reason.clone_into(&mut self.reason);
        }
    }
}

fn termination(terminated: &Value) -> String {
    match (text_or(terminated, "reason", ""), int(terminated, "signal")) {
        (reason, _) if !reason.is_empty() => reason,
        (_, 0) => format!("ExitCode:{}", int(terminated, "exitCode")),
        (_, signal) => format!("Signal:{signal}"),
    }
}

fn condition_is_true(pod: &Value, kind: &str) -> bool {
    let found = list(pod, "status.conditions").iter().find(|condition| condition["type"] == kind);
    found.is_some_and(|condition| condition["status"] == "True")
}
