//! What is cut from an object before it is kept. Pure.
//!
//! Property: nothing is cut that a planner of ours reads or writes back.
//!
//! Reason: `managedFields` and the copy of the manifest that `kubectl apply` leaves are about half of an object, and
//! a pod's specification is most of a pod; nobody here reads them.

use serde_json::{Map, Value};
use serin_kernel::LAST_APPLIED;

/// Cuts an object down to what is kept.
pub type Trim = fn(&mut Value);

/// The cut for any kind: managed fields and kubectl's copy of the manifest.
pub fn trim(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// The cut for pods: metadata, the node, and what tells whether they are ready.
pub fn trim_pod(object: &mut Value) {
    trim(object);
    let Some(pod) = object.as_object_mut() else { return };
    keep(pod, "spec", &["nodeName", "terminationGracePeriodSeconds"]);
    keep(pod, "status", &["phase", "conditions", "containerStatuses", "reason", "startTime"]);
    let containers = pod.get_mut("status").and_then(|status| status.get_mut("containerStatuses"));
    for container in containers.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(container) = container.as_object_mut() {
            container.retain(|name, _| matches!(name.as_str(), "name" | "ready" | "restartCount" | "state"));
        }
    }
}

fn keep(object: &mut Map<String, Value>, part: &str, fields: &[&str]) {
    if let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) {
        part.retain(|name, _| fields.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bookkeeping_of_others_is_cut_and_nothing_else() {
        let mut object = json!({"metadata": {"name": "a", "managedFields": [1], "annotations": {LAST_APPLIED: "{}", "mine": "1"}}, "spec": {"x": 1}});
        trim(&mut object);
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "annotations": {"mine": "1"}}, "spec": {"x": 1}})
        );
    }

    #[test]
    fn a_pod_keeps_its_readiness() {
        let mut pod = json!({
            "metadata": {"name": "p", "labels": {"a": "b"}},
            "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [{"name": "c", "ready": true, "imageID": "x"}]},
        });
        trim_pod(&mut pod);
        assert_eq!(pod["spec"], json!({"nodeName": "n"}));
        assert_eq!(
            pod["status"],
            json!({"phase": "Running", "containerStatuses": [{"name": "c", "ready": true}]})
        );
        assert_eq!(pod["metadata"]["labels"], json!({"a": "b"}));
    }

    #[test]
    fn odd_shapes_pass() {
        for mut odd in [
            json!(null),
            json!([]),
            json!({"metadata": 1, "spec": "x", "status": {"containerStatuses": {"a": 1}}}),
        ] {
            trim_pod(&mut odd);
        }
    }
}
