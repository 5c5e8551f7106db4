//! What is known of all objects of one kind. Pure: a map with indexes, and a memory of what we deleted ourselves.
//!
//! Invariants, each held by a test below:
//! 1. An older version never replaces a newer one, so a watch that lags behind our own write changes nothing.
//! 2. What we deleted stays away until the watch has caught up, or another object takes the name.
//! 3. A list removes what it does not hold, but not what is newer than the list.
//! 4. The indexes hold exactly what the objects say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serin_kernel::{Key, Object, Selector};

/// Namespace and name in one, with a slash between: the smallest name that is unique within a kind.
type Name = Arc<str>;
/// The way to a text in an object.
type Field = &'static [&'static str];

/// One object before and after. At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How it was; none when it is new.
    pub old: Option<Object>,
    /// How it is; none when it is gone.
    pub new: Option<Object>,
    /// Whether this is the answer to a write of ours, not news from others.
    pub own: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: BTreeMap<Name, Object>,
    owners: HashMap<String, BTreeSet<Name>>,
    /// By label key; only keys that somebody has asked for have an index.
    labels: HashMap<String, HashMap<String, BTreeSet<Name>>>,
    /// By the text at a field; only fields that somebody has asked for have an index.
    fields: HashMap<Field, HashMap<String, BTreeSet<Name>>>,
    /// What we deleted and the watch has not yet seen deleted: name to uid.
    tombstones: HashMap<Name, String>,
}

impl Store {
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(text_of(namespace, name).as_str())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn owned(&self, uid: &str) -> impl Iterator<Item = &Object> {
        self.owners.get(uid).into_iter().flatten().filter_map(|name| self.objects.get(name))
    }

    /// The objects in `namespace` that `selector` selects. Mutable because the first question about a label builds its
    /// index.
    pub(crate) fn selected(&mut self, namespace: &str, selector: &Selector) -> Vec<Object> {
        let fits = |object: &&Object| {
            object.meta().namespace == namespace && selector.matches(&object.meta().labels)
        };
        let Some((key, value)) = selector.anchor() else {
            let from: Name = format!("{namespace}/").into();
            let within =
                self.objects.range(from..).take_while(|(_, object)| object.meta().namespace == namespace);
            return within.map(|(_, object)| object).filter(fits).cloned().collect();
        };
        if !self.labels.contains_key(key) {
            self.index(key);
        }
        let names = self.labels.get(key).and_then(|values| values.get(value));
        names.into_iter().flatten().filter_map(|name| self.objects.get(name)).filter(fits).cloned().collect()
    }

    /// The objects in `namespace` that have the text `value` at `field`. The first question about a field builds its index.
    pub(crate) fn naming(&mut self, namespace: &str, field: Field, value: &str) -> Vec<Object> {
        if !self.fields.contains_key(field) {
            let mut values: HashMap<String, BTreeSet<Name>> = HashMap::new();
            for (name, object) in &self.objects {
                if let Some(value) = object.text_at(field) {
                    values.entry(value).or_default().insert(name.clone());
                }
            }
            self.fields.insert(field, values);
        }
        let names = self.fields.get(field).and_then(|values| values.get(value)).into_iter().flatten();
        let objects = names.filter_map(|name| self.objects.get(name));
        objects.filter(|object| object.meta().namespace == namespace).cloned().collect()
    }

    /// Takes in what a watch, a list or an answer to a write says; none when that is no news.
    pub(crate) fn set(&mut self, object: Object, own: bool) -> Option<Change> {
        let name = name_of(&object);
        if let Some(buried) = self.tombstones.get(&name) {
            if *buried == object.meta().uid {
                return None;
            }
            self.tombstones.remove(&name);
        }
        let old = self.objects.get(&name).cloned();
        if let Some(old) = &old {
            if !object.is_not_older_than(old) || object.text() == old.text() {
                return None;
            }
            self.unindex(&name, old);
        }
        self.enter(&name, &object);
        self.objects.insert(name, object.clone());
        Some(Change { old, new: Some(object), own })
    }

    /// Takes in that an object is gone, as the watch saw it.
    pub(crate) fn remove(&mut self, last: &Object) -> Option<Change> {
        let name = name_of(last);
        if self.tombstones.get(&name) == Some(&last.meta().uid) {
            self.tombstones.remove(&name);
        }
        let stored = self.objects.get(&name)?;
        if stored.meta().uid != last.meta().uid {
            return None;
        }
        self.take(&name, false)
    }

    /// Takes in that we deleted an object, or were told that it is gone.
    pub(crate) fn bury(&mut self, key: &Key) -> Option<Change> {
        let name: Name = text_of(&key.namespace, &key.name).into();
        let change = self.take(&name, true)?;
        if let Some(old) = &change.old {
            self.tombstones.insert(name, old.meta().uid.clone());
        }
        Some(change)
    }

    /// After a whole list of version `version`: what it did not hold is gone, unless it is newer than the list.
    pub(crate) fn retain(&mut self, listed: &HashSet<Name>, version: &str) -> Vec<Change> {
        self.tombstones.retain(|name, _| listed.contains(name));
        let limit = version.parse::<u64>().unwrap_or(u64::MAX);
        let gone: Vec<Name> = self
            .objects
            .iter()
            .filter(|(name, object)| {
                let version = object.meta().resource_version.parse::<u64>().unwrap_or(0);
                !listed.contains(*name) && version <= limit
            })
            .map(|(name, _)| name.clone())
            .collect();
        gone.iter().filter_map(|name| self.take(name, false)).collect()
    }

    fn take(&mut self, name: &Name, own: bool) -> Option<Change> {
        let old = self.objects.remove(name)?;
        self.unindex(name, &old);
        Some(Change { old: Some(old), new: None, own })
    }

    fn enter(&mut self, name: &Name, object: &Object) {
        if let Some(owner) = object.meta().controller() {
            self.owners.entry(owner.uid.clone()).or_default().insert(name.clone());
        }
        for (key, values) in &mut self.labels {
            if let Some(value) = object.meta().labels.get(key) {
                values.entry(value.clone()).or_default().insert(name.clone());
            }
        }
        for (field, values) in &mut self.fields {
            if let Some(value) = object.text_at(field) {
                values.entry(value).or_default().insert(name.clone());
            }
        }
    }

    fn unindex(&mut self, name: &Name, object: &Object) {
        if let Some(owner) = object.meta().controller() {
            leave(&mut self.owners, &owner.uid, name);
        }
        for (key, values) in &mut self.labels {
            if let Some(value) = object.meta().labels.get(key) {
                leave(values, value, name);
            }
        }
        for (field, values) in &mut self.fields {
            if let Some(value) = object.text_at(field) {
                leave(values, &value, name);
            }
        }
    }

    fn index(&mut self, key: &str) {
        let mut values: HashMap<String, BTreeSet<Name>> = HashMap::new();
        for (name, object) in &self.objects {
            if let Some(value) = object.meta().labels.get(key) {
                values.entry(value.clone()).or_default().insert(name.clone());
            }
        }
        self.labels.insert(key.to_owned(), values);
    }
}

fn leave(index: &mut HashMap<String, BTreeSet<Name>>, key: &str, name: &Name) {
    if let Some(names) = index.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            index.remove(key);
        }
    }
}

pub(crate) fn name_of(object: &Object) -> Name {
    text_of(&object.meta().namespace, &object.meta().name).into()
}

fn text_of(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_kernel::Kind;

    use super::*;

    const SET: Kind = Kind::namespaced("apps", "v1", "ReplicaSet", "replicasets");

    fn object(name: &str, uid: &str, version: u64, label: &str) -> Object {
        let owners = json!([{"uid": format!("owner-of-{label}"), "controller": true}]);
        let meta = json!({"name": name, "namespace": "n", "uid": uid, "resourceVersion": version.to_string(), "labels": {"app": label}, "ownerReferences": owners});
        Object::new(SET, &json!({"metadata": meta, "spec": {"of": {"name": label}}})).unwrap()
    }

    fn names<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<&'a str> {
        objects.into_iter().map(|object| object.meta().name.as_str()).collect()
    }

    fn app(value: &str) -> Selector {
        Selector::equalities([(&"app".to_owned(), &value.to_owned())])
    }

    #[test]
    fn an_older_version_is_no_news() {
        let mut store = Store::default();
        assert!(store.set(object("a", "u", 5, "x"), true).is_some());
        assert_eq!(store.set(object("a", "u", 4, "y"), false), None);
        assert_eq!(store.set(object("a", "u", 5, "x"), false), None);
        assert!(store.set(object("a", "u", 6, "x"), false).is_some());
    }

    #[test]
    fn what_we_deleted_stays_away_until_the_watch_has_seen_it() {
        let mut store = Store::default();
        store.set(object("a", "u", 5, "x"), false);
        assert!(store.bury(&SET.key("n", "a")).is_some());
        assert_eq!(store.set(object("a", "u", 9, "x"), false), None, "an echo from before the deletion");
        assert_eq!(store.remove(&object("a", "u", 10, "x")), None, "already known");
        assert!(
            store.set(object("a", "u2", 11, "x"), false).is_some(),
            "another object of that name is news"
        );
    }

    #[test]
    fn another_object_of_the_name_is_believed_while_the_watch_lags() {
        let mut store = Store::default();
        store.set(object("a", "u", 5, "x"), false);
        store.bury(&SET.key("n", "a"));
        store.set(object("a", "u2", 8, "x"), true);
        assert_eq!(
            store.remove(&object("a", "u", 7, "x")),
            None,
            "the end of the first is not the end of the second"
        );
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_list_removes_what_it_lacks_but_not_what_is_newer() {
        let mut store = Store::default();
        store.set(object("a", "a", 5, "x"), false);
        store.set(object("b", "b", 6, "x"), false);
        store.set(object("c", "c", 12, "x"), true);
        let gone = store.retain(&HashSet::from(["n/a".into()]), "10");
        assert_eq!(names(gone.iter().filter_map(|change| change.old.as_ref())), ["b"]);
        assert_eq!(names(store.all()), ["a", "c"]);
    }

    #[test]
    fn indexes_follow_the_objects() {
        const FIELD: Field = &["spec", "of", "name"];
        let mut store = Store::default();
        store.set(object("a", "a", 1, "x"), false);
        store.set(object("b", "b", 2, "x"), false);
        assert_eq!(names(&store.selected("n", &app("x"))), ["a", "b"]);
        assert_eq!(names(&store.selected("other", &app("x"))), [""; 0]);
        assert_eq!(names(&store.naming("n", FIELD, "x")), ["a", "b"]);
        assert_eq!(names(&store.naming("other", FIELD, "x")), [""; 0]);
        store.set(object("b", "b", 3, "y"), false);
        store.set(object("c", "c", 4, "y"), false);
        store.bury(&SET.key("n", "a"));
        assert_eq!(names(&store.selected("n", &app("x"))), [""; 0]);
        assert_eq!(names(&store.selected("n", &app("y"))), ["b", "c"]);
        assert_eq!(names(&store.naming("n", FIELD, "x")), [""; 0]);
        assert_eq!(names(&store.naming("n", FIELD, "y")), ["b", "c"]);
        assert_eq!(names(store.owned("owner-of-y")), ["b", "c"]);
        assert_eq!(names(store.owned("owner-of-x")), [""; 0]);
        assert_eq!(names(&store.selected("n", &Selector::default())), ["b", "c"]);
    }
}
