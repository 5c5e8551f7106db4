//! The objects that scenarios of Canaries begin with.

use anyhow::Result;
use serde_json::{Value, json};

use crate::fixture::{merge, yaml};
use crate::view::NAME;

/// A Deployment, changed by YAML. It has no pods: then initialisation has no users to wait for until they have left.
pub(super) fn deployment(change: &str) -> Result<Value> {
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {"containers": [{
                    "name": "web",
                    "image": "demo:v1",
                    "ports": [{"name": "http", "containerPort": 9898}],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                }]},
            },
        },
    });
    merge(&mut deployment, yaml(change)?);
    Ok(deployment)
}

/// A Canary of that Deployment, changed by the YAML of its spec: two failed checks are too many, two steps of 20 percent or
/// two iterations, and the two metrics that are built in.
pub(super) fn canary(provider: &str, servers: &str, spec: &str) -> Result<Value> {
    let extra = match provider {
        "istio" => json!({"service": {"gateways": ["mesh-gate/public"], "hosts": ["app.example.com"]}}),
        "nginx" | "skipper" => {
            json!({"ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": NAME}})
        }
        "gatewayapi:v1" => {
            json!({"service": {"gatewayRefs": [{"name": "gateway", "namespace": "gates"}], "hosts": ["app.example.com"]}})
        }
        _ => json!({}),
    };
    let strategy = if provider == "kubernetes" {
        json!({"iterations": 2})
    } else {
        json!({"stepWeight": 20, "maxWeight": 40})
    };
    let mut canary = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": NAME},
        "spec": {
            "provider": provider,
            "metricsServer": format!("{servers}/p"),
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "progressDeadlineSeconds": 600,
            "service": {"port": 80, "targetPort": 9898},
            "analysis": {
                "interval": "3600s",
                "threshold": 2,
                "metrics": [
                    {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
                    {"name": "request-duration", "interval": "30s", "thresholdRange": {"max": 500}},
                ],
            },
        },
    });
    merge(&mut canary["spec"]["analysis"], strategy);
    merge(&mut canary["spec"], extra);
    merge(&mut canary["spec"], yaml(spec)?);
    Ok(canary)
}

/// An Ingress that leads to the Canary's Service.
pub(super) fn ingress() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": NAME, "annotations": {"kubernetes.io/ingress.class": "nginx", "example.com/keep": "x"}},
        "spec": {"rules": [{
            "host": "app.example.com",
            "http": {"paths": [{
                "path": "/",
                "pathType": "Prefix",
                "backend": {"service": {"name": NAME, "port": {"number": 80}}},
            }]},
        }]},
    })
}
