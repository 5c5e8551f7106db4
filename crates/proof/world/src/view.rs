//! What a picture of the world means for traffic and capacity. Pure.

use serde_json::Value;

use crate::{
    mirror::Objects,
    shape::{NAME, service},
};

const HASH: &str = "rollouts-pod-template-hash";
const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// One ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
pub struct SetView {
    /// Its name.
    pub name: String,
    /// The hash that its pods carry.
    pub hash: String,
    /// Pods wanted.
    pub wanted: u64,
    /// Pods that are ready and not on their way out.
    pub ready: u64,
    /// Whether the Rollout manages it.
    pub ours: bool,
    /// Whether somebody manages it.
    pub managed: bool,
    /// Its image.
    pub image: String,
    /// Its template without the hash.
    pub template: Value,
    /// Its version.
    pub version: String,
}

/// What a Service selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selects {
    /// There is no such Service.
    Absent,
    /// Every pod of the Rollout.
    All,
    /// The pods with this hash.
    Hash(String),
}

/// A picture of everything around the Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Pods wanted, if the Rollout exists.
    pub replicas: u64,
    /// The hash of the stable version.
    pub stable_hash: String,
    /// ReplicaSets, by name.
    pub sets: Vec<SetView>,
    /// What the canary Service selects.
    pub canary: Selects,
    /// What the stable Service selects.
    pub stable: Selects,
    /// Percent of the traffic that goes to the canary Service; the most that any Ingress sends there.
    pub weight: u64,
    /// The least that any Ingress sends there.
    pub weight_least: u64,
}

impl View {
    /// Reads a picture.
    #[must_use]
    pub fn read(objects: &Objects) -> Self {
        let rollout = objects.get("rollouts").and_then(|all| all.get(NAME)).unwrap_or(&Value::Null);
        let uid = text(rollout, "/metadata/uid");
        let sets = objects.get("replicasets").into_iter().flatten();
        Self {
            replicas: rollout.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
            stable_hash: text(rollout, "/status/stableRS").to_owned(),
            sets: sets.map(|(name, set)| read_set(name, set, uid, objects)).collect(),
            canary: selects(objects, &service("canary")),
            stable: selects(objects, &service("stable")),
            weight: weights(objects).max().unwrap_or(0),
            weight_least: least(objects),
        }
    }

    /// The ReplicaSets that the Rollout manages.
    pub fn ours(&self) -> impl Iterator<Item = &SetView> {
        self.sets.iter().filter(|set| set.ours)
    }

    /// The ReplicaSet that a Service selects, if it selects one.
    #[must_use]
    pub fn selected(&self, by: &Selects) -> Option<&SetView> {
        let Selects::Hash(hash) = by else { return None };
        self.ours().find(|set| set.hash == *hash)
    }

    /// Ready pods behind a Service, and how many of them the wanted numbers promise to keep.
    #[must_use]
    pub fn behind(&self, by: &Selects) -> u64 {
        match by {
            Selects::Absent => 0,
            Selects::All => self.ours().map(|set| set.ready.min(set.wanted)).sum(),
            Selects::Hash(_) => self.selected(by).map_or(0, |set| set.ready.min(set.wanted)),
        }
    }

    /// Ready pods that the wanted numbers promise to keep, over all versions.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.ours().map(|set| set.ready.min(set.wanted)).sum()
    }

    /// Pods wanted, over all versions.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.ours().map(|set| set.wanted).sum()
    }
}

fn read_set(name: &str, set: &Value, rollout: &str, objects: &Objects) -> SetView {
    let uid = text(set, "/metadata/uid");
    let pods = objects.get("pods").into_iter().flatten().map(|(_, pod)| pod);
    let ready = pods.filter(|pod| controller(pod) == Some(uid) && is_ready(pod)).count() as u64;
    let owner = controller(set);
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH);
    }
    SetView {
        name: name.to_owned(),
        hash: set
            .pointer("/metadata/labels")
            .map_or("", |labels| text(labels, &format!("/{HASH}")))
            .to_owned(),
        wanted: set.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0),
        ready,
        ours: owner.is_some_and(|owner| owner == rollout),
        managed: owner.is_some(),
        image: text(&template, "/spec/containers/0/image").to_owned(),
        template,
        version: text(set, "/metadata/resourceVersion").to_owned(),
    }
}

fn selects(objects: &Objects, name: &str) -> Selects {
    let Some(service) = objects.get("services").and_then(|all| all.get(name)) else { return Selects::Absent };
    match service.pointer("/spec/selector").map_or("", |selector| text(selector, &format!("/{HASH}"))) {
        "" => Selects::All,
        hash => Selects::Hash(hash.to_owned()),
    }
}

fn annotated<'a>(ingress: &'a Value, name: &str) -> Option<&'a str> {
    ingress.pointer("/metadata/annotations")?.get(name)?.as_str()
}

fn weight(ingress: &Value) -> Option<u64> {
    let is_canary = annotated(ingress, CANARY) == Some("true");
    is_canary.then(|| annotated(ingress, WEIGHT)?.parse().ok()).flatten()
}

fn weights(objects: &Objects) -> impl Iterator<Item = u64> {
    objects.get("ingresses").into_iter().flatten().filter_map(|(_, ingress)| weight(ingress))
}

/// A stable Ingress without a canary beside it sends nothing there.
fn least(objects: &Objects) -> u64 {
    let Some(all) = objects.get("ingresses") else { return 0 };
    let stable = all.iter().filter(|(_, ingress)| annotated(ingress, CANARY).is_none());
    let sent =
        stable.map(|(name, _)| all.get(&format!("{NAME}-{name}-canary")).and_then(weight).unwrap_or(0));
    sent.min().unwrap_or_else(|| weights(objects).max().unwrap_or(0))
}

fn controller(object: &Value) -> Option<&str> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    owners.iter().find(|owner| owner["controller"] == true)?["uid"].as_str()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
    ready && pod.pointer("/metadata/deletionTimestamp").is_none()
}

/// The text at `pointer`, empty when there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
