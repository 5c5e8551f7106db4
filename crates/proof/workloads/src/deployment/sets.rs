//! The ReplicaSets of one Deployment, as its planner counts them.

use crate::hash::template_hash;
use crate::json::{canonical, int, int_text, text, time};
use crate::pod::Pod;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// Where a ReplicaSet notes its revision.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Earlier revisions of the same template, joined by commas.
pub(crate) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's replicas when the set was last scaled.
pub(crate) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// Those plus the surge.
pub(crate) const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// The label that tells the pods of one template from those of another.
pub(crate) const HASH_LABEL: &str = "pod-template-hash";

/// Hash collisions that are stepped over before giving up until something changes: more mean that every name is taken
/// on purpose.
pub(crate) const COLLISIONS_MAX: i64 = 16;

/// One ReplicaSet, and what the pass has decided about it so far.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) object: Arc<Value>,
    pub(crate) name: String,
    pub(crate) created: Option<Timestamp>,
    /// `spec.replicas`, as decided in this pass.
    pub(crate) replicas: i64,
    pub(crate) available: i64,
    pub(crate) revision: i64,
}

impl Set {
    pub(crate) fn read(object: &Arc<Value>) -> Self {
        Self {
            name: text(object, "/metadata/name").to_owned(),
            created: time(object, "/metadata/creationTimestamp"),
            replicas: int(object, "/spec/replicas", 1).max(0),
            available: int(object, "/status/availableReplicas", 0),
            revision: annotation_int(object, REVISION).unwrap_or(0),
            object: Arc::clone(object),
        }
    }

    pub(crate) fn status(&self, field: &str) -> i64 {
        int(&self.object, &format!("/status/{field}"), 0)
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<i64> {
        annotation_int(&self.object, name)
    }
}

/// A Deployment's sets: the one with its template, and the others, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sets {
    pub(crate) new: Option<Set>,
    pub(crate) old: Vec<Set>,
}

impl Sets {
    /// Sorts `objects` (all owned by the Deployment) into new and old.
    pub(crate) fn sort(deployment: &Value, objects: &[Arc<Value>]) -> Self {
        let wanted = template_meaning(deployment);
        // A set that carries our own hash of the template is its set even where the API has filled in the template
        // of one and not of the other: else one set after the other would be made.
        let collisions = int(deployment, "/status/collisionCount", 0).clamp(0, COLLISIONS_MAX);
        let template = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
        let hashes: Vec<String> = (0..=collisions).map(|count| template_hash(template, count)).collect();
        let ours = |set: &Set| {
            let hash = text(&set.object, "/metadata/labels/pod-template-hash");
            hashes.iter().any(|known| known == hash)
        };
        let mut all: Vec<Set> = objects.iter().map(Set::read).collect();
        all.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        let position = all.iter().position(|set| template_meaning(&set.object) == wanted || ours(set));
        Self { new: position.map(|at| all.remove(at)), old: all }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    /// `spec.replicas` of all sets.
    pub(crate) fn total(&self) -> i64 {
        self.all().map(|set| set.replicas).sum()
    }

    pub(crate) fn status_total(&self, field: &str) -> i64 {
        self.all().map(|set| set.status(field)).sum()
    }

    /// The highest revision among the old sets.
    pub(crate) fn last_old_revision(&self) -> i64 {
        self.old.iter().map(|set| set.revision).max().unwrap_or(0)
    }
}

/// A pod template without the hash label: what two sets must share to be the same revision.
pub(crate) fn template_meaning(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH_LABEL);
    }
    if let Some(metadata) = template.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("creationTimestamp");
    }
    canonical(&template)
}

/// A number kept in an annotation.
pub(crate) fn annotation_int(object: &Value, name: &str) -> Option<i64> {
    int_text(object, &format!("/metadata/annotations/{}", name.replace('/', "~1")))
}

/// Whether any pod of these still runs (`Recreate` waits for that).
pub(crate) fn any_running(pods: &[Arc<Pod>]) -> bool {
    pods.iter().any(|pod| !pod.is_finished())
}
