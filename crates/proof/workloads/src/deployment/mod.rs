//! Deployments: one ReplicaSet per pod template, and an orderly way from one to the next.
//!
//! Pure. [`plan`] is one pass: it reads the Deployment, its ReplicaSets and, for `Recreate`, the old pods that still
//! run, and returns every write that may be done now. Passes repeat until one returns none, so a pass cut short by a
//! refusal is repaired by the next. The wanted replicas are a function of what is seen, never a queue of edits.

mod rolling;
mod sets;
mod status;

use crate::hash::template_hash;
use crate::json::{Labels, int, labels, owner, owner_reference, text};
use crate::pod::Pod;
use crate::replicaset::{is_deleting, is_paused};
use crate::write::{Event, Key, Kind, Plan, Write, guarded};
use jiff::Timestamp;
use rolling::Limits;
use serde_json::{Map, Value, json};
use serin_lang::selector::Selector;
use sets::{COLLISIONS_MAX, DESIRED, HASH_LABEL, MAX, REVISION, REVISION_HISTORY, Set, Sets};
use std::sync::Arc;

const COMPONENT: &str = "deployment-controller";

/// Annotations of a Deployment that its ReplicaSets do not get.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// What a pass sees.
pub(crate) struct Observed<'a> {
    pub(crate) deployment: &'a Value,
    /// Owned ReplicaSets, and orphans in the namespace.
    pub(crate) sets: &'a [Arc<Value>],
    /// The pods of a ReplicaSet, by its uid.
    pub(crate) pods_of: &'a dyn Fn(&str) -> Vec<Arc<Pod>>,
    /// Whether a ReplicaSet of this name exists in the namespace, whoever owns it.
    pub(crate) is_taken: &'a dyn Fn(&str) -> bool,
    pub(crate) now: Timestamp,
}

/// One pass over one Deployment.
pub(crate) fn plan(seen: &Observed) -> Plan {
    let deployment = seen.deployment;
    let selector = deployment
        .pointer("/spec/selector")
        .and_then(|s| Selector::from_object(s).ok())
        .filter(|s| !s.is_everything());
    let Some(selector) =
        selector.filter(|_| deployment.pointer("/spec/template").is_some_and(Value::is_object))
    else {
        return Plan::default();
    };
    let (owned, adoptions) = claim(deployment, seen.sets, &selector);
    if !adoptions.is_empty() && !is_deleting(deployment) {
        return Plan { writes: adoptions, wake: None };
    }
    let mut sets = Sets::sort(deployment, &owned);
    let limits = Limits::read(deployment, int(deployment, "/spec/replicas", 1).max(0));
    let mut pass =
        Pass { seen, limits, plan: Plan::default(), conditions: status::Conditions::read(deployment) };
    if is_deleting(deployment) {
        return pass.finish(&sets, false);
    }
    pass.conditions.note_pause(deployment, seen.now);
    if is_paused(deployment) || rolling::was_scaled(limits, &sets) {
        pass.sync_revision(&mut sets, false);
        rolling::scale(limits, &mut sets);
        pass.write_scales(&sets, true);
        if is_paused(deployment) {
            pass.clean_up(&sets);
        }
        return pass.finish(&sets, false);
    }
    if limits.rolling {
        pass.roll(&mut sets);
    } else {
        pass.recreate(&mut sets);
    }
    if status::is_complete(deployment, &sets, limits) {
        pass.clean_up(&sets);
    }
    pass.finish(&sets, true)
}

struct Pass<'a> {
    seen: &'a Observed<'a>,
    limits: Limits,
    plan: Plan,
    conditions: status::Conditions,
}

impl Pass<'_> {
    fn roll(&mut self, sets: &mut Sets) {
        self.sync_revision(sets, true);
        let total = sets.total();
        if let Some(new) = &mut sets.new {
            new.replicas = rolling::new_replicas(self.limits, total, new.replicas);
        }
        // One of both in a pass: the old sets shrink by what is seen, not by what has only just been asked for.
        let grew = self.write_scales(sets, false);
        if !grew && rolling::shrink_old(self.limits, sets) {
            self.write_scales(sets, false);
        }
    }

    fn recreate(&mut self, sets: &mut Sets) {
        if sets.old.iter().any(|set| 0 < set.replicas) {
            self.sync_revision(sets, false);
            for set in &mut sets.old {
                set.replicas = 0;
            }
            self.write_scales(sets, false);
            return;
        }
        let running = |set: &Set| sets::any_running(&(self.seen.pods_of)(text(&set.object, "/metadata/uid")));
        if sets.old.iter().any(running) {
            self.sync_revision(sets, false);
            return;
        }
        self.sync_revision(sets, true);
        if let Some(new) = &mut sets.new {
            new.replicas = self.limits.replicas;
        }
        self.write_scales(sets, false);
    }

    /// Gives the new set its revision and annotations; makes it when there is none and `create` is asked for.
    fn sync_revision(&mut self, sets: &mut Sets, create: bool) {
        let deployment = self.seen.deployment;
        let revision = sets.last_old_revision() + 1;
        let revision = match &sets.new {
            Some(new) => {
                let revision = revision.max(new.revision);
                self.plan.writes.extend(update_new(deployment, new, revision));
                self.conditions.found(&new.name, self.seen.now);
                revision
            }
            None if create => {
                self.create_new(sets, revision);
                revision
            }
            None => return,
        };
        if text(deployment, &pointer(REVISION)) != revision.to_string() {
            let patch = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
            self.plan.writes.push(guarded(Kind::Deployment, deployment, patch));
        }
    }

    fn create_new(&mut self, sets: &Sets, revision: i64) {
        let deployment = self.seen.deployment;
        let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let first = int(deployment, "/status/collisionCount", 0);
        let name_of = |hash: &str| format!("{}-{hash}", text(deployment, "/metadata/name"));
        let free = (first..first + COLLISIONS_MAX)
            .map(|count| (count, template_hash(&template, count)))
            .find(|(_, hash)| !(self.seen.is_taken)(&name_of(hash)));
        let Some((collisions, hash)) = free else { return };
        let replicas = rolling::new_replicas(self.limits, sets.total(), 0);
        let object = new_set(deployment, &name_of(&hash), &hash, replicas, revision, self.limits);
        self.plan.writes.push(Write::Create { kind: Kind::ReplicaSet, object, told: None });
        if 0 < replicas {
            self.tell(format!("Scaled up replica set {} from 0 to {replicas}", name_of(&hash)));
        }
        self.conditions.created(&name_of(&hash), self.seen.now);
        self.conditions.collisions = collisions;
    }

    /// Patches every set whose replicas the pass has changed (and, with `resize`, whose noted size is out of date).
    fn write_scales(&mut self, sets: &Sets, resize: bool) -> bool {
        let mut scaled = false;
        for set in sets.all() {
            let current = int(&set.object, "/spec/replicas", 1).max(0);
            let sized = set.annotation(DESIRED) == Some(self.limits.replicas)
                && set.annotation(MAX) == Some(self.limits.max());
            if current == set.replicas && (sized || !resize || set.replicas == 0) {
                continue;
            }
            let patch = json!({
                "metadata": {"annotations": {DESIRED: self.limits.replicas.to_string(), MAX: self.limits.max().to_string()}},
                "spec": {"replicas": set.replicas},
            });
            self.plan.writes.push(guarded(Kind::ReplicaSet, &set.object, patch));
            if current != set.replicas {
                scaled = true;
                let way = if current < set.replicas { "up" } else { "down" };
                let (name, wanted) = (&set.name, set.replicas);
                self.tell(format!("Scaled {way} replica set {name} from {current} to {wanted}"));
            }
        }
        scaled
    }

    /// Deletes the oldest empty sets beyond `revisionHistoryLimit`.
    fn clean_up(&mut self, sets: &Sets) {
        let keep = usize::try_from(int(self.seen.deployment, "/spec/revisionHistoryLimit", 10))
            .unwrap_or(usize::MAX);
        let mut old: Vec<&Set> = sets.old.iter().filter(|set| !is_deleting(&set.object)).collect();
        old.sort_by_key(|set| (set.revision, set.created));
        let surplus = old.len().saturating_sub(keep);
        for set in old.into_iter().take(surplus).filter(|set| is_spent(set)) {
            let key = Key::of(Kind::ReplicaSet, &set.object);
            let uid = text(&set.object, "/metadata/uid").to_owned();
            self.plan.writes.push(Write::Delete { key, uid, told: None });
        }
    }

    fn tell(&mut self, message: String) {
        let event =
            Event::new(Kind::Deployment, self.seen.deployment, COMPONENT, "ScalingReplicaSet", message);
        self.plan.writes.push(Write::Event(event));
    }

    fn finish(mut self, sets: &Sets, progressing: bool) -> Plan {
        let Self { seen, limits, conditions, .. } = self;
        let status = status::plan(seen.deployment, sets, limits, conditions, progressing, seen.now);
        self.plan.writes.extend(status.writes);
        if let Some(at) = status.wake {
            self.plan.wake_at(at);
        }
        self.plan
    }
}

/// Owned sets, and the writes that adopt matching orphans or release sets that no longer match.
fn claim(deployment: &Value, sets: &[Arc<Value>], selector: &Selector) -> (Vec<Arc<Value>>, Vec<Write>) {
    let uid = text(deployment, "/metadata/uid");
    let (mut owned, mut writes) = (Vec::new(), Vec::new());
    for set in sets {
        let is_chosen = selector.matches(&labels(set, "/metadata/labels"));
        match (owner(set), is_chosen) {
            (Some(parent), true) if parent.uid == uid => owned.push(Arc::clone(set)),
            (Some(parent), false) if parent.uid == uid => {
                writes.push(guarded(Kind::ReplicaSet, set, json!({"metadata": {"ownerReferences": null}})));
            }
            (None, true) if !is_deleting(set) => {
                let reference = owner_reference("apps/v1", "Deployment", deployment);
                writes.push(guarded(
                    Kind::ReplicaSet,
                    set,
                    json!({"metadata": {"ownerReferences": [reference]}}),
                ));
            }
            _ => {}
        }
    }
    (owned, writes)
}

fn is_spent(set: &Set) -> bool {
    set.replicas == 0
        && set.status("replicas") == 0
        && int(&set.object, "/metadata/generation", 0) <= set.status("observedGeneration")
}

fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('/', "~1"))
}

/// What the new set's annotations and `minReadySeconds` must be, if they are not so yet.
fn update_new(deployment: &Value, new: &Set, revision: i64) -> Option<Write> {
    let current = labels(&new.object, "/metadata/annotations");
    let mut changes = Map::new();
    for (name, value) in passed_on(deployment) {
        if current.get(&name) != Some(&value) {
            changes.insert(name, json!(value));
        }
    }
    if new.revision < revision {
        changes.insert(REVISION.into(), json!(revision.to_string()));
        if 0 < new.revision {
            let history = current.get(REVISION_HISTORY).map(|earlier| format!("{earlier},"));
            changes.insert(
                REVISION_HISTORY.into(),
                json!(format!("{}{}", history.unwrap_or_default(), new.revision)),
            );
        }
    }
    let mut patch = json!({});
    if !changes.is_empty() {
        patch["metadata"] = json!({"annotations": changes});
    }
    let min_ready = int(deployment, "/spec/minReadySeconds", 0);
    if int(&new.object, "/spec/minReadySeconds", 0) != min_ready {
        patch["spec"] = json!({"minReadySeconds": min_ready});
    }
    (patch != json!({})).then(|| guarded(Kind::ReplicaSet, &new.object, patch))
}

fn passed_on(deployment: &Value) -> Labels {
    let mut annotations = labels(deployment, "/metadata/annotations");
    annotations.retain(|name, _| !OWN_ANNOTATIONS.contains(&name.as_str()));
    annotations
}

fn new_set(
    deployment: &Value,
    name: &str,
    hash: &str,
    replicas: i64,
    revision: i64,
    limits: Limits,
) -> Value {
    let mut annotations: Map<String, Value> =
        passed_on(deployment).into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    for (annotation, number) in [(REVISION, revision), (DESIRED, limits.replicas), (MAX, limits.max())] {
        annotations.insert(annotation.into(), json!(number.to_string()));
    }
    let mut pod_labels = labels(deployment, "/spec/template/metadata/labels");
    pod_labels.insert(HASH_LABEL.into(), hash.into());
    let mut template = object_or_empty(deployment.pointer("/spec/template"));
    let mut metadata = object_or_empty(template.get("metadata"));
    metadata["labels"] = json!(pod_labels);
    template["metadata"] = metadata;
    let mut selector = object_or_empty(deployment.pointer("/spec/selector"));
    let mut equal = labels(deployment, "/spec/selector/matchLabels");
    equal.insert(HASH_LABEL.into(), hash.into());
    selector["matchLabels"] = json!(equal);
    let mut spec = json!({"replicas": replicas, "selector": selector, "template": template});
    let min_ready = int(deployment, "/spec/minReadySeconds", 0);
    if min_ready != 0 {
        spec["minReadySeconds"] = json!(min_ready);
    }
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": text(deployment, "/metadata/namespace"), "labels": pod_labels,
            "annotations": annotations, "ownerReferences": [owner_reference("apps/v1", "Deployment", deployment)],
        },
        "spec": spec,
    })
}

fn object_or_empty(value: Option<&Value>) -> Value {
    value.filter(|value| value.is_object()).cloned().unwrap_or_else(|| json!({}))
}

#[cfg(test)]
mod tests;
