//! What a planner sees of the world.

use std::collections::BTreeMap;

use crate::{Heard, Key, Kind, Object, Selector};

/// What an object makes its planner want to see. Declared once, it is used twice: to build [`Observed`], and to know
/// which objects to plan again when something changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interest {
    /// The one object with this key.
    Named(Key),
    /// All objects of `kind` that the object itself controls, by owner reference.
    Owned(Kind),
    /// All objects of `kind` in `namespace` whose labels match.
    Selected {
        /// Kind of the objects.
        kind: Kind,
        /// Their namespace.
        namespace: String,
        /// What their labels must be.
        selector: Selector,
    },
    /// All other objects of `kind` in `namespace` that have the text `value` at `field`.
    Naming {
        /// Kind of the objects.
        kind: Kind,
        /// Their namespace.
        namespace: String,
        /// The way to the text, from the top.
        field: &'static [&'static str],
        /// The text.
        value: String,
    },
}

/// One object and everything that its planner wanted to see, from one look at the caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The object to plan for.
    pub object: Object,
    /// The write that was refused in the previous pass, if one was: a planner says so in the object's conditions.
    /// Not stored anywhere: after a restart the write is tried again and refused again.
    pub refused: Option<Refused>,
    /// What the planner kept in its last pass over this object ([`crate::Act::keep`], or [`crate::Act::keep_stopped`] when that
    /// was not carried out); none in the first after a start.
    pub kept: Option<serde_json::Value>,
    /// Answers to messages of earlier passes that have a topic ([`crate::Call::topic`]), in the order in which they came.
    /// Each is seen in one pass, and again in the next when that one was stopped. They may be few, late or none: nothing
    /// may wait for them.
    pub replies: Vec<Heard>,
    related: BTreeMap<Key, Object>,
}

/// A write that the API refused, other than for a conflict (after a conflict the next pass simply decides afresh).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The object that the write was for.
    pub target: Key,
    /// HTTP status code of the answer; 0 when there was none.
    pub code: u16,
    /// Kubernetes' machine-readable reason, such as `Forbidden`; empty when there was none.
    pub reason: String,
    /// What the API said.
    pub message: String,
}

impl Observed {
    /// An observation of `object` beside `related` objects (doubles collapse).
    #[must_use]
    pub fn new(object: Object, related: impl IntoIterator<Item = Object>) -> Self {
        let related = related.into_iter().map(|object| (object.key(), object)).collect();
        Self { object, refused: None, kept: None, replies: Vec::new(), related }
    }

    /// The related object with `key`, if it exists.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Object> {
        self.related.get(key)
    }

    /// All related objects, whatever they are.
    pub fn related(&self) -> impl Iterator<Item = &Object> {
        self.related.values()
    }

    /// All related objects of `kind`, by namespace and name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.related
            .range(kind.key("", "")..)
            .take_while(move |(key, _)| key.kind == kind)
            .map(|(_, object)| object)
    }

    /// The related objects of `kind` that the planned object controls.
    pub fn owned(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.all(kind).filter(|object| object.meta().is_controlled_by(&self.object.meta().uid))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POD: Kind = Kind::namespaced("", "v1", "Pod", "pods");
    const SET: Kind = Kind::namespaced("apps", "v1", "ReplicaSet", "replicasets");

    fn object(kind: Kind, name: &str, owner: &str) -> Object {
        let owners = json!([{"uid": owner, "controller": true}]);
        Object::new(
            kind,
            &json!({"metadata": {"name": name, "namespace": "n", "uid": name, "ownerReferences": owners}}),
        )
        .unwrap()
    }

    #[test]
    fn objects_are_told_apart_by_kind_and_owner() {
        let related = [object(POD, "p", "a"), object(SET, "mine", "a"), object(SET, "theirs", "b")];
        let observed = Observed::new(object(SET, "a", ""), related);
        let names = |objects: Vec<&Object>| objects.iter().map(|o| o.meta().name.clone()).collect::<Vec<_>>();
        assert_eq!(names(observed.all(SET).collect()), ["mine", "theirs"]);
        assert_eq!(names(observed.owned(SET).collect()), ["mine"]);
        assert_eq!(names(observed.all(POD).collect()), ["p"]);
        assert!(observed.get(&POD.key("n", "p")).is_some());
        assert!(observed.get(&SET.key("n", "p")).is_none());
    }
}
