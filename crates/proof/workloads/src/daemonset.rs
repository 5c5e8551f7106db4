//! DaemonSets: one pod on every schedulable node. No update strategy but replacing an outdated pod, one at a time.
//!
//! Pure. Enough for what a rollout may meet beside it; taints, node selectors and revisions are not read.

use crate::hash::template_hash;
use crate::json::{flag, int, text};
use crate::pod::Pod;
use crate::replicaset::{is_deleting, pod_from_template};
use crate::write::{Event, Key, Kind, Plan, Write, status_patch};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_lang::selector::Selector;
use std::sync::Arc;

const COMPONENT: &str = "daemonset-controller";
const REVISION_LABEL: &str = "controller-revision-hash";

/// One pass. `pods` are those that the DaemonSet owns, `nodes` all nodes.
pub(crate) fn plan(set: &Value, pods: &[Arc<Pod>], nodes: &[Arc<Value>], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let selector = set
        .pointer("/spec/selector")
        .and_then(|s| Selector::from_object(s).ok())
        .filter(|s| !s.is_everything());
    if selector.is_none() {
        return plan;
    }
    let hash = template_hash(set.pointer("/spec/template").unwrap_or(&Value::Null), 0);
    let nodes: Vec<&str> = nodes
        .iter()
        .filter(|node| !flag(node, "/spec/unschedulable"))
        .map(|node| text(node, "/metadata/name"))
        .collect();
    let is_new = |pod: &Pod| pod.labels.get(REVISION_LABEL) == Some(&hash);
    if !is_deleting(set) {
        for node in &nodes {
            if !pods.iter().any(|pod| pod.node == **node && !pod.is_finished()) {
                plan.writes.push(create(set, node, &hash));
            }
        }
        let surplus = pods.iter().filter(|pod| pod.is_active() && !nodes.contains(&pod.node.as_str()));
        plan.writes.extend(surplus.map(|pod| delete(set, pod)));
        let settled = pods.iter().all(|pod| pod.ready && !pod.deleting) && plan.writes.is_empty();
        let outdated = pods.iter().find(|pod| pod.is_active() && !is_new(pod));
        if let Some(pod) = outdated.filter(|pod| settled || !pod.ready) {
            plan.writes.push(delete(set, pod));
        }
    }
    let min_ready_sec = int(set, "/spec/minReadySeconds", 0);
    let active: Vec<_> =
        pods.iter().filter(|pod| pod.is_active() && nodes.contains(&pod.node.as_str())).collect();
    let available = active.iter().filter(|pod| pod.is_available(min_ready_sec, now)).count();
    let status = json!({
        "currentNumberScheduled": active.len(), "desiredNumberScheduled": nodes.len(),
        "numberReady": active.iter().filter(|pod| pod.ready).count(), "numberMisscheduled": 0,
        "numberAvailable": available, "numberUnavailable": nodes.len().saturating_sub(available),
        "updatedNumberScheduled": active.iter().filter(|pod| is_new(pod)).count(),
        "observedGeneration": int(set, "/metadata/generation", 0),
    });
    plan.writes.extend(status_patch(Kind::DaemonSet, set, &status));
    for at in active.iter().filter_map(|pod| pod.available_at(min_ready_sec)).filter(|at| now < *at) {
        plan.wake_at(at);
    }
    plan
}

fn create(set: &Value, node: &str, hash: &str) -> Write {
    let mut object = pod_from_template(Kind::DaemonSet, set);
    object["metadata"]["labels"][REVISION_LABEL] = json!(hash);
    object["spec"]["nodeName"] = json!(node);
    let told = Event::new(Kind::DaemonSet, set, COMPONENT, "SuccessfulCreate", "Created pod: ".into());
    Write::Create { kind: Kind::Pod, object, told: Some(told) }
}

fn delete(set: &Value, pod: &Pod) -> Write {
    let told = Event::new(Kind::DaemonSet, set, COMPONENT, "SuccessfulDelete", "Deleted pod: ".into());
    Write::Delete {
        key: Key::new(Kind::Pod, &pod.namespace, &pod.name),
        uid: pod.uid.clone(),
        told: Some(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedulable_node_gets_one_pod() {
        let set = json!({
            "metadata": {"name": "d", "namespace": "ns", "uid": "d"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}},
        });
        let nodes: Vec<_> = [("n1", false), ("n2", false), ("n3", true)]
            .map(|(name, off)| Arc::new(json!({"metadata": {"name": name}, "spec": {"unschedulable": off}})))
            .to_vec();
        let pod = |node: &str| {
            let mut pod = Pod::read(&json!({"metadata": {"name": node}, "spec": {"nodeName": node}}));
            pod.ready = true;
            pod.labels.insert(REVISION_LABEL.into(), template_hash(&set["spec"]["template"], 0));
            Arc::new(pod)
        };
        let made = |pods: &[Arc<Pod>]| {
            let plan = plan(&set, pods, &nodes, Timestamp::UNIX_EPOCH);
            let make = |w: &Write| matches!(w, Write::Create { .. });
            let drop = |w: &Write| matches!(w, Write::Delete { .. });
            (plan.writes.iter().filter(|w| make(w)).count(), plan.writes.iter().filter(|w| drop(w)).count())
        };
        assert_eq!(made(&[]), (2, 0));
        assert_eq!(made(&[pod("n1")]), (1, 0));
        assert_eq!(made(&[pod("n1"), pod("n2"), pod("n3")]), (0, 1));
    }
}
