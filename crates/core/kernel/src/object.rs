//! A Kubernetes object as it was read: its metadata understood, its body kept word for word.
//!
//! Property: no object is lost for being odd. Whatever has a name is an [`Object`]; a body that does not fit the type
//! that a planner wants is an error of that one view, reported on that one object.
//!
//! Mechanics: the body is kept as compact JSON text. It is the smallest form to cache, and a typed view parsed from it
//! costs about as much as one copied out of a tree.

use std::{collections::BTreeMap, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, json};

use crate::{Key, Kind, Moment, Reference};

/// The annotation in which `kubectl apply` keeps what it was last given. Kubernetes calls it
/// `LastAppliedConfigAnnotation`.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A Kubernetes object: kind, metadata, and the whole body as JSON text. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    kind: Kind,
    meta: Arc<Meta>,
    text: Arc<str>,
}

/// The metadata that engines and planners read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name, never empty.
    pub name: String,
    /// Namespace; empty for cluster-wide kinds.
    pub namespace: String,
    /// Unique for all time.
    pub uid: String,
    /// Opaque version for preconditions; compared as a number where the API counts it so.
    pub resource_version: String,
    /// Counts changes of the wanted state; 0 when the kind has none.
    pub generation: i64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Owners, the controlling one marked.
    pub owner_references: Vec<Owner>,
    /// When it was created.
    pub creation_timestamp: Option<Moment>,
    /// When its deletion was asked for; it may live on until its finalizers are gone.
    pub deletion_timestamp: Option<Moment>,
    /// Who must agree before it is gone.
    pub finalizers: Vec<String>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// `apiVersion` of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// Unique id of the owner.
    pub uid: String,
    /// Whether this owner is the managing controller.
    pub controller: bool,
}

/// An object, or one part of it, does not have the shape that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct Malformed {
    /// Which object, as far as it could be told.
    pub what: String,
    /// What is wrong with it, naming the place.
    pub problem: String,
}

impl Object {
    /// Takes an object in.
    ///
    /// # Errors
    /// When `value` has no metadata with a name, or its metadata has wrong types.
    pub fn new(kind: Kind, value: &Value) -> Result<Self, Malformed> {
        let malformed = |problem: String| Malformed { what: kind.kind.to_owned(), problem };
        let meta = value.get("metadata").ok_or_else(|| malformed("metadata is missing".to_owned()))?;
        let meta = Meta::deserialize(meta).map_err(|error| malformed(format!("metadata: {error}")))?;
        if meta.name.is_empty() {
            return Err(malformed("metadata.name is missing".to_owned()));
        }
        Ok(Self { kind, meta: Arc::new(meta), text: value.to_string().into() })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its metadata.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its key: kind, namespace and name.
    #[must_use]
    pub fn key(&self) -> Key {
        self.kind.key(self.meta.namespace.clone(), self.meta.name.clone())
    }

    /// A reference to it, as events and owner references carry.
    #[must_use]
    pub fn reference(&self) -> Reference {
        Reference { key: self.key(), uid: self.meta.uid.clone() }
    }

    /// The whole body.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body read as `T`.
    ///
    /// # Errors
    /// When the body does not have the shape of `T`; the message names the place.
    pub fn view<T: DeserializeOwned>(&self) -> Result<T, Malformed> {
        serde_json::from_str(&self.text)
            .map_err(|error| Malformed { what: self.key().to_string(), problem: error.to_string() })
    }

    /// The body as JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text at the end of `path`, if there is one; the rest of the body is only passed over, which costs a tenth of reading it.
    #[must_use]
    pub fn text_at(&self, path: &[&str]) -> Option<String> {
        Way(path).deserialize(&mut serde_json::Deserializer::from_str(&self.text)).ok().flatten()
    }

    /// Whether `self` is the same or a later version of the same object than `other`.
    ///
    /// Versions are compared as numbers, which the API promises; a version that is no number is taken to be later, so
    /// that a watch is believed.
    #[must_use]
    pub fn is_not_older_than(&self, other: &Self) -> bool {
        if self.meta.uid != other.meta.uid {
            return true;
        }
        match (self.meta.resource_version.parse::<u64>(), other.meta.resource_version.parse::<u64>()) {
            (Ok(mine), Ok(theirs)) => theirs <= mine,
            _ => true,
        }
    }
}

impl Owner {
    /// The object of this kind and metadata as the one that manages what is made for it: its controller reference.
    #[must_use]
    pub fn controller_ref(kind: Kind, meta: &Meta) -> Self {
        Self {
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            controller: true,
        }
    }

    /// As an entry of `metadata.ownerReferences`. Like `metav1.NewControllerRef` it sets `blockOwnerDeletion`: who deletes the
    /// owner in the foreground waits for what it owns.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": self.controller,
            "blockOwnerDeletion": true,
        })
    }
}

impl Meta {
    /// The owner that manages this object, if one does.
    #[must_use]
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether the object with `uid` manages this one.
    #[must_use]
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }
}

/// The way to one text in a body.
struct Way<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, body: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return Ok(Value::deserialize(body)?.as_str().map(str::to_owned));
        }
        body.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Way<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == key => found = map.next_value_seed(Way(rest))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SERVICE: Kind = Kind::namespaced("", "v1", "Service", "services");

    fn service(version: &str) -> Object {
        let owner =
            json!({"apiVersion": "v1", "kind": "Rollout", "name": "r", "uid": "u-r", "controller": true});
        let meta = json!({"name": "s", "namespace": "n", "uid": "u", "resourceVersion": version, "ownerReferences": [owner]});
        Object::new(SERVICE, &json!({"metadata": meta, "spec": {"x-unknown": [1, 2.5]}})).unwrap()
    }

    #[test]
    fn the_body_is_kept_word_for_word() {
        assert_eq!(service("1").value()["spec"]["x-unknown"], json!([1, 2.5]));
        assert!(service("1").meta().is_controlled_by("u-r"));
    }

    #[test]
    fn a_text_is_found_by_its_way_whatever_stands_around_it() {
        let body = json!({
            "metadata": {"name": "s"},
            "spec": {"other": {"name": "x"}, "ref": {"kind": "K", "name": "a \"b\""}, "list": [{"name": "y"}], "n": 3},
            "name": "z",
        });
        let object = Object::new(SERVICE, &body).unwrap();
        for (path, expected) in [
            (&["spec", "ref", "name"][..], Some("a \"b\"")),
            (&["name"], Some("z")),
            (&["spec", "ref"], None),
            (&["spec", "ref", "nowhere"], None),
            (&["spec", "n"], None),
            (&["spec", "n", "name"], None),
            (&["spec", "list", "name"], None),
        ] {
            assert_eq!(object.text_at(path).as_deref(), expected, "{path:?}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(service("10").is_not_older_than(&service("9")));
        assert!(!service("9").is_not_older_than(&service("10")));
        assert!(service("opaque").is_not_older_than(&service("10")), "a version we cannot read is believed");
    }

    #[test]
    fn a_body_of_another_shape_is_an_error_of_that_view_only() {
        #[derive(Debug, Deserialize)]
        struct View {
            #[serde(rename = "spec")]
            _spec: Vec<String>,
        }
        let error = service("1").view::<View>().unwrap_err();
        assert!(error.to_string().starts_with("services n/s: "), "{error}");
    }

    #[test]
    fn an_owner_is_written_as_it_is_read() {
        let reference = Owner::controller_ref(SERVICE, service("1").meta());
        let expected = json!({
            "apiVersion": "v1", "kind": "Service", "name": "s", "uid": "u", "controller": true, "blockOwnerDeletion": true,
        });
        assert_eq!(reference.to_json(), expected);
        let meta = json!({"name": "t", "ownerReferences": [reference.to_json()]});
        let thing = Object::new(SERVICE, &json!({"metadata": meta})).unwrap();
        assert_eq!(thing.meta().controller(), Some(&reference));
    }

    #[test]
    fn an_object_without_a_name_is_refused() {
        let error = Object::new(SERVICE, &json!({"metadata": {}})).unwrap_err();
        assert_eq!(error.to_string(), "Service: metadata.name is missing");
    }
}
