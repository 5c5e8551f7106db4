//! The garbage collector, the namespace controller and the clean-up of definitions: what follows
//! from a write, carried out until nothing more follows.
//!
//! It ends: each step removes an object, a finalizer, an owner or a mark, none of which it adds
//! back.

use serde_json::{Value, json};

use super::delete::{DEFINITION, DeleteOptions, FOREGROUND, ORPHAN, Propagation};
use crate::cluster::{Cluster, Due, Place};
use crate::store::{Key, Resource};

impl Cluster {
    /// Works off everything that is due.
    pub(crate) fn settle(&mut self) {
        while let Some(due) = self.due.pop_front() {
            match due {
                Due::Dependent(resource, key) => self.settle_dependent(&resource, &key),
                Due::Owner(resource, key) => self.settle_owner(&resource, &key),
                Due::Namespace(name) => self.settle_namespace(&name),
                Due::Definition(key) => self.settle_definition(&key),
            }
        }
    }

    fn place(&self, resource: &Resource, key: &Key) -> Option<Place> {
        let kind = self.registry.any_version(resource)?;
        Some(Place::new(kind, key.clone()))
    }

    /// An object whose owners may be gone.
    fn settle_dependent(&mut self, resource: &Resource, key: &Key) {
        let Some(place) = self.place(resource, key) else { return };
        let Some(object) = self.store.get(resource, key).cloned() else { return };
        let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        if owners.is_empty() {
            return;
        }
        let (mut solid, mut waiting) = (Vec::new(), 0);
        for owner in &owners {
            match self.owner_state(key, owner) {
                OwnerState::Solid => solid.push(owner.clone()),
                OwnerState::Waiting => waiting += 1,
                OwnerState::Gone => {}
            }
        }
        if solid.len() == owners.len() {
            return;
        }
        if !solid.is_empty() {
            let mut object = Value::clone(&object);
            object["metadata"]["ownerReferences"] = solid.into();
            self.write_settled(&place, object);
        } else if object["metadata"]["deletionTimestamp"].is_null() {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            let has_dependents = !self.store.dependents(uid).is_empty();
            let finalizers = object["metadata"]["finalizers"].as_array();
            let has = |name: &str| finalizers.is_some_and(|all| all.iter().any(|one| one == name));
            let propagation = if (0 < waiting && has_dependents) || has(FOREGROUND) {
                Propagation::Foreground
            } else if has(ORPHAN) {
                Propagation::Orphan
            } else {
                Propagation::Background
            };
            let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
            self.begin_delete(&place, &object, &options);
        }
    }

    fn owner_state(&self, dependent: &Key, owner: &Value) -> OwnerState {
        let uid = owner["uid"].as_str().unwrap_or_default();
        let Some((resource, key)) = self.store.find_uid(uid) else { return OwnerState::Gone };
        // An owner in another namespace is no owner, by the rule of owner references.
        if !key.namespace.is_empty() && key.namespace != dependent.namespace {
            return OwnerState::Gone;
        }
        let Some(found) = self.store.get(resource, key) else { return OwnerState::Gone };
        let metadata = &found["metadata"];
        let waits = metadata["deletionTimestamp"].is_string()
            && metadata["finalizers"].as_array().is_some_and(|a| a.iter().any(|f| f == FOREGROUND));
        if waits { OwnerState::Waiting } else { OwnerState::Solid }
    }

    /// An owner that is marked: orphans its dependents, or waits for those that block it.
    fn settle_owner(&mut self, resource: &Resource, key: &Key) {
        let Some(place) = self.place(resource, key) else { return };
        let Some(object) = self.store.get(resource, key).cloned() else { return };
        if object["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let has = |name: &str| {
            let finalizers = object["metadata"]["finalizers"].as_array();
            finalizers.is_some_and(|all| all.iter().any(|one| one == name))
        };
        if has(ORPHAN) {
            for (resource, key) in self.store.dependents(&uid) {
                self.disown(&resource, &key, &uid);
            }
            self.without_finalizer(&place, ORPHAN);
        } else if has(FOREGROUND) {
            for (resource, key) in self.store.dependents(&uid) {
                self.settle_dependent(&resource, &key);
            }
            let blocked = self
                .store
                .dependents(&uid)
                .iter()
                .filter_map(|(resource, key)| self.store.get(resource, key))
                .any(|dependent| blocks(dependent, &uid));
            if !blocked {
                self.without_finalizer(&place, FOREGROUND);
            }
        }
    }

    fn disown(&mut self, resource: &Resource, key: &Key, owner_uid: &str) {
        let Some(place) = self.place(resource, key) else { return };
        let Some(object) = self.store.get(resource, key) else { return };
        let mut object = Value::clone(object);
        if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
            owners.retain(|owner| owner["uid"] != owner_uid);
            if owners.is_empty()
                && let Some(metadata) = object["metadata"].as_object_mut()
            {
                metadata.shift_remove("ownerReferences");
            }
        }
        self.write_settled(&place, object);
    }

    fn without_finalizer(&mut self, place: &Place, finalizer: &str) {
        let Some(object) = self.store.get(&place.resource, &place.key) else { return };
        let mut object = Value::clone(object);
        if let Some(all) = object["metadata"]["finalizers"].as_array_mut() {
            all.retain(|one| one != finalizer);
            if all.is_empty()
                && let Some(metadata) = object["metadata"].as_object_mut()
            {
                metadata.shift_remove("finalizers");
            }
        }
        self.write_settled(place, object);
    }

    /// Writes without settling: the loop that called goes on.
    fn write_settled(&mut self, place: &Place, object: Value) {
        let metadata = &object["metadata"];
        let going = metadata["deletionTimestamp"].is_string();
        let held = metadata["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        let waits = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0;
        self.store.put(&place.resource, &place.key, object);
        if going && !held && !waits {
            self.erase(&place.resource, &place.key);
        }
    }

    /// A namespace that is marked: empties it, and lets it go when it is empty.
    fn settle_namespace(&mut self, name: &str) {
        let resource = Resource::new("", "namespaces");
        let key = Key::new("", name);
        let Some(namespace) = self.store.get(&resource, &key).cloned() else { return };
        if namespace["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let inside: Vec<(Resource, Key)> = self
            .store
            .resources()
            .flat_map(|resource| {
                self.store.list(resource, name).map(|(key, _)| (resource.clone(), key.clone()))
            })
            .collect();
        let mut left = inside.len();
        for (resource, key) in inside {
            let Some(place) = self.place(&resource, &key) else { continue };
            let Some(object) = self.store.get(&resource, &key).cloned() else {
                left -= 1;
                continue;
            };
            if object["metadata"]["deletionTimestamp"].is_null() {
                let options =
                    DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
                self.begin_delete(&place, &object, &options);
            }
            if self.store.get(&resource, &key).is_none() {
                left -= 1;
            }
        }
        if left == 0
            && let Some(place) = self.place(&resource, &key)
        {
            let mut object = Value::clone(&namespace);
            object["spec"] = json!({});
            self.write_settled(&place, object);
        }
    }

    /// A definition that is marked: removes its objects, then the kind.
    fn settle_definition(&mut self, key: &Key) {
        let definitions = Resource::new("apiextensions.k8s.io", "customresourcedefinitions");
        let Some(definition) = self.store.get(&definitions, key).cloned() else { return };
        if definition["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resource =
            Resource::new(text(&definition["spec"]["group"]), text(&definition["spec"]["names"]["plural"]));
        let all: Vec<Key> = self.store.list(&resource, "").map(|(key, _)| key.clone()).collect();
        for key in all {
            let Some(place) = self.place(&resource, &key) else { continue };
            let Some(object) = self.store.get(&resource, &key).cloned() else { continue };
            if object["metadata"]["deletionTimestamp"].is_null() {
                self.begin_delete(&place, &object, &DeleteOptions::default());
            }
        }
        if self.store.count(&resource) == 0
            && let Some(place) = self.place(&definitions, key)
        {
            self.without_finalizer(&place, DEFINITION);
        }
    }
}

enum OwnerState {
    Solid,
    Waiting,
    Gone,
}

/// Whether a dependent keeps its owner from going.
fn blocks(dependent: &Value, owner_uid: &str) -> bool {
    dependent["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|owner| owner["uid"] == owner_uid && owner["blockOwnerDeletion"] == Value::Bool(true))
}
