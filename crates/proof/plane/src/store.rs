//! The objects and their recent past: every write gets the next resource version, and whoever reads
//! from a version sees each later change once and in order, or is told that the past is gone.
//!
//! Synchronous and without clock or randomness, so that everything about ordering, versions and
//! history is tested without a runtime. Watches hold no queue here: a watcher keeps only its own
//! version and reads on from the collection's bounded history, so a slow one costs the writers
//! nothing and in the end finds its version forgotten ([`TooOld`]).
//!
//! Invariants:
//! 1. Versions strictly rise over all collections; each change has its own.
//! 2. An object's `metadata.resourceVersion` is the version of the change that wrote it.
//! 3. `changes_since(v)` is either complete or refused.
//! 4. `at(v)` is the collection exactly as it was when the store's version was `v`, or refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

/// Where objects of one kind live; all served versions of a kind share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Resource {
    /// The API group, empty for the core group.
    pub(crate) group: String,
    /// The plural, `deployments`.
    pub(crate) plural: String,
}

impl Resource {
    /// The resource `plural` of `group`.
    pub(crate) fn new(group: impl Into<String>, plural: impl Into<String>) -> Resource {
        Resource { group: group.into(), plural: plural.into() }
    }
}

/// The place of an object within its resource; an empty namespace means cluster-wide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The namespace, empty for cluster-wide kinds.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
}

impl Key {
    /// The key of `name` in `namespace`.
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Key {
        Key { namespace: namespace.into(), name: name.into() }
    }
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The version that this change made.
    pub(crate) version: u64,
    /// The object before, absent for a creation.
    pub(crate) before: Option<Arc<Value>>,
    /// The object after, or its last state when it was removed; with the change's version.
    pub(crate) after: Arc<Value>,
    /// Whether the object is gone.
    pub(crate) removed: bool,
}

/// The history no longer reaches back to the version asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOld {
    /// The oldest version from which everything is still known.
    pub(crate) oldest: u64,
}

#[derive(Debug, Default)]
struct Collection {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    /// Changes up to and including this version may be forgotten.
    forgotten: u64,
}

/// All objects of one cluster.
#[derive(Debug)]
pub(crate) struct Store {
    collections: BTreeMap<Resource, Collection>,
    version: u64,
    history_max: usize,
    by_uid: BTreeMap<String, (Resource, Key)>,
    by_owner: BTreeMap<String, BTreeSet<(Resource, Key)>>,
    touched: BTreeSet<Resource>,
}

impl Store {
    /// An empty store that remembers `history_max` changes of each resource.
    #[must_use]
    pub(crate) fn new(history_max: usize) -> Store {
        Store {
            collections: BTreeMap::new(),
            version: 1,
            history_max,
            by_uid: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The version of the last change.
    #[must_use]
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The object at `key`.
    #[must_use]
    pub(crate) fn get(&self, resource: &Resource, key: &Key) -> Option<&Arc<Value>> {
        self.collections.get(resource)?.objects.get(key)
    }

    /// The objects of a resource in key order, of one namespace unless it is empty.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &Resource,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        let start = Key::new(namespace, "");
        self.collections.get(resource).into_iter().flat_map(move |collection| {
            collection
                .objects
                .range(start.clone()..)
                .take_while(move |(key, _)| namespace.is_empty() || key.namespace == namespace)
        })
    }

    /// How many objects a resource has.
    #[must_use]
    pub(crate) fn count(&self, resource: &Resource) -> usize {
        self.collections.get(resource).map_or(0, |collection| collection.objects.len())
    }

    /// Every resource that has or had objects.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.collections.keys()
    }

    /// Where the object with this uid is.
    #[must_use]
    pub(crate) fn find_uid(&self, uid: &str) -> Option<&(Resource, Key)> {
        self.by_uid.get(uid)
    }

    /// The objects that name this uid among their owners.
    #[must_use]
    pub(crate) fn dependents(&self, owner_uid: &str) -> Vec<(Resource, Key)> {
        self.by_owner.get(owner_uid).into_iter().flatten().cloned().collect()
    }

    /// Writes an object, new or not, under the next version.
    pub(crate) fn put(&mut self, resource: &Resource, key: &Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let after = Arc::new(object);
        let collection = self.collections.entry(resource.clone()).or_default();
        let before = collection.objects.insert(key.clone(), after.clone());
        if let Some(before) = &before {
            self.unindex(resource, key, &before.clone());
        }
        self.index(resource, key, &after);
        self.remember(resource, before, after.clone(), false);
        after
    }

    /// Removes an object; the answer is its last state under the version of the removal.
    pub(crate) fn remove(&mut self, resource: &Resource, key: &Key) -> Option<Arc<Value>> {
        let before = self.collections.get_mut(resource)?.objects.remove(key)?;
        self.version += 1;
        self.unindex(resource, key, &before);
        let mut last = Value::clone(&before);
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        let last = Arc::new(last);
        self.remember(resource, Some(before), last.clone(), true);
        Some(last)
    }

    /// Up to `max` changes of a resource after `version`, oldest first.
    ///
    /// # Errors
    /// [`TooOld`] when a change after `version` may have been forgotten.
    pub(crate) fn changes_since(
        &self,
        resource: &Resource,
        version: u64,
        max: usize,
    ) -> Result<Vec<Change>, TooOld> {
        let Some(collection) = self.collections.get(resource) else {
            return Ok(Vec::new());
        };
        if version < collection.forgotten {
            return Err(TooOld { oldest: collection.forgotten });
        }
        let from = collection.history.partition_point(|change| change.version <= version);
        Ok(collection.history.range(from..).take(max).cloned().collect())
    }

    /// The objects of a resource as they were at `version`, of one namespace unless it is empty.
    ///
    /// # Errors
    /// [`TooOld`] when the history does not reach back that far.
    pub(crate) fn at(
        &self,
        resource: &Resource,
        namespace: &str,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, TooOld> {
        let mut objects: BTreeMap<Key, Arc<Value>> =
            self.list(resource, namespace).map(|(key, object)| (key.clone(), object.clone())).collect();
        for change in self.changes_since(resource, version, usize::MAX)?.iter().rev() {
            let key = key_of(&change.after);
            if !namespace.is_empty() && key.namespace != namespace {
                continue;
            }
            match &change.before {
                Some(before) => objects.insert(key, before.clone()),
                None => objects.remove(&key),
            };
        }
        Ok(objects)
    }

    /// The resources changed since the last call, so that their watchers can be woken.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<Resource> {
        std::mem::take(&mut self.touched)
    }

    fn remember(
        &mut self,
        resource: &Resource,
        before: Option<Arc<Value>>,
        after: Arc<Value>,
        removed: bool,
    ) {
        let version = self.version;
        let history_max = self.history_max;
        let collection = self.collections.entry(resource.clone()).or_default();
        collection.history.push_back(Change { version, before, after, removed });
        while history_max < collection.history.len() {
            if let Some(oldest) = collection.history.pop_front() {
                collection.forgotten = oldest.version;
            }
        }
        self.touched.insert(resource.clone());
    }

    fn index(&mut self, resource: &Resource, key: &Key, object: &Value) {
        let place = (resource.clone(), key.clone());
        if let Some(uid) = object["metadata"]["uid"].as_str() {
            self.by_uid.insert(uid.to_owned(), place.clone());
        }
        for owner in owner_uids(object) {
            self.by_owner.entry(owner.to_owned()).or_default().insert(place.clone());
        }
    }

    fn unindex(&mut self, resource: &Resource, key: &Key, object: &Value) {
        if let Some(uid) = object["metadata"]["uid"].as_str() {
            self.by_uid.remove(uid);
        }
        let place = (resource.clone(), key.clone());
        for owner in owner_uids(object) {
            if let Some(set) = self.by_owner.get_mut(owner) {
                set.remove(&place);
                if set.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        }
    }
}

/// The key that an object's own metadata gives.
#[must_use]
pub(crate) fn key_of(object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Key { namespace: text("namespace"), name: text("name") }
}

fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owner| owner["uid"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn things() -> Resource {
        Resource::new("example.io", "things")
    }

    fn thing(name: &str, size: u8) -> (Key, Value) {
        let object = json!({ "metadata": { "name": name, "uid": name }, "size": size });
        (Key::new("", name), object)
    }

    fn names(objects: &BTreeMap<Key, Arc<Value>>) -> Vec<(String, u64)> {
        objects.iter().map(|(key, object)| (key.name.clone(), object["size"].as_u64().unwrap())).collect()
    }

    #[test]
    fn a_forgotten_past_is_refused_and_not_guessed() {
        let mut store = Store::new(2);
        let versions: Vec<u64> = (0..4)
            .map(|size| {
                let (key, object) = thing("a", size);
                store.put(&things(), &key, object);
                store.version()
            })
            .collect();
        assert_eq!(store.changes_since(&things(), versions[1], 9).unwrap().len(), 2);
        let too_old = store.changes_since(&things(), versions[0], 9).unwrap_err();
        assert_eq!(too_old.oldest, versions[1]);
        assert!(store.at(&things(), "", versions[0]).is_err());
    }

    #[test]
    fn owners_are_found_while_the_dependent_names_them() {
        let mut store = Store::new(8);
        let (key, mut object) = thing("a", 1);
        object["metadata"]["ownerReferences"] = json!([{ "uid": "o" }]);
        store.put(&things(), &key, object);
        assert_eq!(store.dependents("o"), [(things(), key.clone())]);
        store.put(&things(), &key, thing("a", 1).1);
        assert!(store.dependents("o").is_empty());
        assert!(store.find_uid("a").is_some());
        store.remove(&things(), &key);
        assert!(store.find_uid("a").is_none());
    }

    proptest! {
        /// The oracle keeps a whole copy of the world at each version.
        #[test]
        fn every_remembered_version_is_rebuilt_as_it_was(
            steps in prop::collection::vec((0_u8..4, 0_u8..3, 0_u8..9), 1..40)
        ) {
            let mut store = Store::new(1000);
            let mut worlds = vec![(store.version(), Vec::new())];
            for (name, verb, size) in steps {
                let (key, object) = thing(&format!("n{name}"), size);
                if verb == 0 { store.remove(&things(), &key); } else {
                    store.put(&things(), &key, object);
                }
                let now: BTreeMap<Key, Arc<Value>> = store
                    .list(&things(), "")
                    .map(|(key, object)| (key.clone(), object.clone()))
                    .collect();
                worlds.push((store.version(), names(&now)));
            }
            for (version, world) in worlds {
                prop_assert_eq!(names(&store.at(&things(), "", version).unwrap()), world);
            }
        }
    }
}
