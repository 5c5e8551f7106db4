//! The objects of the work: a target and its Canary, and what stands for Istio's definitions.

use std::time::Duration;

use serde_json::{Value, json};

/// The name of the target and of its Canary.
pub(super) fn name(index: usize) -> String {
    format!("c{index:04}")
}

/// The workload.
pub(super) fn target(index: usize) -> Value {
    let name = name(index);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "revisionHistoryLimit": 2, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "web", "image": "demo:v1", "ports": [{"containerPort": 80, "name": "http"}],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                }]},
            },
        },
    })
}

/// Its Canary: one step to 50 and one to 100, or as many iterations where there are no weights; two metrics.
pub(super) fn canary(index: usize, (istio, interval): (bool, Duration), metrics: &str) -> Value {
    let name = name(index);
    let mut analysis = json!({
        "interval": format!("{}s", interval.as_secs()), "threshold": 5,
        "metrics": [
            {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
            {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500_000}},
        ],
    });
    if istio {
        (analysis["maxWeight"], analysis["stepWeight"]) = (json!(100), json!(50));
    } else {
        analysis["iterations"] = json!(2);
    }
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name},
        "spec": {
            "provider": if istio { "istio" } else { "kubernetes" },
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "progressDeadlineSeconds": 3600,
            "metricsServer": metrics,
            "service": {"port": 80, "targetPort": "http"},
            "analysis": analysis,
        },
    })
}
