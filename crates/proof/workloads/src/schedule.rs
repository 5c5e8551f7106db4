//! Scheduling: the next pod goes to the next node. No resources, affinity or taints are weighed.

use crate::json::{flag, text};
use crate::pod::Pod;
use crate::write::{Event, Kind, Plan, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// Binds a waiting pod to the `turn`-th schedulable node; without nodes it goes on waiting.
pub(crate) fn plan(pod: &Pod, nodes: &[Arc<Value>], turn: usize) -> Plan {
    let mut plan = Plan::default();
    let foreign = !matches!(pod.scheduler.as_str(), "" | "default-scheduler");
    if !pod.node.is_empty() || !pod.is_active() || pod.gated || foreign {
        return plan;
    }
    let open: Vec<&str> = nodes
        .iter()
        .filter(|node| !flag(node, "/spec/unschedulable"))
        .map(|node| text(node, "/metadata/name"))
        .collect();
    if open.is_empty() {
        return plan;
    }
    let (namespace, name, node) =
        (pod.namespace.clone(), pod.name.clone(), open[turn % open.len()].to_owned());
    let about = json!({"metadata": {"namespace": namespace, "name": name, "uid": pod.uid}});
    let message = format!("Successfully assigned {namespace}/{name} to {node}");
    plan.writes.push(Write::Bind { namespace, pod: name, node });
    plan.writes.push(Write::Event(Event::new(Kind::Pod, &about, "default-scheduler", "Scheduled", message)));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_pods_go_round_the_open_nodes() {
        let nodes: Vec<_> = [("n1", false), ("n2", true), ("n3", false)]
            .map(|(name, off)| Arc::new(json!({"metadata": {"name": name}, "spec": {"unschedulable": off}})))
            .to_vec();
        let pod = Pod::read(&json!({"metadata": {"name": "p", "namespace": "ns"}}));
        let node = |turn| match plan(&pod, &nodes, turn).writes.first() {
            Some(Write::Bind { node, .. }) => node.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([node(0), node(1), node(2)], ["n1", "n3", "n1"]);
        assert_eq!(
            plan(&Pod { scheduler: "mine".into(), ..pod.clone() }, &nodes, 0),
            Plan::default(),
            "another scheduler's pod"
        );
        assert_eq!(plan(&pod, &[], 0), Plan::default(), "no nodes yet");
    }
}
