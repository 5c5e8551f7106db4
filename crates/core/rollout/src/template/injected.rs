//! What the controller puts into a template, and takes out again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{POD_TEMPLATE_HASH, entries};

/// Labels and annotations that are put into one version's pods for as long as it plays its role.
///
/// A ReplicaSet keeps the record of its own in the annotation `rollout.argoproj.io/ephemeral-metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Injected {
    /// Labels by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Injected {
    /// Reads a ReplicaSet's record; a record that cannot be read names nothing.
    #[must_use]
    pub fn from_annotation(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Reads `canaryMetadata` or `stableMetadata`; what is no text is left out.
    #[must_use]
    pub fn from_spec(metadata: &Value) -> Self {
        let texts = |part: &str| {
            let named = entries(metadata.get(part));
            named.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        Self { labels: texts("labels"), annotations: texts("annotations") }
    }

    /// The record as a ReplicaSet keeps it.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether nothing is injected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    fn parts(&self) -> [(&'static str, &BTreeMap<String, String>); 2] {
        [("labels", &self.labels), ("annotations", &self.annotations)]
    }
}

/// `object` (a template or a pod) with `wanted` in place of `previous`.
#[must_use]
pub fn inject_metadata(object: &Value, previous: &Injected, wanted: &Injected) -> Value {
    let mut injected = remove_metadata(object, previous);
    for (part, named) in wanted.parts() {
        if named.is_empty() {
            continue;
        }
        if let Some(map) = map_at(&mut injected, &["metadata", part]) {
            map.extend(named.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
        }
    }
    injected
}

/// `object` (a template or a pod) without `previous`.
#[must_use]
pub fn remove_metadata(object: &Value, previous: &Injected) -> Value {
    let mut own = object.clone();
    let Some(metadata) = own.get_mut("metadata").and_then(Value::as_object_mut) else { return own };
    for (part, named) in previous.parts() {
        let Some(map) = metadata.get_mut(part).and_then(Value::as_object_mut) else { continue };
        map.retain(|key, _| !named.contains_key(key));
        if map.is_empty() && !named.is_empty() {
            metadata.shift_remove(part);
        }
    }
    own
}

/// A rule that keeps pods of a new version off the nodes of the stable one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AntiAffinity {
    /// Hash of the stable version's template.
    pub stable_hash: String,
    /// Namespace of both.
    pub namespace: String,
    /// How firmly.
    pub strength: Strength,
}

/// How firmly pods are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// A pod that cannot be kept apart does not start.
    Required,
    /// As far as possible, with a weight of 1 to 100.
    Preferred(i32),
}

/// The two lists of terms under `affinity.podAntiAffinity`.
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
/// What makes two pods neighbours: the node.
const TOPOLOGY: &str = "kubernetes.io/hostname";

/// `template` with `rule`, in place of any such rule that it has.
#[must_use]
pub fn inject_anti_affinity(template: &Value, rule: &AntiAffinity) -> Value {
    let mut injected = without_anti_affinity(template);
    let term = json!({
        "labelSelector": {"matchExpressions": [
            {"key": POD_TEMPLATE_HASH, "operator": "In", "values": [rule.stable_hash]},
        ]},
        "namespaces": [rule.namespace],
        "topologyKey": TOPOLOGY,
    });
    let (list, term) = match rule.strength {
        Strength::Required => (REQUIRED, term),
        Strength::Preferred(weight) => (PREFERRED, json!({"weight": weight, "podAffinityTerm": term})),
    };
    let Some(rules) = map_at(&mut injected, &["spec", "affinity", "podAntiAffinity"]) else {
        return injected;
    };
    let terms = rules.entry(list).or_insert(Value::Null);
    match terms {
        Value::Array(terms) => terms.push(term),
        other => *other = json!([term]),
    }
    injected
}

/// `template` without the rules that [`inject_anti_affinity`] or Argo's controller made; a user's own rules stay.
#[must_use]
pub fn without_anti_affinity(template: &Value) -> Value {
    let mut own = template.clone();
    let Some(spec) = own.get_mut("spec").and_then(Value::as_object_mut) else { return own };
    let Some(affinity) = spec.get_mut("affinity").and_then(Value::as_object_mut) else { return own };
    let Some(rules) = affinity.get_mut("podAntiAffinity").and_then(Value::as_object_mut) else { return own };
    let mut removed = false;
    for list in [REQUIRED, PREFERRED] {
        let Some(terms) = rules.get_mut(list).and_then(Value::as_array_mut) else { continue };
        let before = terms.len();
        terms.retain(|term| !is_injected(term.get("podAffinityTerm").unwrap_or(term)));
        if terms.len() < before {
            removed = true;
            if terms.is_empty() {
                rules.shift_remove(list);
            }
        }
    }
    if removed && rules.is_empty() {
        affinity.shift_remove("podAntiAffinity");
        if affinity.is_empty() {
            spec.shift_remove("affinity");
        }
    }
    own
}

/// A term that keeps off the pods of one revision, by node: nobody but a controller can know the hash.
fn is_injected(term: &Value) -> bool {
    let selector = term.get("labelSelector");
    let keys = selector.and_then(|selector| selector.get("matchExpressions")).and_then(Value::as_array);
    let only_hash = keys.is_some_and(|keys| {
        matches!(&keys[..], [one] if one.get("key").and_then(Value::as_str) == Some(POD_TEMPLATE_HASH))
    });
    let labels = selector.and_then(|selector| selector.get("matchLabels"));
    only_hash
        && entries(labels).next().is_none()
        && term.get("topologyKey").and_then(Value::as_str) == Some(TOPOLOGY)
}

/// The map at `path`, made where it is missing; none when something else stands there.
pub(super) fn map_at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    path.iter().try_fold(value.as_object_mut()?, |map, &key| {
        let next = map.entry(key).or_insert(Value::Null);
        if next.is_null() {
            *next = Value::Object(Map::new());
        }
        next.as_object_mut()
    })
}
