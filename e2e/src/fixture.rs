//! The objects that scenarios begin with.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::view::NAME;

/// The scheduler that nobody runs: its pods wait until a scenario binds them by hand, so availability is exact.
pub const BY_HAND: &str = "by-hand";

/// Parses the YAML that scenarios are written with.
pub fn yaml(text: &str) -> Result<Value> {
    serde_saphyr::from_str(text).with_context(|| format!("the scenario's YAML:\n{text}"))
}

/// A Rollout of one pod, changed by the YAML of its spec.
pub fn rollout(spec: &str) -> Result<Value> {
    let mut rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": NAME},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {"containers": [{
                    "name": "web",
                    "image": "demo:v1",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                }]},
            },
            "strategy": {"canary": {}},
        },
    });
    merge(&mut rollout["spec"], yaml(spec)?);
    Ok(rollout)
}

/// What a canary behind NGINX needs, to be merged into its Rollout's spec.
pub const NGINX: &str = "strategy: {canary: {canaryService: demo-canary, stableService: demo-stable, \
                         trafficRouting: {nginx: {stableIngress: demo}}}}";

/// The two Services and the Ingress of a canary behind NGINX.
#[must_use]
pub fn web() -> Vec<Value> {
    let service = |name: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {
                "selector": {"app": NAME},
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            },
        })
    };
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": NAME, "annotations": {"kubernetes.io/ingress.class": "nginx"}},
        "spec": {"rules": [{
            "host": "demo.local",
            "http": {"paths": [{
                "path": "/",
                "pathType": "Prefix",
                "backend": {"service": {"name": "demo-stable", "port": {"number": 80}}},
            }]},
        }]},
    });
    vec![service("demo-canary"), service("demo-stable"), ingress]
}

/// Lays one value over another: maps key by key, everything else replaced, null removes.
pub fn merge(under: &mut Value, over: Value) {
    let Value::Object(over) = over else {
        *under = over;
        return;
    };
    if !under.is_object() {
        *under = Value::Object(Map::new());
    }
    let Some(under) = under.as_object_mut() else { return };
    for (key, value) in over {
        if value.is_null() {
            under.remove(&key);
        } else {
            merge(under.entry(key).or_insert(Value::Null), value);
        }
    }
}
