//! Who wants to know of which change: interests, turned round. Pure.
//!
//! Property: an object is woken by exactly the changes that could alter what its planner observes, at the cost of a
//! few look-ups however many objects there are.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serin_kernel::{Interest, Key, Kind, Object, Selector};

/// Who is interested. Most sets have one member, and a node has room for eleven: shared keys make it a tenth as large.
type Subjects = BTreeSet<Arc<Key>>;

/// The interests of all planned objects.
#[derive(Debug, Default)]
pub(crate) struct Interests {
    known: HashMap<Arc<Key>, Known>,
    named: HashMap<Key, Subjects>,
    owned: HashMap<(Kind, String), Subjects>,
    /// By the label that every selected object must have.
    anchored: HashMap<(Kind, String, String, String), Subjects>,
    /// Selections that no single label tells.
    loose: HashMap<(Kind, String), Subjects>,
    /// By field, and then by namespace and the text at the field.
    naming: HashMap<(Kind, Field), HashMap<(String, String), Subjects>>,
}

/// The way to a text in an object.
type Field = &'static [&'static str];

#[derive(Debug)]
struct Known {
    uid: String,
    interests: Vec<Interest>,
}

impl Interests {
    /// Sets what `subject` is interested in.
    pub(crate) fn set(&mut self, subject: &Object, interests: &[Interest]) {
        let key = subject.key();
        let uid = &subject.meta().uid;
        if self.known.get(&key).is_some_and(|known| known.uid == *uid && known.interests == interests) {
            return;
        }
        self.remove(&key);
        let key = Arc::new(key);
        for interest in interests {
            self.slot(interest, uid).insert(key.clone());
        }
        self.known.insert(key, Known { uid: uid.clone(), interests: interests.to_vec() });
    }

    /// Forgets `subject`.
    pub(crate) fn remove(&mut self, subject: &Key) {
        let Some(known) = self.known.remove(subject) else { return };
        for interest in &known.interests {
            self.slot(interest, &known.uid).remove(subject);
        }
        let empty = |subjects: &Subjects| subjects.is_empty();
        for interest in &known.interests {
            match interest {
                Interest::Named(key) => drop_if(&mut self.named, key, empty),
                Interest::Owned(kind) => drop_if(&mut self.owned, &(*kind, known.uid.clone()), empty),
                Interest::Selected { kind, namespace, selector } => {
                    match anchor(*kind, namespace, selector) {
                        Some(anchor) => drop_if(&mut self.anchored, &anchor, empty),
                        None => drop_if(&mut self.loose, &(*kind, namespace.clone()), empty),
                    }
                }
                Interest::Naming { kind, namespace, field, value } => {
                    if let Some(texts) = self.naming.get_mut(&(*kind, *field)) {
                        drop_if(texts, &(namespace.clone(), value.clone()), empty);
                    }
                    drop_if(&mut self.naming, &(*kind, *field), HashMap::is_empty);
                }
            }
        }
    }

    /// Adds to `woken` who is interested in `object` as it looks here.
    pub(crate) fn woken_by(&self, object: &Object, woken: &mut BTreeSet<Arc<Key>>) {
        let (kind, meta) = (object.kind(), object.meta());
        woken.extend(self.named.get(&object.key()).into_iter().flatten().cloned());
        if let Some(owner) = meta.controller() {
            woken.extend(self.owned.get(&(kind, owner.uid.clone())).into_iter().flatten().cloned());
        }
        let selects = |subject: &&Arc<Key>| {
            self.known.get(*subject).is_some_and(|known| {
                known.interests.iter().any(|interest| match interest {
                    Interest::Selected { kind: of, namespace, selector } => {
                        *of == kind && *namespace == meta.namespace && selector.matches(&meta.labels)
                    }
                    _ => false,
                })
            })
        };
        if !self.anchored.is_empty() {
            for (label, value) in &meta.labels {
                let anchor = (kind, meta.namespace.clone(), label.clone(), value.clone());
                woken.extend(self.anchored.get(&anchor).into_iter().flatten().filter(selects).cloned());
            }
        }
        if !self.loose.is_empty() {
            let place = (kind, meta.namespace.clone());
            woken.extend(self.loose.get(&place).into_iter().flatten().filter(selects).cloned());
        }
        let others = |subject: &&Arc<Key>| subject.kind != kind || ***subject != object.key();
        let naming = self.naming.iter().filter(|((of, _), _)| *of == kind);
        for ((_, field), texts) in naming {
            if let Some(text) = object.text_at(field) {
                let named = texts.get(&(meta.namespace.clone(), text));
                woken.extend(named.into_iter().flatten().filter(others).cloned());
            }
        }
    }

    fn slot(&mut self, interest: &Interest, uid: &str) -> &mut Subjects {
        match interest {
            Interest::Named(key) => self.named.entry(key.clone()).or_default(),
            Interest::Owned(kind) => self.owned.entry((*kind, uid.to_owned())).or_default(),
            Interest::Selected { kind, namespace, selector } => match anchor(*kind, namespace, selector) {
                Some(anchor) => self.anchored.entry(anchor).or_default(),
                None => self.loose.entry((*kind, namespace.clone())).or_default(),
            },
            Interest::Naming { kind, namespace, field, value } => {
                let texts = self.naming.entry((*kind, *field)).or_default();
                texts.entry((namespace.clone(), value.clone())).or_default()
            }
        }
    }
}

fn anchor(kind: Kind, namespace: &str, selector: &Selector) -> Option<(Kind, String, String, String)> {
    let (key, value) = selector.anchor()?;
    Some((kind, namespace.to_owned(), key.to_owned(), value.to_owned()))
}

fn drop_if<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, key: &K, test: impl Fn(&V) -> bool) {
    if map.get(key).is_some_and(test) {
        map.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SET: Kind = Kind::namespaced("apps", "v1", "ReplicaSet", "replicasets");
    const TOY: Kind = Kind::namespaced("toys", "v1", "Toy", "toys");

    fn object(kind: Kind, name: &str, owner: &str, labels: &serde_json::Value) -> Object {
        let owners = json!([{"uid": owner, "controller": true}]);
        let meta =
            json!({"name": name, "namespace": "n", "uid": name, "labels": labels, "ownerReferences": owners});
        Object::new(kind, &json!({"metadata": meta})).unwrap()
    }

    fn selected(key: &str, value: &str) -> Interest {
        let selector = Selector::equalities([(&key.to_owned(), &value.to_owned())]);
        Interest::Selected { kind: SET, namespace: "n".to_owned(), selector }
    }

    fn named(kind: Kind, value: &str) -> Interest {
        Interest::Naming {
            kind,
            namespace: "n".to_owned(),
            field: &["metadata", "uid"],
            value: value.to_owned(),
        }
    }

    fn woken(interests: &Interests, object: &Object) -> Vec<String> {
        let mut woken = BTreeSet::new();
        interests.woken_by(object, &mut woken);
        woken.into_iter().map(|key| key.name.clone()).collect()
    }

    #[test]
    fn each_interest_wakes_those_who_have_it() {
        let mut interests = Interests::default();
        let toy = |name: &str| object(TOY, name, "", &json!({}));
        interests.set(&toy("by-name"), &[Interest::Named(SET.key("n", "s"))]);
        interests.set(&toy("by-owner"), &[Interest::Owned(SET)]);
        interests.set(&toy("by-label"), &[selected("app", "x")]);
        let everything =
            Interest::Selected { kind: SET, namespace: "n".to_owned(), selector: Selector::default() };
        interests.set(&toy("by-place"), &[everything]);
        for (case, event, expected) in [
            ("name", object(SET, "s", "", &json!({})), &["by-name", "by-place"][..]),
            ("owner", object(SET, "t", "by-owner", &json!({})), &["by-owner", "by-place"]),
            ("label", object(SET, "t", "", &json!({"app": "x"})), &["by-label", "by-place"]),
            ("other label", object(SET, "t", "", &json!({"app": "y"})), &["by-place"]),
            ("other kind", object(TOY, "s", "by-owner", &json!({"app": "x"})), &[]),
        ] {
            assert_eq!(woken(&interests, &event), expected, "{case}");
        }
    }

    #[test]
    fn what_an_object_names_wakes_others_that_ask_for_it_and_not_itself() {
        let mut interests = Interests::default();
        let toy = |name: &str| object(TOY, name, "", &json!({}));
        interests.set(&toy("a"), &[named(TOY, "a"), named(SET, "s")]);
        interests.set(&toy("b"), &[named(TOY, "a"), named(TOY, "b")]);
        assert_eq!(woken(&interests, &toy("a")), ["b"]);
        assert_eq!(woken(&interests, &toy("b")), [""; 0]);
        assert_eq!(woken(&interests, &object(SET, "s", "", &json!({}))), ["a"]);
        assert_eq!(woken(&interests, &object(SET, "a", "", &json!({}))), [""; 0]);
    }

    #[test]
    fn new_interests_replace_the_old_and_nothing_is_left_behind() {
        let mut interests = Interests::default();
        let toy = object(TOY, "toy", "", &json!({}));
        let all =
            [Interest::Named(SET.key("n", "s")), Interest::Owned(SET), selected("app", "x"), named(SET, "s")];
        interests.set(&toy, &all);
        interests.set(&toy, &[Interest::Owned(SET)]);
        assert_eq!(woken(&interests, &object(SET, "s", "", &json!({"app": "x"}))), [""; 0]);
        assert_eq!(woken(&interests, &object(SET, "s", "toy", &json!({}))), ["toy"]);
        interests.remove(&toy.key());
        assert!(interests.known.is_empty() && interests.named.is_empty() && interests.owned.is_empty());
        assert!(interests.anchored.is_empty() && interests.loose.is_empty() && interests.naming.is_empty());
    }
}
