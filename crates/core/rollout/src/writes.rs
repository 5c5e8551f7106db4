//! From what was decided to the writes that do it, in an order of which every prefix is safe.
//!
//! Order: who the pods belong to and which revision they are; more pods; traffic away from where pods are about to go;
//! Services; traffic towards pods that are there; fewer pods; old revisions; the status last. At most one write per
//! object.

use serde_json::{Map, Value, json};
use serin_api::{
    kinds,
    names::{EventReason, annotations, labels},
};
use serin_kernel::{Change, Owner, Propagation, Write};

use crate::{
    dress::{self, Dressed},
    scene::Scene,
    set::Set,
    targets::{Deadline, Goal, Goals},
    tell::Tell,
    template::Injected,
};

/// The writes of ReplicaSets, apart by what they do to capacity.
#[derive(Debug, Default)]
pub(crate) struct SetWrites {
    /// Creations, growth, and changes of annotations alone.
    pub(crate) up: Vec<Write>,
    /// Scaling down.
    pub(crate) down: Vec<Write>,
}

/// The write of the Rollout's own annotations, if they have changed, and of its size, if it has none: the scale
/// subresource has no answer without it, and autoscalers stop.
pub(crate) fn annotate(scene: &Scene<'_>) -> Option<Write> {
    let object = scene.object();
    let revision = scene.revision().to_string();
    let mut wanted = Map::new();
    let is_new = object.meta().annotations.get(annotations::REVISION) != Some(&revision);
    if is_new {
        wanted.insert(annotations::REVISION.to_owned(), json!(revision));
    }
    let generation = scene.workload_generation.map(|generation| generation.to_string());
    if object.meta().annotations.get(annotations::WORKLOAD_GENERATION) != generation.as_ref() {
        wanted.insert(annotations::WORKLOAD_GENERATION.to_owned(), json!(generation));
    }
    let (was, is) = (object.meta().annotations.contains_key(dress::DRESSED), dress::is_dressed(scene));
    if was != is {
        wanted.insert(dress::DRESSED.to_owned(), if is { json!("true") } else { Value::Null });
    }
    let mut patch = json!({});
    if !wanted.is_empty() {
        patch["metadata"]["annotations"] = Value::Object(wanted);
    }
    if scene.rollout.spec.replicas.is_none() {
        patch["spec"]["replicas"] = json!(scene.replicas());
    }
    if patch == json!({}) {
        return None;
    }
    let write = Write::unchanged(object, Change::Merge(patch));
    if !is_new {
        return Some(write);
    }
    let text = format!("Rollout updated to revision {revision}");
    Some(write.telling(Tell::normal(EventReason::RolloutUpdated, text).about(object)))
}

/// The writes that bring the ReplicaSets to their goals and into their dress.
pub(crate) fn sets(scene: &Scene<'_>, goals: &Goals, dressed: &Dressed) -> SetWrites {
    let mut writes = SetWrites::default();
    let none = Goal::default();
    for (index, set) in scene.sets.iter().enumerate() {
        let goal = goals.sets.get(&index).unwrap_or(&none);
        if set.object.is_none() {
            writes.up.push(create(scene, set, goal, dressed));
            continue;
        }
        if set.is_deleting() {
            continue;
        }
        if let Some(write) = update(scene, index, goal, dressed.changes.get(&index)) {
            let shrinks = goal.replicas.is_some_and(|replicas| replicas < set.spec);
            if shrinks { writes.down.push(write) } else { writes.up.push(write) }
        }
    }
    writes
}

fn create(scene: &Scene<'_>, set: &Set<'_>, goal: &Goal, dressed: &Dressed) -> Write {
    let object = scene.object();
    let meta = object.meta();
    let replicas = goal.replicas.unwrap_or(0);
    let (template, record) =
        dressed.created.clone().unwrap_or_else(|| (set.template.clone(), Injected::default()));
    let mut set_labels = set.template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    if let (Some(map), Some(id)) = (set_labels.as_object_mut(), meta.labels.get(labels::INSTANCE_ID)) {
        map.insert(labels::INSTANCE_ID.to_owned(), json!(id));
    }
    let mut selector = serin_api::wire::Wire::write(&scene.selector);
    if let Some(map) = selector.as_object_mut() {
        let equal = map.entry("matchLabels").or_insert_with(|| json!({}));
        equal[labels::POD_TEMPLATE_HASH] = json!(set.hash);
    }
    let mut spec = json!({"replicas": replicas, "selector": selector, "template": template});
    let ready = scene.rollout.spec.min_ready_seconds;
    if ready > 0 {
        spec["minReadySeconds"] = json!(ready);
    }
    let mut noted = copied_annotations(scene);
    noted.insert(annotations::REVISION.to_owned(), json!(scene.revision().to_string()));
    noted.insert(annotations::DESIRED_REPLICAS.to_owned(), json!(scene.replicas().to_string()));
    if !record.is_empty() {
        noted.insert(annotations::EPHEMERAL_METADATA.to_owned(), json!(record.to_annotation()));
    }
    let body = json!({
        "apiVersion": kinds::REPLICA_SET.api_version(),
        "kind": kinds::REPLICA_SET.kind,
        "metadata": {
            "name": set.name,
            "namespace": meta.namespace,
            "labels": set_labels,
            "annotations": noted,
            "ownerReferences": [owner(scene)],
        },
        "spec": spec,
    });
    let key = kinds::REPLICA_SET.key(meta.namespace.clone(), set.name.clone());
    let text = format!("Created ReplicaSet {} (revision {})", set.name, scene.revision());
    let write = Write::new(key, Change::Create(body))
        .telling(Tell::normal(EventReason::NewReplicaSetCreated, text).about(object));
    match scaling(scene, set, replicas) {
        Some(told) => write.telling(told.about(object)),
        None => write,
    }
}

/// The reference that makes the Rollout the managing owner.
pub(crate) fn owner(scene: &Scene<'_>) -> Value {
    let rollout = scene.object();
    Owner::controller_ref(rollout.kind(), rollout.meta()).to_json()
}

fn update(scene: &Scene<'_>, index: usize, goal: &Goal, change: Option<&Value>) -> Option<Write> {
    let set = &scene.sets[index];
    let object = set.object?;
    let mut patch = change.cloned().unwrap_or_else(|| json!({}));
    let mut noted = Map::new();
    let replicas = goal.replicas.unwrap_or(set.spec);
    if replicas != set.spec {
        patch["spec"]["replicas"] = json!(replicas);
    }
    let is_active = 0 < set.spec || 0 < replicas;
    if goal.replicas.is_some() && is_active && set.desired != Some(scene.replicas()) {
        noted.insert(annotations::DESIRED_REPLICAS.to_owned(), json!(scene.replicas().to_string()));
    }
    let retired = replicas == 0 && 0 < set.spec && set.deadline.is_some() && index != scene.new;
    match goal.deadline {
        Some(Deadline::At(deadline)) if set.deadline != Some(deadline) => {
            noted.insert(annotations::SCALE_DOWN_DEADLINE.to_owned(), json!(deadline.to_string()));
        }
        Some(Deadline::Gone) => {
            noted.insert(annotations::SCALE_DOWN_DEADLINE.to_owned(), Value::Null);
        }
        _ if retired => {
            noted.insert(annotations::SCALE_DOWN_DEADLINE.to_owned(), Value::Null);
        }
        _ => {}
    }
    if index == scene.new {
        revise(scene, &mut noted, &mut patch);
    }
    if !noted.is_empty() {
        if let Some(before) = patch.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            before.extend(noted);
        } else {
            patch["metadata"]["annotations"] = Value::Object(noted);
        }
    }
    if patch.as_object().is_none_or(Map::is_empty) {
        return None;
    }
    let write = Write::unchanged(object, Change::Merge(patch));
    Some(match scaling(scene, set, replicas) {
        Some(told) => write.telling(told.about(scene.object())),
        None => write,
    })
}

/// A version that is wanted again gets the newest revision number, and keeps the ones that it had.
fn revise(scene: &Scene<'_>, noted: &mut Map<String, Value>, patch: &mut Value) {
    let set = scene.wanted();
    let Some(has) = set.annotations() else { return };
    if set.revision != scene.revision() {
        noted.insert(annotations::REVISION.to_owned(), json!(scene.revision().to_string()));
        if set.revision > 0 {
            let before = has.get(annotations::REVISION_HISTORY).filter(|text| !text.is_empty());
            let history = before.map_or(set.revision.to_string(), |text| format!("{text},{}", set.revision));
            noted.insert(annotations::REVISION_HISTORY.to_owned(), json!(history));
        }
    }
    for (key, value) in copied_annotations(scene) {
        if has.get(&key).map(String::as_str) != value.as_str() {
            noted.insert(key, value);
        }
    }
    let ready = scene.rollout.spec.min_ready_seconds;
    if set.min_ready_seconds != ready {
        patch["spec"]["minReadySeconds"] = if ready == 0 { Value::Null } else { json!(ready) };
    }
}

fn copied_annotations(scene: &Scene<'_>) -> Map<String, Value> {
    let own = scene.object().meta().annotations.iter();
    let kept_back = |key: &str| annotations::NOT_COPIED.contains(&key) || key == dress::DRESSED;
    let copied = own.filter(|(key, _)| !kept_back(key));
    copied.map(|(key, value)| (key.clone(), json!(value))).collect()
}

fn scaling(scene: &Scene<'_>, set: &Set<'_>, replicas: u32) -> Option<Tell> {
    let direction = match replicas.cmp(&set.spec) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => "down",
        std::cmp::Ordering::Greater => "up",
    };
    let revision = if set.name == scene.wanted().name { scene.revision() } else { set.revision };
    let text = format!(
        "Scaled {direction} ReplicaSet {} (revision {revision}) from {} to {replicas}",
        set.name, set.spec
    );
    Some(Tell::normal(EventReason::ScalingReplicaSet, text))
}

/// Deletes old revisions beyond the limit: the oldest first, none that still has or wants pods.
pub(crate) fn history(scene: &Scene<'_>, mut old: Vec<usize>) -> Vec<Write> {
    let limit = usize::try_from(scene.rollout.spec.revision_history_limit()).unwrap_or(0);
    old.retain(|&index| !scene.sets[index].is_deleting());
    let surplus = old.len().saturating_sub(limit);
    old.sort_by_key(|&index| (scene.sets[index].created(), scene.sets[index].revision));
    let surplus = old.into_iter().take(surplus).map(|index| &scene.sets[index]);
    let idle = surplus.filter(|set| set.current == 0 && set.spec == 0 && set.is_observed);
    idle.filter_map(|set| set.object)
        .map(|object| Write::unchanged(object, Change::Delete(Propagation::Background)).tolerated())
        .collect()
}

/// The write of the status. It is refused when somebody else has changed the Rollout since it was observed, unless this
/// pass has changed it itself before.
pub(crate) fn status(scene: &Scene<'_>, patch: Value, changed: bool) -> Write {
    let object = scene.object();
    let change = Change::MergeStatus(patch);
    if changed { Write::same(object, change) } else { Write::unchanged(object, change) }
}
