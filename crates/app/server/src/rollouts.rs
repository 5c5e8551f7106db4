//! What a Rollout looks like in metrics. Pure, and lenient: a Rollout of any shape has a sample.

use serde_json::Value;

/// The `phase` labels of `rollout_info` and `rollout_phase`: derived from conditions, and not the phases of the status,
/// as Argo derives them.
pub(crate) const PHASES: [&str; 7] =
    ["Completed", "Paused", "Error", "Timeout", "Abort", "InvalidSpec", "Progressing"];

/// The fields of `spec.strategy.canary.trafficRouting` that have a label; the last one that is set wins, and routers
/// without a label have none, as in Argo's metric.
const ROUTERS: [(&str, &str); 6] = [
    ("alb", "ALB"),
    ("ambassador", "Ambassador"),
    ("istio", "Istio"),
    ("nginx", "Nginx"),
    ("smi", "SMI"),
    ("appMesh", "AppMesh"),
];

/// The labels of a Rollout, and its replicas.
#[derive(Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) strategy: &'static str,
    pub(crate) router: &'static str,
    pub(crate) phase: &'static str,
    pub(crate) available: f64,
    pub(crate) unavailable: f64,
    pub(crate) desired: f64,
    pub(crate) updated: f64,
}

pub(crate) fn figures(rollout: &Value) -> Figures {
    let status = |field: &str| number(rollout.pointer("/status").and_then(|status| status.get(field)), 0.0);
    let routing = rollout.pointer("/spec/strategy/canary/trafficRouting");
    let set =
        |field: &str| routing.and_then(|routing| routing.get(field)).is_some_and(|value| !value.is_null());
    let strategy = rollout.pointer("/spec/strategy");
    let has =
        |name: &str| strategy.and_then(|strategy| strategy.get(name)).is_some_and(|value| !value.is_null());
    Figures {
        strategy: if has("blueGreen") {
            "blueGreen"
        } else if has("canary") {
            "canary"
        } else {
            ""
        },
        router: ROUTERS.iter().rev().find(|(field, _)| set(field)).map_or("", |(_, label)| label),
        phase: phase(rollout),
        available: status("availableReplicas"),
        unavailable: (status("replicas") - status("availableReplicas")).max(0.0),
        desired: number(rollout.pointer("/spec/replicas"), 1.0),
        updated: status("updatedReplicas"),
    }
}

fn phase(rollout: &Value) -> &'static str {
    let conditions = rollout.pointer("/status/conditions").and_then(Value::as_array);
    let reason_of = |kind: &str| {
        let condition = conditions?.iter().find(|condition| condition["type"] == kind)?;
        Some(condition["reason"].as_str().unwrap_or_default())
    };
    if reason_of("InvalidSpec").is_some() {
        return "InvalidSpec";
    }
    match reason_of("Progressing").unwrap_or_default() {
        "NewReplicaSetAvailable" => "Completed",
        "RolloutPaused" => "Paused",
        "ReplicaSetCreateError" => "Error",
        "ProgressDeadlineExceeded" => "Timeout",
        "RolloutAborted" => "Abort",
        _ => "Progressing",
    }
}

fn number(value: Option<&Value>, default: f64) -> f64 {
    value.and_then(Value::as_f64).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_phase_follows_the_conditions() {
        for (conditions, expected) in [
            (json!([{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]), "Completed"),
            (json!([{"type": "Progressing", "reason": "RolloutPaused"}]), "Paused"),
            (json!([{"type": "Progressing", "reason": "ReplicaSetCreateError"}]), "Error"),
            (json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]), "Timeout"),
            (json!([{"type": "Progressing", "reason": "RolloutAborted"}]), "Abort"),
            (
                json!([{"type": "Progressing", "reason": "RolloutPaused"}, {"type": "InvalidSpec"}]),
                "InvalidSpec",
            ),
            (json!([{"type": "Progressing", "reason": "ReplicaSetUpdated"}]), "Progressing"),
            (json!("odd"), "Progressing"),
        ] {
            assert_eq!(phase(&json!({"status": {"conditions": conditions}})), expected, "{conditions}");
        }
    }

    #[test]
    fn labels_and_replicas() {
        let rollout = json!({
            "spec": {"replicas": 5, "strategy": {"canary": {"trafficRouting": {"nginx": {}, "alb": {}, "plugins": {}}}}},
            "status": {"replicas": 6, "availableReplicas": 4, "updatedReplicas": 2},
        });
        let found = figures(&rollout);
        assert_eq!((found.strategy, found.router, found.phase), ("canary", "Nginx", "Progressing"));
        assert_eq!((found.available, found.unavailable, found.desired, found.updated), (4.0, 2.0, 5.0, 2.0));
        let odd = figures(&json!({"spec": "odd", "status": [1]}));
        assert_eq!((odd.strategy, odd.router, odd.desired), ("", "", 1.0));
    }
}
