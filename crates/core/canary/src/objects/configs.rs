//! The ConfigMaps and Secrets that a template names: whether they have changed, and copies for the primary.
//!
//! Property: pods of the primary see the configuration that was promoted with them, to the last byte, and never the one
//! that is being tried.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use serin_api::{diff::merge_diff, flagger::PRIMARY_SUFFIX, kinds};
use serin_kernel::{Change, Key, Kind, Object, Propagation, Write};
use serin_workload::go_json;
use sha2::{Digest, Sha256};

use super::{
    Target, Trouble,
    json::{list_mut, text},
    metadata::{included, owner},
};

/// An annotation of a ConfigMap or Secret whose value begins with [`OFF`] when it is not to be tracked.
const TRACKING: &str = "flagger.app/config-tracking";
const OFF: &str = "disable";
/// Types of Secrets that are tracked; others, such as tokens, belong to controllers that make new ones.
const SECRET_TYPES: [&str; 4] =
    ["Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"];
/// Bytes of SHA-256 that a checksum shows.
const CHECKSUM_BYTES: usize = 8;
/// What a ConfigMap or Secret holds.
const CONTENTS: [&str; 3] = ["data", "binaryData", "type"];

/// A mention of a ConfigMap or Secret in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) required: bool,
}

/// The tracked ConfigMaps and Secrets of a target.
#[derive(Clone, Debug)]
pub struct Configs {
    found: Option<Vec<Config>>,
    names: BTreeSet<(Kind, String)>,
}

#[derive(Clone, Debug)]
struct Config {
    source: Object,
    body: Value,
}

/// Calls `each` with the kind, the reference and the field of its name, wherever a template names one.
fn visit(template: &mut Value, each: &mut dyn FnMut(Kind, &mut Value, &'static str)) {
    let mut at = |value: &mut Value, field: &str, kind: Kind, name: &'static str| {
        if let Some(found) = value.get_mut(field).filter(|found| found.is_object()) {
            each(kind, found, name);
        }
    };
    for volume in list_mut(template, "/spec/volumes") {
        at(volume, "configMap", kinds::CONFIG_MAP, "name");
        at(volume, "secret", kinds::SECRET, "secretName");
        for source in list_mut(volume, "/projected/sources") {
            at(source, "configMap", kinds::CONFIG_MAP, "name");
            at(source, "secret", kinds::SECRET, "name");
        }
    }
    for containers in ["/spec/containers", "/spec/initContainers"] {
        for container in list_mut(template, containers) {
            for from in list_mut(container, "/env").filter_map(|env| env.get_mut("valueFrom")) {
                at(from, "configMapKeyRef", kinds::CONFIG_MAP, "name");
                at(from, "secretKeyRef", kinds::SECRET, "name");
            }
            for from in list_mut(container, "/envFrom") {
                at(from, "configMapRef", kinds::CONFIG_MAP, "name");
                at(from, "secretRef", kinds::SECRET, "name");
            }
        }
    }
}

/// What a template names, each once, in the order of its first mention.
pub(super) fn references(template: &Value) -> Vec<Mention> {
    let mut template = template.clone();
    let (mut order, mut places) = (Vec::<Mention>::new(), BTreeMap::new());
    visit(&mut template, &mut |kind, reference, field| {
        let Some(name) = reference.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            return;
        };
        let required = reference.get("optional") != Some(&Value::Bool(true));
        let at = *places.entry((kind, name.to_owned())).or_insert(order.len());
        match order.get_mut(at) {
            Some(known) => known.required |= required,
            None => order.push(Mention { kind, name: name.to_owned(), required }),
        }
    });
    order
}

/// `template` with the copies' names for everything that `is_copied`.
pub(super) fn with_copies(template: &mut Value, is_copied: impl Fn(Kind, &str) -> bool) {
    visit(template, &mut |kind, reference, field| {
        let Some(name) = reference.get(field).and_then(Value::as_str) else { return };
        if is_copied(kind, name) {
            let copy = copy_name(name);
            reference[field] = json!(copy);
        }
    });
}

fn copy_name(name: &str) -> String {
    format!("{name}{PRIMARY_SUFFIX}")
}

fn word(kind: Kind) -> &'static str {
    if kind == kinds::SECRET { "secret" } else { "configmap" }
}

impl Config {
    fn kind(&self) -> Kind {
        self.source.kind()
    }

    /// The key in `status.trackedConfigs`.
    fn id(&self) -> String {
        format!("{}/{}", word(self.kind()), self.source.meta().name)
    }

    /// What `status.trackedConfigs` says of it: Flagger's own checksum, so that a Canary that changes hands sees no change, and
    /// one of `binaryData`, of which Flagger sees none.
    fn checksums(&self) -> impl Iterator<Item = (String, String)> {
        let binary = self.part("binaryData").map(|binary| (self.binary_id(), short(&sorted(binary))));
        std::iter::once((self.id(), self.checksum())).chain(binary)
    }

    fn checksum(&self) -> String {
        short(&self.part("data").map_or_else(|| "null".to_owned(), sorted))
    }

    fn binary_id(&self) -> String {
        format!("{}/binaryData", self.id())
    }

    fn part(&self, field: &str) -> Option<&Value> {
        self.body.get(field).filter(|part| !part.is_null())
    }
}

/// A map as Go writes it, or nothing for what is none.
fn sorted(map: &Value) -> String {
    let sorted = map.as_object().map(|map| map.iter().collect::<BTreeMap<_, _>>());
    let sorted = sorted.map(|map| map.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect());
    go_json(&sorted.map_or(Value::Null, Value::Object))
}

fn short(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().take(CHECKSUM_BYTES).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

impl Configs {
    /// What `status.trackedConfigs` says of them; `None` when nothing is tracked at all.
    #[must_use]
    pub fn checksums(&self) -> Option<BTreeMap<String, String>> {
        Some(self.found.as_ref()?.iter().flat_map(Config::checksums).collect())
    }

    /// What `status.trackedConfigs` says once it is ours, if Flagger has written `tracked`: without a change where it has seen
    /// none.
    #[must_use]
    pub fn taken_over(&self, mut tracked: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for config in self.found.iter().flatten() {
            if tracked.get(&config.id()) == Some(&config.checksum()) {
                tracked.extend(config.checksums());
            }
        }
        tracked
    }

    /// Whether they differ from what `status.trackedConfigs` says.
    #[must_use]
    pub fn changed(&self, tracked: Option<&BTreeMap<String, String>>) -> bool {
        let now = self.checksums();
        now.is_some_and(|now| tracked.map_or(!now.is_empty(), |before| *before != now))
    }

    /// All checksums in one word.
    pub(crate) fn digest(&self) -> String {
        short(&serde_json::json!(self.checksums()).to_string())
    }

    pub(super) fn is_tracked(&self, kind: Kind, name: &str) -> bool {
        self.names.contains(&(kind, name.to_owned()))
    }
}

impl Target<'_> {
    /// The ConfigMaps and Secrets that the target's template names.
    ///
    /// # Errors
    /// One that must be there is not.
    pub fn configs(&self) -> Result<Configs, Trouble> {
        if !self.settings.track_configs || !self.shape.has_pods() {
            return Ok(Configs { found: None, names: BTreeSet::new() });
        }
        let mut found = Vec::new();
        for mention in references(self.template()) {
            let key = self.key(mention.kind, &mention.name);
            match self.observed.get(&key) {
                Some(source) => found.extend(tracked(source)),
                None if mention.required => return Err(missing(&key)),
                None => {}
            }
        }
        let name = |config: &Config| (config.kind(), config.source.meta().name.clone());
        let names = found.iter().map(name).collect();
        Ok(Configs { found: Some(found), names })
    }

    /// The writes that bring the copies up to date; those of `only_missing` leave alone what there is.
    pub(super) fn copies(&self, configs: &Configs, only_missing: bool) -> Vec<Write> {
        let mut writes = Vec::new();
        for config in configs.found.iter().flatten() {
            let key = self.key(config.kind(), &copy_name(&config.source.meta().name));
            let wanted = self.copy(config, &key.name);
            match self.observed.get(&key) {
                None => writes.push(Write::new(key, Change::Create(wanted))),
                Some(_) if only_missing => {}
                Some(copy) => writes.extend(update(copy, key, wanted)),
            }
        }
        writes
    }

    fn copy(&self, config: &Config, name: &str) -> Value {
        let kind = config.kind();
        let labels = included(&config.source.meta().labels, &self.settings.include_labels);
        let mut copy = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": self.canary.metadata.namespace},
        });
        if !labels.is_empty() {
            copy["metadata"]["labels"] = Value::Object(labels);
        }
        for field in CONTENTS {
            if let Some(value) = config.body.get(field).filter(|value| !value.is_null()) {
                copy[field] = value.clone();
            }
        }
        if kind == kinds::SECRET && copy.get("type").is_none() {
            copy["type"] = json!(SECRET_TYPES[0]);
        }
        copy["metadata"]["ownerReferences"] = json!([owner(self.canary)]);
        copy
    }
}

fn tracked(source: &Object) -> Option<Config> {
    let is_off = source.meta().annotations.get(TRACKING).is_some_and(|value| value.starts_with(OFF));
    let body = source.value();
    let kind = text(&body, "/type").filter(|kind| !kind.is_empty()).unwrap_or(SECRET_TYPES[0]);
    let is_others = source.kind() == kinds::SECRET && !SECRET_TYPES.contains(&kind);
    (!is_off && !is_others).then(|| Config { source: source.clone(), body })
}

/// Flagger says it twice.
fn missing(key: &Key) -> Trouble {
    let (name, namespace, word) = (&key.name, &key.namespace, word(key.kind));
    let query = format!("{word} {name}.{namespace} get query error");
    Trouble(format!("{query}: {query}: {} \"{name}\" not found", key.kind)).while_doing("GetTargetConfigs")
}

/// The writes that make a copy what it should be. One that nobody may change any more is made again.
fn update(copy: &Object, key: Key, wanted: Value) -> Vec<Write> {
    let body = copy.value();
    let contents = |of: &Value| {
        let fields = CONTENTS.iter().filter_map(|field| Some(((*field).to_owned(), of.get(*field)?.clone())));
        fields.collect::<Map<_, _>>()
    };
    let is_fixed = body.get("immutable") == Some(&Value::Bool(true));
    let (is, should) = (contents(&body), contents(&wanted));
    let is_typed = |of: &Map<String, Value>| of.get("type").cloned();
    if (is_fixed && is != should) || is_typed(&is) != is_typed(&should) {
        let delete = Write::same(copy, Change::Delete(Propagation::Background)).tolerated();
        return vec![delete, Write::new(key, Change::Create(wanted))];
    }
    let part = |contents: Map<String, Value>, labels: Value, owners: Value| {
        let mut part = Value::Object(contents);
        part["metadata"] = json!({"labels": labels, "ownerReferences": owners});
        part
    };
    let labels = wanted.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let before = body.pointer("/metadata/ownerReferences").cloned().unwrap_or(Value::Null);
    let owners = shared(&before, wanted.pointer("/metadata/ownerReferences/0").unwrap_or(&Value::Null));
    let old = part(is, json!(copy.meta().labels), before);
    let new = part(should, json!(labels), owners);
    merge_diff(&old, &new).map(|patch| Write::unchanged(copy, Change::Merge(patch))).into_iter().collect()
}

/// The owners of a copy that several Canaries have: the one that writes it manages it, the others keep it alive.
fn shared(before: &Value, own: &Value) -> Value {
    let mut owners = vec![own.clone()];
    for other in before.as_array().into_iter().flatten().filter(|other| other.get("uid") != own.get("uid")) {
        let mut other = other.clone();
        if other.get("controller") == Some(&Value::Bool(true)) {
            other["controller"] = json!(false);
        }
        owners.push(other);
    }
    Value::Array(owners)
}
