//! `undo`: back to the pod template of an earlier revision.

use serde_json::Value;

use serin_api::names::annotations as names;

use crate::template::{self, Injected};

/// What an undo comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// The workload's pod template becomes this one.
    Template(Value),
    /// The template is that of the revision already.
    Unchanged {
        /// The revision.
        revision: u64,
    },
}

/// There is no such revision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRevision {
    /// The revision that was asked for is not kept.
    #[error("unable to find specified revision {0} in history")]
    Unknown(u64),
    /// There is only one revision.
    #[error("no revision found for rollout \"{0}\"")]
    None(String),
}

/// The pod template of revision `to` (the one before the newest, when 0) out of the rollout's own `replica_sets`.
///
/// What was injected into the ReplicaSet (role labels, anti-affinity, the hash) is taken out again, so that an undo
/// brings back what the user wrote and nothing else.
///
/// # Errors
/// When the revision does not exist.
pub fn undo(name: &str, current: &Value, replica_sets: &[Value], to: u64) -> Result<Undo, NoRevision> {
    let mut revisions: Vec<(u64, &Value)> = replica_sets.iter().map(|set| (revision(set), set)).collect();
    revisions.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
    let found = match to {
        0 => revisions.get(1).ok_or_else(|| NoRevision::None(name.to_owned()))?,
        to => revisions.iter().find(|(revision, _)| *revision == to).ok_or(NoRevision::Unknown(to))?,
    };
    let template = original(found.1);
    if template::equal(current, &template, &Injected::default()) {
        return Ok(Undo::Unchanged { revision: found.0 });
    }
    Ok(Undo::Template(template))
}

fn revision(set: &Value) -> u64 {
    let annotations = set.pointer("/metadata/annotations").and_then(|map| map.get(names::REVISION));
    annotations.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The template of a ReplicaSet as the user wrote it.
fn original(set: &Value) -> Value {
    let recorded = set.pointer("/metadata/annotations").and_then(|map| map.get(names::EPHEMERAL_METADATA));
    let injected = Injected::from_annotation(recorded.and_then(Value::as_str).unwrap_or_default());
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    let template = template::without_hash_label(&template::remove_metadata(&template, &injected));
    without_creation_timestamp(template::without_anti_affinity(&template))
}

/// Kubernetes serialises the metadata of a ReplicaSet's template with `creationTimestamp: null`, which nobody wrote.
fn without_creation_timestamp(mut template: Value) -> Value {
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    template
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(revision: u64, image: &str) -> Value {
        let annotations = json!({
            "rollout.argoproj.io/revision": revision.to_string(),
            "rollout.argoproj.io/ephemeral-metadata": r#"{"labels":{"role":"stable"}}"#
        });
        let labels = json!({"app": "demo", "role": "stable", "rollouts-pod-template-hash": "abc"});
        json!({
            "metadata": {"annotations": annotations},
            "spec": {"template": {"metadata": {"creationTimestamp": null, "labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}}
        })
    }

    fn written(image: &str) -> Value {
        json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
    }

    #[test]
    fn an_undo_brings_back_what_the_user_wrote() {
        let sets = [set(1, "a"), set(3, "c"), set(2, "b")];
        assert_eq!(undo("demo", &written("c"), &sets, 0), Ok(Undo::Template(written("b"))));
        assert_eq!(undo("demo", &written("c"), &sets, 1), Ok(Undo::Template(written("a"))));
        assert_eq!(undo("demo", &written("c"), &sets, 3), Ok(Undo::Unchanged { revision: 3 }));
    }

    #[test]
    fn a_missing_revision_is_named() {
        let unknown = undo("demo", &written("a"), &[set(1, "a")], 99).unwrap_err();
        assert_eq!(unknown.to_string(), "unable to find specified revision 99 in history");
        let alone = undo("demo", &written("a"), &[set(1, "a")], 0).unwrap_err();
        assert_eq!(alone.to_string(), "no revision found for rollout \"demo\"");
    }
}
