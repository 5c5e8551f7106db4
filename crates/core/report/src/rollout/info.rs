//! A rollout with its ReplicaSets and pods, as the screens show it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{Status, status};
use crate::{
    lens::{entry, list, number, seconds, text},
    pod,
};

const HASH_LABEL: &str = "rollouts-pod-template-hash";
const REVISION: &str = "rollout.argoproj.io/revision";
const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// The whole of the traffic unless the router has another scale.
const MAX_WEIGHT: i64 = 100;

/// The objects that one screen is made of.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The Rollout.
    pub rollout: Value,
    /// ReplicaSets of its namespace; those that it does not control are left out.
    pub replica_sets: Vec<Value>,
    /// Pods of its namespace; those that its ReplicaSets do not control are left out.
    pub pods: Vec<Value>,
    /// Seconds since 1970 at which the objects were looked at.
    pub now: i64,
}

/// What is shown of a Rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Phase and message.
    pub status: Status,
    /// `Canary` or `BlueGreen`.
    pub strategy: String,
    /// `2/6`; empty without steps, and before the first of them.
    pub step: String,
    /// The weight that the current step asks for.
    pub set_weight: i64,
    /// The weight that the canary has.
    pub actual_weight: i64,
    /// Images of the live ReplicaSets.
    pub images: Vec<Image>,
    /// Wanted pods.
    pub desired: i64,
    /// Pods there are.
    pub current: i64,
    /// Pods of the newest revision.
    pub updated: i64,
    /// Ready pods.
    pub ready: i64,
    /// Available pods.
    pub available: i64,
    /// Seconds since creation.
    pub age_secs: i64,
    /// ReplicaSets, newest revision first.
    pub replica_sets: Vec<ReplicaSetInfo>,
}

/// An image and which version it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Image reference.
    pub image: String,
    /// `canary`, `stable` …, sorted.
    pub tags: Vec<String>,
}

/// What is shown of a ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSetInfo {
    /// Name.
    pub name: String,
    /// Revision.
    pub revision: i64,
    /// Healthy, Progressing, `ScaledDown` or `ReplicaFailure`.
    pub status: String,
    /// `stable`, `canary`, `active`, `preview`.
    pub tags: Vec<String>,
    /// `29s` until it is scaled down, or `passed`.
    pub delay: Option<String>,
    /// Seconds since creation.
    pub age_secs: i64,
    /// Pods there are.
    pub replicas: i64,
    /// Available pods.
    pub available: i64,
    /// Images of its template.
    pub images: Vec<String>,
    /// Its pods, oldest first.
    pub pods: Vec<PodInfo>,
}

/// What is shown of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodInfo {
    /// Name.
    pub name: String,
    /// The word of kubectl's STATUS column.
    pub status: String,
    /// `1/1`.
    pub ready: String,
    /// Restarts of its containers.
    pub restarts: i64,
    /// Seconds since creation.
    pub age_secs: i64,
}

impl Info {
    /// Gathers what is shown.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let rollout = &snapshot.rollout;
        let count = |path: &str| number(rollout, path).unwrap_or_default();
        let replica_sets = replica_sets(snapshot);
        let canary_available = replica_sets.iter().find(|set| set.tags.iter().any(|tag| tag == "canary"));
        Self {
            name: text(rollout, "/metadata/name").to_owned(),
            namespace: text(rollout, "/metadata/namespace").to_owned(),
            status: status(rollout),
            strategy: if canary(rollout).is_some() { "Canary" } else { "BlueGreen" }.to_owned(),
            step: step(rollout),
            set_weight: set_weight(rollout),
            actual_weight: actual_weight(rollout, canary_available.map_or(0, |set| set.available)),
            images: images(&replica_sets),
            desired: number(rollout, "/spec/replicas").unwrap_or(1),
            current: count("/status/replicas"),
            updated: count("/status/updatedReplicas"),
            ready: count("/status/readyReplicas"),
            available: count("/status/availableReplicas"),
            age_secs: age(rollout, snapshot.now),
            replica_sets,
        }
    }
}

fn canary(rollout: &Value) -> Option<&Value> {
    rollout.pointer("/spec/strategy/canary")
}

fn age(object: &Value, now: i64) -> i64 {
    now - seconds(object, "/metadata/creationTimestamp").unwrap_or(now)
}

fn steps(rollout: &Value) -> &[Value] {
    list(rollout, "/spec/strategy/canary/steps")
}

fn step(rollout: &Value) -> String {
    match (steps(rollout).len(), number(rollout, "/status/currentStepIndex")) {
        (0, _) | (_, None) => String::new(),
        (total, Some(index)) => format!("{index}/{total}"),
    }
}

fn max_weight(rollout: &Value) -> i64 {
    number(rollout, "/spec/strategy/canary/trafficRouting/maxTrafficWeight").unwrap_or(MAX_WEIGHT)
}

/// The index of the step that the rollout is at; none when it is past the last one.
fn current_step(rollout: &Value) -> Option<usize> {
    let index = usize::try_from(number(rollout, "/status/currentStepIndex").unwrap_or_default()).ok()?;
    (index < steps(rollout).len()).then_some(index)
}

fn set_weight(rollout: &Value) -> i64 {
    if rollout.pointer("/status/abort") == Some(&Value::Bool(true)) {
        return 0;
    }
    let Some(index) = current_step(rollout) else { return max_weight(rollout) };
    let reached = &steps(rollout)[..=index];
    reached.iter().rev().find_map(|step| number(step, "/setWeight")).unwrap_or_default()
}

fn actual_weight(rollout: &Value, canary_available: i64) -> i64 {
    let max = max_weight(rollout);
    if current_step(rollout).is_none() {
        return max;
    }
    let available = number(rollout, "/status/availableReplicas").unwrap_or_default();
    if available <= 0 {
        return 0;
    }
    if rollout.pointer("/spec/strategy/canary/trafficRouting").is_some() {
        let recorded = number(rollout, "/status/canary/weights/canary/weight");
        return recorded.unwrap_or_else(|| set_weight(rollout));
    }
    canary_available * max / available
}

fn images(sets: &[ReplicaSetInfo]) -> Vec<Image> {
    let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for set in sets.iter().filter(|set| 0 < set.replicas) {
        for image in &set.images {
            tags.entry(image).or_default().extend(set.tags.iter().map(String::as_str));
        }
    }
    let owned = |tags: BTreeSet<&str>| tags.into_iter().map(str::to_owned).collect();
    tags.into_iter().map(|(image, tags)| Image { image: image.to_owned(), tags: owned(tags) }).collect()
}

fn is_controlled_by(object: &Value, uid: &str) -> bool {
    let owners = list(object, "/metadata/ownerReferences");
    owners.iter().any(|owner| text(owner, "/uid") == uid && crate::lens::flag(owner, "/controller"))
}

fn replica_sets(snapshot: &Snapshot) -> Vec<ReplicaSetInfo> {
    let uid = text(&snapshot.rollout, "/metadata/uid");
    let owned = snapshot.replica_sets.iter().filter(|set| is_controlled_by(set, uid));
    let mut sets: Vec<_> = owned.map(|set| replica_set(snapshot, set)).collect();
    sets.sort_by(|a, b| b.revision.cmp(&a.revision).then_with(|| a.name.cmp(&b.name)));
    sets
}

fn replica_set(snapshot: &Snapshot, set: &Value) -> ReplicaSetInfo {
    let containers = ["/spec/template/spec/containers", "/spec/template/spec/initContainers"];
    let images =
        containers.iter().flat_map(|path| list(set, path)).map(|container| text(container, "/image"));
    let uid = text(set, "/metadata/uid");
    let mut pods: Vec<_> = snapshot.pods.iter().filter(|pod| is_controlled_by(pod, uid)).collect();
    let created = |pod: &Value| seconds(pod, "/metadata/creationTimestamp").unwrap_or(i64::MAX);
    pods.sort_by_key(|pod| (created(pod), text(pod, "/metadata/name").to_owned()));
    ReplicaSetInfo {
        name: text(set, "/metadata/name").to_owned(),
        revision: entry(set, "/metadata/annotations", REVISION).parse().unwrap_or_default(),
        status: replica_set_status(set).to_owned(),
        tags: tags(&snapshot.rollout, pod::label(set, HASH_LABEL)),
        delay: delay(set, snapshot.now),
        age_secs: age(set, snapshot.now),
        replicas: number(set, "/status/replicas").unwrap_or_default(),
        available: number(set, "/status/availableReplicas").unwrap_or_default(),
        images: images.map(str::to_owned).collect(),
        pods: pods.into_iter().map(|pod| pod_info(pod, snapshot.now)).collect(),
    }
}

fn replica_set_status(set: &Value) -> &'static str {
    let desired = number(set, "/spec/replicas").unwrap_or(1);
    let available = number(set, "/status/availableReplicas").unwrap_or_default();
    let generation = |path: &str| number(set, path).unwrap_or_default();
    let is_failure = |c: &Value| text(c, "/type") == "ReplicaFailure" && text(c, "/status") == "True";
    if generation("/status/observedGeneration") < generation("/metadata/generation") {
        "Progressing"
    } else if list(set, "/status/conditions").iter().any(is_failure) {
        "ReplicaFailure"
    } else if available < desired {
        "Progressing"
    } else if desired == 0 {
        "ScaledDown"
    } else {
        "Healthy"
    }
}

fn tags(rollout: &Value, hash: &str) -> Vec<String> {
    let is = |path: &str| !hash.is_empty() && text(rollout, path) == hash;
    let stable = is("/status/stableRS");
    let active = is("/status/blueGreen/activeSelector");
    let roles = [
        (stable, "stable"),
        (canary(rollout).is_some() && !stable && is("/status/currentPodHash"), "canary"),
        (active, "active"),
        (!active && is("/status/blueGreen/previewSelector"), "preview"),
    ];
    roles.iter().filter(|(applies, _)| *applies).map(|(_, tag)| (*tag).to_owned()).collect()
}

fn delay(set: &Value, now: i64) -> Option<String> {
    let deadline = entry(set, "/metadata/annotations", SCALE_DOWN_DEADLINE);
    let left = deadline.parse::<serin_kernel::Moment>().ok()?.as_secs() - now;
    Some(if left < 0 { "passed".to_owned() } else { serin_lang::age::human(left) })
}

fn pod_info(pod: &Value, now: i64) -> PodInfo {
    let (ready, total) = pod::ready(pod);
    PodInfo {
        name: text(pod, "/metadata/name").to_owned(),
        status: pod::status(pod),
        ready: format!("{ready}/{total}"),
        restarts: pod::restarts(pod),
        age_secs: age(pod, now),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_that_has_not_begun_shows_no_step_and_no_weight() {
        let canary = json!({"steps": [{"setWeight": 50}], "trafficRouting": {"nginx": {}}});
        let spec = json!({"replicas": 2, "strategy": {"canary": canary}});
        for (status, step, weight) in [
            (json!({}), "", 0),
            (json!({"currentStepIndex": 0, "availableReplicas": 2}), "0/1", 50),
            (json!({"currentStepIndex": 0, "canary": {"weights": {"canary": {"weight": 50}}}}), "0/1", 0),
            (json!({"currentStepIndex": 1}), "1/1", 100),
        ] {
            let rollout = json!({"spec": spec, "status": status});
            let info = Info::new(&Snapshot { rollout, ..Snapshot::default() });
            assert_eq!((info.step.as_str(), info.actual_weight), (step, weight), "{status}");
        }
    }

    #[test]
    fn a_replica_set_is_what_its_newest_spec_says() {
        for (set, status) in [
            (json!({"spec": {"replicas": 0}, "status": {"availableReplicas": 1}}), "ScaledDown"),
            (json!({"spec": {"replicas": 1}, "status": {"availableReplicas": 1}}), "Healthy"),
            (json!({"spec": {"replicas": 2}, "status": {"availableReplicas": 1}}), "Progressing"),
            (
                json!({"metadata": {"generation": 2}, "spec": {"replicas": 0}, "status": {"observedGeneration": 1}}),
                "Progressing",
            ),
        ] {
            assert_eq!(replica_set_status(&set), status, "{set}");
        }
    }
}
