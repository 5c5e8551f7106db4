//! Objects in a cluster that only remembers.

use serde_json::{Value, json};
use serin_kernel::{Change, Key, Kind, Object, Observed, Write};

/// What the world's planned object is: no provider looks at it.
const OWNER: Kind = Kind::namespaced("flagger.app", "v1beta1", "Canary", "canaries");

/// Objects by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    objects: Vec<(Key, Value)>,
    version: u64,
}

impl World {
    /// Puts an object there, with the identity that a cluster gives.
    pub(crate) fn put(&mut self, key: &Key, mut value: Value) {
        self.version += 1;
        let meta = &mut value["metadata"];
        meta["name"] = json!(key.name);
        if key.kind.namespaced {
            meta["namespace"] = json!(key.namespace);
        }
        meta["uid"] = json!(format!("u-{}", key.name));
        meta["resourceVersion"] = json!(self.version.to_string());
        self.objects.retain(|(other, _)| other != key);
        self.objects.push((key.clone(), value));
    }

    /// The object with this key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// Changes an object as a person would.
    pub(crate) fn edit(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        let mut value = self.get(key).unwrap().clone();
        change(&mut value);
        self.put(key, value);
    }

    pub(crate) fn observed(&self) -> Observed {
        let owner = json!({"metadata": {"name": "podinfo", "namespace": "test", "uid": "<uid>"}});
        let objects = self.objects.iter().map(|(key, value)| Object::new(key.kind, value).unwrap());
        Observed::new(Object::new(OWNER, &owner).unwrap(), objects)
    }

    /// The world after writes.
    pub(crate) fn after(&self, writes: &[Write]) -> Self {
        let mut world = self.clone();
        for Write { target, change, .. } in writes {
            match change {
                Change::Create(body) => {
                    assert!(world.get(target).is_none(), "{target} is there already");
                    world.put(target, body.clone());
                }
                Change::Merge(patch) => {
                    let merged = merged(world.get(target).unwrap(), patch);
                    world.put(target, carried_out(target, merged));
                }
                Change::Delete(_) => world.objects.retain(|(key, _)| key != target),
                other => panic!("{other:?}"),
            }
        }
        world
    }
}

/// What Knative says once it has done what it was told.
fn carried_out(key: &Key, mut object: Value) -> Value {
    if key.kind.group == "serving.knative.dev" && object["spec"].get("traffic").is_some() {
        object["status"]["traffic"] = object["spec"]["traffic"].clone();
    }
    object
}

/// Merge patch application as RFC 7396 section 2 defines it.
pub(crate) fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut result = target.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        let before = result.shift_remove(key).unwrap_or(Value::Null);
        if !value.is_null() {
            result.insert(key.clone(), merged(&before, value));
        }
    }
    Value::Object(result)
}
