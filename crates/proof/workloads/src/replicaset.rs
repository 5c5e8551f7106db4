//! ReplicaSets: as many pods as are asked for, the least useful one leaving first.
//!
//! Pure. [`plan`] adopts, creates and deletes pods; [`status`] says what there is afterwards. Both take the pods that
//! the set owns or may adopt, whoever wrote the set (a Deployment, a Rollout or a person).

use crate::json::{count_or_percent, flag, int, labels, list, owner_reference, stamp, text};
use crate::pod::{Phase, Pod};
use crate::write::{Event, Key, Kind, Plan, Write, status_patch};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use serin_lang::selector::Selector;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

const COMPONENT: &str = "replicaset-controller";

/// Creates or deletions in one pass: Kubernetes' own burst, so that one mistyped replica count cannot bury the API.
const BURST: usize = 500;

/// Active pods per node of all ReplicaSets with the same controller: a pod on a crowded node leaves first.
pub(crate) type Crowds = BTreeMap<String, usize>;

/// Why pods could not be made or removed: the condition's reason and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// What to write about the pods of `set`.
pub(crate) fn plan(set: &Value, pods: &[Arc<Pod>], crowds: impl FnOnce() -> Crowds) -> Plan {
    let mut plan = Plan::default();
    let Some(selector) = set
        .pointer("/spec/selector")
        .and_then(|s| Selector::from_object(s).ok())
        .filter(|s| !s.is_everything())
    else {
        return plan;
    };
    if is_deleting(set) {
        return plan;
    }
    let uid = text(set, "/metadata/uid");
    let mut claimed = Vec::new();
    for pod in pods {
        match (pod.is_owned_by(uid), selector.matches(&pod.labels)) {
            (true, true) => claimed.push(pod),
            (true, false) => plan.writes.push(release(pod)),
            (false, true) if pod.owner.is_none() && pod.is_active() => {
                plan.writes.push(adopt(set, pod));
                claimed.push(pod);
            }
            (false, _) => {}
        }
    }
    let active: Vec<&Pod> = claimed.into_iter().map(AsRef::as_ref).filter(|pod| pod.is_active()).collect();
    let wanted = usize::try_from(int(set, "/spec/replicas", 1)).unwrap_or(0);
    if active.len() < wanted {
        let missing = (wanted - active.len()).min(BURST);
        plan.writes.extend((0..missing).map(|_| create(set)));
    } else if wanted < active.len() {
        let surplus = (active.len() - wanted).min(BURST);
        plan.writes
            .extend(leaving_first(active, &crowds()).into_iter().take(surplus).map(|pod| delete(set, pod)));
    }
    plan
}

/// The status of `set` with these pods, and when it will change by itself.
pub(crate) fn status(set: &Value, pods: &[Arc<Pod>], failure: Option<&Failure>, now: Timestamp) -> Plan {
    let uid = text(set, "/metadata/uid");
    let template_labels = labels(set, "/spec/template/metadata/labels");
    let min_ready_sec = int(set, "/spec/minReadySeconds", 0);
    let active: Vec<_> = pods.iter().filter(|pod| pod.is_owned_by(uid) && pod.is_active()).collect();
    let labelled = |pod: &Pod| template_labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
    let mut wanted = Map::new();
    wanted.insert("replicas".into(), json!(active.len()));
    for (field, count) in [
        ("fullyLabeledReplicas", active.iter().filter(|pod| labelled(pod)).count()),
        ("readyReplicas", active.iter().filter(|pod| pod.ready).count()),
        ("availableReplicas", active.iter().filter(|pod| pod.is_available(min_ready_sec, now)).count()),
    ] {
        if 0 < count {
            wanted.insert(field.into(), json!(count));
        }
    }
    wanted.insert("observedGeneration".into(), json!(int(set, "/metadata/generation", 0)));
    let conditions = conditions(set, failure, now);
    if !conditions.is_empty() {
        wanted.insert("conditions".into(), Value::Array(conditions));
    }
    let mut plan = Plan::default();
    plan.writes.extend(status_patch(Kind::ReplicaSet, set, &Value::Object(wanted)));
    for at in active.iter().filter_map(|pod| pod.available_at(min_ready_sec)).filter(|at| now < *at) {
        plan.wake_at(at);
    }
    plan
}

/// The event for pods that the API refused.
pub(crate) fn failure_event(set: &Value, failure: &Failure) -> Write {
    let verb = if failure.reason == "FailedCreate" { "creating" } else { "deleting" };
    let message = format!("Error {verb}: {}", failure.message);
    Write::Event(Event::new(Kind::ReplicaSet, set, COMPONENT, failure.reason, message).warning())
}

/// `pods`, the one to delete first in front: unassigned, pending, not ready, cheap, on a crowded node, ready for a
/// short time, often restarted, young. The last resort is the name, so that equal inputs give equal plans.
pub(crate) fn leaving_first<'a>(mut pods: Vec<&'a Pod>, crowds: &Crowds) -> Vec<&'a Pod> {
    pods.sort_by_cached_key(|pod| {
        let rank = match pod.phase {
            Phase::Pending => 0,
            Phase::Unknown => 1,
            _ => 2,
        };
        (
            (!pod.node.is_empty(), rank, pod.ready, pod.deletion_cost),
            Reverse(crowds.get(&pod.node).copied().unwrap_or(0)),
            Reverse(pod.ready_since),
            Reverse(pod.restarts),
            Reverse(pod.created),
            pod.name.clone(),
        )
    });
    pods
}

/// A pod from the template of `owner`, without a name of its own.
pub(crate) fn pod_from_template(kind: Kind, owner: &Value) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let mut metadata = Map::new();
    metadata.insert("generateName".into(), json!(format!("{}-", text(owner, "/metadata/name"))));
    metadata.insert("namespace".into(), json!(text(owner, "/metadata/namespace")));
    metadata.insert("labels".into(), json!(labels(&template, "/metadata/labels")));
    metadata.insert("annotations".into(), json!(labels(&template, "/metadata/annotations")));
    if let Some(finalizers @ Value::Array(_)) = template.pointer("/metadata/finalizers") {
        metadata.insert("finalizers".into(), finalizers.clone());
    }
    let reference = owner_reference(&kind.api_version(), kind.names().1, owner);
    metadata.insert("ownerReferences".into(), json!([reference]));
    let spec = template.get("spec").filter(|spec| spec.is_object()).cloned().unwrap_or_else(|| json!({}));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// Whether the object is on its way out.
pub(crate) fn is_deleting(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// The share of `total` that a field holds, for the callers that fall back to 0.
pub(crate) fn share(object: &Value, pointer: &str, total: i64, round_up: bool) -> Option<i64> {
    count_or_percent(object.pointer(pointer), total, round_up)
}

fn create(set: &Value) -> Write {
    let told = Event::new(Kind::ReplicaSet, set, COMPONENT, "SuccessfulCreate", "Created pod: ".into());
    Write::Create { kind: Kind::Pod, object: pod_from_template(Kind::ReplicaSet, set), told: Some(told) }
}

fn delete(set: &Value, pod: &Pod) -> Write {
    let told = Event::new(Kind::ReplicaSet, set, COMPONENT, "SuccessfulDelete", "Deleted pod: ".into());
    Write::Delete {
        key: Key::new(Kind::Pod, &pod.namespace, &pod.name),
        uid: pod.uid.clone(),
        told: Some(told),
    }
}

fn adopt(set: &Value, pod: &Pod) -> Write {
    let reference = owner_reference("apps/v1", "ReplicaSet", set);
    own(pod, &json!([reference]))
}

fn release(pod: &Pod) -> Write {
    own(pod, &Value::Null)
}

fn own(pod: &Pod, references: &Value) -> Write {
    let patch = json!({"metadata": {"uid": pod.uid, "ownerReferences": references}});
    Write::Patch { key: Key::new(Kind::Pod, &pod.namespace, &pod.name), subresource: "", patch }
}

fn conditions(set: &Value, failure: Option<&Failure>, now: Timestamp) -> Vec<Value> {
    let is_failure = |condition: &&Value| text(condition, "/type") == "ReplicaFailure";
    let current = list(set, "/status/conditions");
    let mut kept: Vec<Value> = current.iter().filter(|c| !is_failure(c)).cloned().collect();
    if let Some(failure) = failure {
        let same =
            current.iter().find(is_failure).filter(|condition| text(condition, "/reason") == failure.reason);
        kept.push(same.cloned().unwrap_or_else(|| {
            json!({
                "type": "ReplicaFailure", "status": "True", "lastTransitionTime": stamp(now),
                "reason": failure.reason, "message": failure.message,
            })
        }));
    }
    kept
}

/// Whether the spec says that a Deployment is paused.
pub(crate) fn is_paused(object: &Value) -> bool {
    flag(object, "/spec/paused")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(replicas: i64) -> Value {
        json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "set", "generation": 3},
            "spec": {"replicas": replicas, "minReadySeconds": 10, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
        })
    }

    fn pod(name: &str, edit: impl FnOnce(&mut Pod)) -> Arc<Pod> {
        let mut pod = Pod::read(&json!({
            "metadata": {"name": name, "namespace": "ns", "uid": name, "labels": {"app": "web"},
                         "creationTimestamp": "2026-01-01T00:00:00Z",
                         "ownerReferences": [{"uid": "set", "controller": true}]},
            "spec": {"nodeName": "n1"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:10Z"}]},
        }));
        edit(&mut pod);
        Arc::new(pod)
    }

    fn deleted(plan: &Plan) -> Vec<&str> {
        let name = |write: &'_ Write| matches!(write, Write::Delete { .. });
        plan.writes
            .iter()
            .filter(|w| name(w))
            .map(|w| if let Write::Delete { key, .. } = w { key.name.as_str() } else { "" })
            .collect()
    }

    #[test]
    fn missing_pods_are_created_from_the_template() {
        let plan = plan(&set(3), &[pod("a", |_| {})], Crowds::new);
        assert_eq!(plan.writes.len(), 2);
        let Write::Create { object, told, .. } = &plan.writes[0] else {
            panic!("a create, not {:?}", plan.writes[0])
        };
        assert_eq!(text(object, "/metadata/generateName"), "web-");
        assert_eq!(text(object, "/metadata/ownerReferences/0/uid"), "set");
        assert_eq!(told.as_ref().unwrap().message, "Created pod: ");
    }

    #[test]
    fn finished_and_leaving_pods_do_not_count() {
        let pods = [pod("a", |p| p.phase = Phase::Failed), pod("b", |p| p.deleting = true), pod("c", |_| {})];
        assert_eq!(plan(&set(1), &pods, Crowds::new).writes, []);
    }

    #[test]
    fn the_least_useful_pod_leaves_first() {
        let later = |p: &mut Pod| p.created = "2026-01-02T00:00:00Z".parse().ok();
        for (case, worse, crowded) in [
            ("unassigned", pod("x", |p| p.node = String::new()), ""),
            ("pending", pod("x", |p| p.phase = Phase::Pending), ""),
            ("not ready", pod("x", |p| p.ready = false), ""),
            ("cheap", pod("x", |p| p.deletion_cost = -1), ""),
            ("crowded", pod("x", |p| p.node = "n2".into()), "n2"),
            ("ready for less time", pod("x", |p| p.ready_since = "2026-01-01T00:01:00Z".parse().ok()), ""),
            ("restarted", pod("x", |p| p.restarts = 1), ""),
            ("young", pod("x", later), ""),
        ] {
            let crowds = Crowds::from([("n1".into(), 1), (crowded.to_owned(), 2)]);
            let plan = plan(&set(1), &[pod("a", |_| {}), worse, pod("b", |_| {})], || crowds);
            assert_eq!(deleted(&plan), ["x", "a"], "{case}");
        }
    }

    #[test]
    fn orphans_are_adopted_and_strangers_released() {
        let orphan = pod("o", |p| p.owner = None);
        let stranger = pod("s", |p| p.labels.clear());
        let foreign = pod("f", |p| p.owner.as_mut().unwrap().uid = "other".into());
        let plan = plan(&set(1), &[orphan, stranger, foreign], Crowds::new);
        let patched: Vec<_> = plan
            .writes
            .iter()
            .map(|w| {
                if let Write::Patch { key, patch, .. } = w {
                    (key.name.as_str(), patch["metadata"]["ownerReferences"].is_null())
                } else {
                    panic!("{w:?}")
                }
            })
            .collect();
        assert_eq!(patched, [("o", false), ("s", true)]);
    }

    #[test]
    fn status_counts_and_wakes_when_the_next_pod_becomes_available() {
        let now = "2026-01-01T00:00:15Z".parse().unwrap();
        let plan = status(&set(2), &[pod("a", |_| {}), pod("b", |p| p.ready = false)], None, now);
        let [Write::Patch { patch, subresource: "status", .. }] = plan.writes.as_slice() else {
            panic!("{:?}", plan.writes)
        };
        assert_eq!(
            *patch,
            json!({"status": {"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 1, "observedGeneration": 3}})
        );
        assert_eq!(plan.wake, "2026-01-01T00:00:20Z".parse().ok());
    }

    #[test]
    fn a_refused_pod_is_a_condition_until_it_is_not() {
        let now = "2026-01-01T00:00:15Z".parse().unwrap();
        let failure = Failure { reason: "FailedCreate", message: "quota".into() };
        let mut set = set(0);
        let plan = status(&set, &[], Some(&failure), now);
        let [Write::Patch { patch, .. }] = plan.writes.as_slice() else { panic!("{:?}", plan.writes) };
        assert_eq!(text(patch, "/status/conditions/0/message"), "quota");
        set["status"] = patch["status"].clone();
        assert_eq!(
            status(&set, &[], Some(&failure), now).writes,
            [],
            "the same failure is not written twice"
        );
        let plan = status(&set, &[], None, now);
        let [Write::Patch { patch, .. }] = plan.writes.as_slice() else { panic!("{:?}", plan.writes) };
        assert_eq!(*patch, json!({"status": {"conditions": null}}));
    }
}
