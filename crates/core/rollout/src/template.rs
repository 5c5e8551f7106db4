//! Pod templates: whether two of them would run the same pods, and what name a template gets.
//!
//! Property: [`equal`] is an equivalence relation that no API server, client or controller can upset by spelling the
//! same pods differently: defaults written out or left away, `1000m` for `1`, an empty list for none. So ReplicaSets
//! left by another controller are taken over without restarting a pod, and a new release of Kubernetes with a new
//! default restarts none either.
//!
//! Reason: Argo names ReplicaSets by a hash of its own serialisation, which changes with its libraries. Names are kept
//! here in the same form, but templates are never recognised by recomputing them.
//!
//! Mechanics: [`serin_workload`] strips every default, empty value and spelling from a template; equal templates have
//! the same canonical form, and [`hash`] is computed over its JSON text with sorted keys. What the controller itself puts
//! into a template (the hash label, [`Injected`] metadata, anti-affinity against the stable version) is no part of it.

mod injected;

use serde_json::{Map, Value};
use serin_api::{names::labels::POD_TEMPLATE_HASH, rollout::CanaryStep, wire::Wire};
use serin_workload::{FNV_OFFSET, encode, fnv1a, go_json};

pub use injected::{
    AntiAffinity, Injected, Strength, inject_anti_affinity, inject_metadata, remove_metadata,
    without_anti_affinity,
};

/// Whether two templates run the same pods, apart from what the controller puts in: the hash label, anti-affinity
/// against the stable version, and the labels and annotations that `ignoring` names, whatever their values.
///
/// A key that is injected counts for neither side, also when a user's template has it too: the injected value is what
/// the pods have.
#[must_use]
pub fn equal(a: &Value, b: &Value, ignoring: &Injected) -> bool {
    let own = |template: &Value| canonical(&without_anti_affinity(&remove_metadata(template, ignoring)));
    own(a) == own(b)
}

/// What `template` says, without the hash label.
fn canonical(template: &Value) -> Value {
    serin_workload::canonical(&without_hash_label(template))
}

/// The hash of a template, as labels and ReplicaSet names carry it: at most ten letters and digits that spell no words.
///
/// `collision` is `status.collisionCount`, raised when the name is taken by a ReplicaSet with another template. The
/// result has the form of Argo's hashes, never their values.
#[must_use]
pub fn hash(template: &Value, collision: Option<u32>) -> String {
    let own = canonical(&without_anti_affinity(template));
    let mut hash = fnv1a(FNV_OFFSET, own.to_string().as_bytes());
    if let Some(count) = collision {
        let mut bytes = [0; COLLISION_BYTES];
        bytes[..4].copy_from_slice(&count.to_le_bytes());
        hash = fnv1a(hash, &bytes);
    }
    encode(hash)
}

/// The hash of a list of steps, the very value that Argo's controller computes, so that a Rollout in mid-update is not
/// begun afresh when it changes hands: Go's JSON of the typed steps, `null` for none.
#[must_use]
pub fn step_hash(steps: &[CanaryStep]) -> String {
    let list = if steps.is_empty() { Value::Null } else { steps.iter().map(Wire::write).collect() };
    encode(fnv1a(FNV_OFFSET, go_json(&list).as_bytes()))
}

/// `template` with the label that ties its pods to one ReplicaSet.
#[must_use]
pub fn with_hash_label(template: &Value, hash: &str) -> Value {
    let mut labelled = template.clone();
    if let Some(labels) = injected::map_at(&mut labelled, &["metadata", "labels"]) {
        labels.insert(POD_TEMPLATE_HASH.to_owned(), Value::from(hash));
    }
    labelled
}

/// `template` without that label.
#[must_use]
pub fn without_hash_label(template: &Value) -> Value {
    let mut own = template.clone();
    if let Some(labels) = own.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(POD_TEMPLATE_HASH);
    }
    own
}

/// Bytes that a collision count adds to the hashed text: four of the number, four of nothing, as Kubernetes does.
const COLLISION_BYTES: usize = 8;
/// The entries of an object, none for anything else.
fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests;
