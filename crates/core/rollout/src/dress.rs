//! What the controller puts into pod templates and pods beside what the user wrote: the labels and annotations of their
//! role, and the rule that keeps two versions apart.
//!
//! Property: pods are never restarted for it. Templates are changed in place for pods to come, pods that live get labels
//! and annotations by patch.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_api::{
    diff::merge_diff,
    kinds,
    meta::LabelsAndAnnotations,
    names::annotations,
    rollout::{CanaryStrategy, RolloutStatus},
    wire::Wire,
};
use serin_kernel::{Change, Object, Write};

use crate::{
    identify,
    scene::Scene,
    set::Set,
    template::{self, AntiAffinity, Injected, Strength},
};

/// On a Rollout: its pods may carry labels or annotations of their role, so that they have to be looked at, also after
/// the last of them is gone from the spec. Not Argo's; nobody else reads it.
pub(crate) const DRESSED: &str = "serin.dev/dressed";

/// Whether the pods of this Rollout are to be seen for their labels and annotations.
pub(crate) fn looks_at_pods(object: &Object, canary: &CanaryStrategy) -> bool {
    names_any(canary) || object.meta().annotations.contains_key(DRESSED)
}

/// Whether the Rollout names labels or annotations for a role.
fn names_any(canary: &CanaryStrategy) -> bool {
    canary.canary_metadata.is_some() || canary.stable_metadata.is_some()
}

/// Whether pods may carry any: by the spec, or by the record of a ReplicaSet.
pub(crate) fn is_dressed(scene: &Scene<'_>) -> bool {
    names_any(scene.canary) || scene.sets.iter().any(|set| !identify::injected(set).is_empty())
}

/// The changes of templates and pods.
#[derive(Debug, Default)]
pub(crate) struct Dressed {
    /// Further parts of the ReplicaSets' patches, by index in the scene.
    pub(crate) changes: BTreeMap<usize, Value>,
    /// The template of the ReplicaSet to create, and what its record says was put in.
    pub(crate) created: Option<(Value, Injected)>,
    /// Patches of pods.
    pub(crate) pods: Vec<Write>,
}

/// What has to change for templates and pods to fit their roles under `decided`.
pub(crate) fn dress(scene: &Scene<'_>, decided: &RolloutStatus) -> Dressed {
    let mut dressed = Dressed::default();
    let stable = scene.with_hash(&decided.stable_rs);
    let of = |metadata: &Option<LabelsAndAnnotations>| {
        metadata.as_ref().map(|metadata| Injected::from_spec(&metadata.write())).unwrap_or_default()
    };
    let (canary, steady) = (of(&scene.canary.canary_metadata), of(&scene.canary.stable_metadata));
    let nobody = Injected::default();
    let looks_at_pods = looks_at_pods(scene.object(), scene.canary);
    for (index, set) in scene.sets.iter().enumerate().filter(|(_, set)| !set.is_deleting()) {
        let wanted = if Some(index) == stable || (index == scene.new && stable.is_none()) {
            &steady
        } else if index == scene.new {
            &canary
        } else {
            &nobody
        };
        let mut fitting = template::inject_metadata(&set.template, &identify::injected(set), wanted);
        if index == scene.new {
            fitting = kept_apart(scene, decided, stable, &fitting);
        }
        if set.object.is_none() {
            dressed.created = Some((fitting, wanted.clone()));
            continue;
        }
        let mut change = json!({});
        if let Some(patch) = merge_diff(&set.template, &fitting) {
            change["spec"]["template"] = patch;
        }
        let mut known = identify::injected(set);
        for role in [&canary, &steady] {
            known.labels.extend(role.labels.clone());
            known.annotations.extend(role.annotations.clone());
        }
        let before = dressed.pods.len();
        if !known.is_empty() {
            dressed.pods.extend(pods(scene, set, &known, wanted));
        }
        let is_settled = looks_at_pods && before == dressed.pods.len();
        let record = (!wanted.is_empty()).then(|| wanted.to_annotation());
        let had = set.annotations().and_then(|all| all.get(annotations::EPHEMERAL_METADATA));
        let is_other = identify::injected(set) != *wanted || (record.is_none() && had.is_some());
        // The record of what has to be taken off stays until it is off every pod.
        if is_other && (record.is_some() || is_settled) {
            change["metadata"]["annotations"][annotations::EPHEMERAL_METADATA] = json!(record);
        }
        if change != json!({}) {
            dressed.changes.insert(index, change);
        }
    }
    dressed
}

/// `template` with the rule against the stable version's nodes, if there is to be one.
fn kept_apart(scene: &Scene<'_>, decided: &RolloutStatus, stable: Option<usize>, template: &Value) -> Value {
    let strength =
        scene.canary.anti_affinity.as_ref().and_then(|rule| match (&rule.required, &rule.preferred) {
            (Some(_), _) => Some(Strength::Required),
            (None, Some(preferred)) => Some(Strength::Preferred(preferred.weight)),
            (None, None) => None,
        });
    let Some(strength) = strength.filter(|_| stable.is_some_and(|index| index != scene.new)) else {
        return template::without_anti_affinity(template);
    };
    let namespace = scene.object().meta().namespace.clone();
    let rule = AntiAffinity { stable_hash: decided.stable_rs.clone(), namespace, strength };
    template::inject_anti_affinity(&template::without_anti_affinity(template), &rule)
}

/// The patches of living pods of `set`.
fn pods<'s>(
    scene: &'s Scene<'_>,
    set: &'s Set<'_>,
    known: &'s Injected,
    wanted: &'s Injected,
) -> impl Iterator<Item = Write> + 's {
    let owner = set.object.map(|object| object.meta().uid.clone()).unwrap_or_default();
    let living = scene
        .observed
        .all(kinds::POD)
        .filter(move |pod| pod.meta().is_controlled_by(&owner) && pod.meta().deletion_timestamp.is_none());
    living.filter_map(move |pod| {
        let is = pod.value();
        let patch = merge_diff(&is, &template::inject_metadata(&is, known, wanted))?;
        Some(Write::same(pod, Change::Merge(patch)).tolerated())
    })
}
