//! An object as it must be, and the one write that makes it so.
//!
//! Held: a write applied to what was observed gives what is wanted, after which nothing is written. What controllers and
//! people put on an object that is not ours stays; an object that is ours has what is wanted and nothing else.
//!
//! A field that is absent and one that holds nothing (`0`, `""`, `false`, an empty list) are the same, and what an API server fills
//! in by itself is no difference: either would otherwise be written again and again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_api::diff::merge_diff;
use serin_kernel::{Change, Key, LAST_APPLIED, Meta, Object, Observed, Write};

use crate::{Error, Front, cursor::named, front::Metadata};

/// How long a specification may be that is kept in an annotation: annotations together may have 256 KiB, and users' own
/// must fit beside it.
const ORIGINAL_LENGTH_MAX: usize = 192 * 1024;

/// An object as it must be.
#[derive(Clone, Debug)]
pub struct Wanted {
    key: Key,
    metadata: Dress,
    /// Fields beside the metadata, such as `spec`.
    body: Map<String, Value>,
    /// Whether only the fields inside `body`'s fields are ours, each whole.
    parts: bool,
    /// What the object has from its making and is not looked after.
    first: First,
    /// Whether somebody else's specification is about to be replaced, which is to be kept for later.
    adopting: bool,
    /// Whether an API server fills a field in by itself.
    is_default: fn(&str, &Value) -> bool,
}

/// Labels and annotations as they must be.
#[derive(Clone, Debug, Default)]
struct Dress {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// Whether others' labels go, if the object is ours.
    strict_labels: bool,
    /// Whether others' annotations go, if the object is ours.
    strict_annotations: bool,
    /// Annotations that must not be there.
    dropped: Vec<String>,
    standing: Standing,
}

/// Whose an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// The owner's, if it controls it.
    #[default]
    Owned,
    /// Ours, although nothing says so: it has no namespace, and no owner in one.
    Ours,
    /// A user's for good.
    Users,
}

/// What an object has from its making.
#[derive(Clone, Debug, Default)]
struct First {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    spec: Map<String, Value>,
}

impl Wanted {
    /// An object of `front` with `spec`, controlled by its owner, whose labels and annotations nobody minds.
    pub(crate) fn new(key: Key, spec: Value) -> Self {
        let body = Map::from_iter([("spec".to_owned(), compact(spec))]);
        Self {
            key,
            metadata: Dress::default(),
            body,
            parts: false,
            first: First::default(),
            adopting: false,
            is_default: |_, _| false,
        }
    }

    /// Has these labels and annotations and, if it is ours, no others.
    pub(crate) fn dressed(
        mut self,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        self.metadata =
            Dress { labels, annotations, strict_labels: true, strict_annotations: true, ..self.metadata };
        self
    }

    /// Has the labels and annotations of the apex.
    ///
    /// Where users asked for any, the label that tells the apex Service is among them.
    pub(crate) fn dressed_as_apex(self, front: &Front) -> Self {
        let mut labels = front.metadata.labels.clone();
        if front.metadata != Metadata::default() && !front.selector.key.is_empty() {
            labels.insert(front.selector.key.clone(), front.apex.clone());
        }
        self.dressed(labels, front.annotations())
    }

    /// Keeps annotations that others made.
    pub(crate) fn sharing_annotations(mut self) -> Self {
        self.metadata.strict_annotations = false;
        self
    }

    /// Keeps labels that others made.
    pub(crate) fn sharing_labels(mut self) -> Self {
        self.metadata.strict_labels = false;
        self
    }

    /// Must not have these annotations.
    pub(crate) fn without(mut self, annotations: Vec<String>) -> Self {
        self.metadata.dropped = annotations;
        self
    }

    /// Is ours without an owner: its kind belongs to the whole cluster.
    pub(crate) fn in_cluster(mut self) -> Self {
        self.metadata.standing = Standing::Ours;
        self
    }

    /// Is its user's, whoever controls it.
    pub(crate) fn of_user(mut self) -> Self {
        self.metadata.standing = Standing::Users;
        self
    }

    /// Only the fields inside its specification that are named are ours.
    pub(crate) fn in_parts(mut self) -> Self {
        self.parts = true;
        self
    }

    /// Has another field beside its specification.
    pub(crate) fn with_field(mut self, field: &str, value: Value) -> Self {
        self.body.insert(field.to_owned(), value);
        self
    }

    /// Is made with these labels and annotations, which are not looked after later.
    pub(crate) fn made_with(
        mut self,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        self.first.labels = labels;
        self.first.annotations = annotations;
        self
    }

    /// Is made with these fields in its specification, which are not looked after later.
    pub(crate) fn made_with_spec(mut self, fields: Map<String, Value>) -> Self {
        self.first.spec = fields;
        self
    }

    /// Keeps what somebody else's object was before, if `adopting`.
    pub(crate) fn adopting(mut self, adopting: bool) -> Self {
        self.adopting = adopting;
        self
    }

    /// Takes fields for which `is_default` holds as filled in by an API server.
    pub(crate) fn with_defaults(mut self, is_default: fn(&str, &Value) -> bool) -> Self {
        self.is_default = is_default;
        self
    }

    /// Which object it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The write that makes it so; none when it is.
    ///
    /// # Errors
    /// When what an adopted object was before cannot be kept.
    pub fn write(&self, front: &Front, observed: &Observed) -> Result<Option<Write>, Error> {
        match observed.get(&self.key) {
            None => Ok(Some(Write::new(self.key.clone(), Change::Create(self.made(front))))),
            Some(existing) => {
                let patch = self.patch(front, existing)?;
                Ok(patch.map(|patch| Write::unchanged(existing, Change::Merge(patch))))
            }
        }
    }

    /// The whole object, to be created.
    fn made(&self, front: &Front) -> Value {
        let both = |first: &BTreeMap<String, String>, always: &BTreeMap<String, String>| {
            let mut both = first.clone();
            both.extend(always.clone());
            both
        };
        let owner = front
            .owner
            .as_ref()
            .filter(|_| self.metadata.standing == Standing::Owned)
            .map(|owner| [owner.to_json()]);
        let mut object = json!({
            "apiVersion": self.key.kind.api_version(),
            "kind": self.key.kind.kind,
            "metadata": compact(json!({
                "name": self.key.name,
                "namespace": Some(&self.key.namespace).filter(|namespace| !namespace.is_empty()),
                "labels": filled(both(&self.first.labels, &self.metadata.labels)),
                "annotations": filled(both(&self.first.annotations, &self.metadata.annotations)),
                "ownerReferences": owner,
            })),
        });
        for (field, value) in &self.body {
            object[field] = value.clone();
        }
        for (field, value) in &self.first.spec {
            object["spec"][field] = value.clone();
        }
        object
    }

    /// The change of an existing object; none when it is as wanted.
    fn patch(&self, front: &Front, existing: &Object) -> Result<Option<Value>, Error> {
        let live = existing.value();
        let ours = match self.metadata.standing {
            Standing::Owned => is_ours(front, existing.meta()),
            Standing::Ours => true,
            Standing::Users => false,
        };
        let mut patch = Map::new();
        for (field, wanted) in &self.body {
            let before = live.get(field).unwrap_or(&Value::Null);
            patch.extend(self.difference(before, wanted).map(|change| (field.clone(), change)));
        }
        let changed = !patch.is_empty();
        let mut annotations = self.metadata.annotations.clone();
        if changed && self.adopting && !ours {
            annotations.extend(self.original(front, existing, &live)?);
        }
        let metadata = self.metadata.patch(&annotations, existing.meta(), ours, &front.marks.original);
        patch.extend(metadata.map(|metadata| ("metadata".to_owned(), metadata)));
        Ok((!patch.is_empty()).then_some(Value::Object(patch)))
    }

    fn difference(&self, before: &Value, wanted: &Value) -> Option<Value> {
        let (true, Some(parts)) = (self.parts, wanted.as_object()) else {
            let whole = || merge_diff(before, &with_defaults(before, wanted, self.is_default));
            return differs(before, wanted, self.is_default).then(whole).flatten();
        };
        let mut patch = Map::new();
        for (field, wanted) in parts {
            let before = before.get(field).unwrap_or(&Value::Null);
            if differs(before, wanted, self.is_default) {
                patch.extend(merge_diff(before, wanted).map(|change| (field.clone(), change)));
            }
        }
        (!patch.is_empty()).then_some(Value::Object(patch))
    }

    /// The annotation that keeps what an adopted object was before. kubectl keeps it too, where its user applied the object,
    /// and newer; what was kept once is never replaced, or it would in the end hold what is wanted here.
    fn original(
        &self,
        front: &Front,
        existing: &Object,
        live: &Value,
    ) -> Result<Option<(String, String)>, Error> {
        let annotations = &existing.meta().annotations;
        let mark = &front.marks.original;
        if mark.is_empty() || annotations.contains_key(mark) || annotations.contains_key(LAST_APPLIED) {
            return Ok(None);
        }
        let text = live.get("spec").unwrap_or(&Value::Null).to_string();
        if ORIGINAL_LENGTH_MAX < text.len() {
            return Err(Error::Malformed {
                object: named(&self.key),
                field: "spec".to_owned(),
                problem: "is too long to be kept and brought back later: shorten it, or delete the object"
                    .to_owned(),
            });
        }
        Ok(Some((mark.clone(), text)))
    }
}

impl Dress {
    /// The change of labels and annotations.
    fn patch(
        &self,
        annotations: &BTreeMap<String, String>,
        live: &Meta,
        ours: bool,
        original: &str,
    ) -> Option<Value> {
        let change = |wanted: &BTreeMap<String, String>, live: &BTreeMap<String, String>, strict: bool| {
            let mut change = Map::new();
            let goes = |key: &String| {
                let foreign = strict && ours && key != LAST_APPLIED && key != original;
                self.dropped.contains(key) || (foreign && !wanted.contains_key(key))
            };
            let gone = live.keys().filter(|key| goes(key));
            change.extend(gone.map(|key| (key.clone(), Value::Null)));
            let new = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
            change.extend(new.map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
            (!change.is_empty()).then_some(Value::Object(change))
        };
        let labels = change(&self.labels, &live.labels, self.strict_labels);
        let annotations = change(annotations, &live.annotations, self.strict_annotations);
        let fields = [("labels", labels), ("annotations", annotations)];
        let patch: Map<String, Value> =
            fields.into_iter().filter_map(|(field, change)| Some((field.to_owned(), change?))).collect();
        (!patch.is_empty()).then_some(Value::Object(patch))
    }
}

/// Whether the owner of the front controls an object.
pub(crate) fn is_ours(front: &Front, meta: &Meta) -> bool {
    front.owner.as_ref().is_some_and(|owner| meta.is_controlled_by(&owner.uid))
}

/// A value without fields that are null, at any depth.
pub(crate) fn compact(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(field, value)| (field, compact(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(compact).collect()),
        other => other,
    }
}

/// A value, unless it is 0: how routers write weights whose controllers leave nothing out but zero.
pub(crate) fn unless_zero(weight: u32) -> Option<u32> {
    Some(weight).filter(|weight| *weight != 0)
}

/// A collection, unless it is empty.
pub(crate) fn filled<T: serde::Serialize + IntoIterator>(values: T) -> Option<Value>
where
    for<'a> &'a T: IntoIterator,
{
    let is_empty = (&values).into_iter().next().is_none();
    (!is_empty).then(|| json!(values))
}

/// What is wanted, with what an API server has filled in.
fn with_defaults(live: &Value, wanted: &Value, is_default: fn(&str, &Value) -> bool) -> Value {
    let (Value::Object(live), Value::Object(wanted)) = (live, wanted) else { return wanted.clone() };
    let mut both = wanted.clone();
    let defaults =
        live.iter().filter(|(field, value)| !wanted.contains_key(*field) && is_default(field, value));
    both.extend(defaults.map(|(field, value)| (field.clone(), value.clone())));
    Value::Object(both)
}

/// Whether `live` is not what is wanted.
fn differs(live: &Value, wanted: &Value, is_default: fn(&str, &Value) -> bool) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            let changed = |(field, wanted): (&String, &Value)| {
                differs(live.get(field).unwrap_or(&Value::Null), wanted, is_default)
            };
            let is_extra = |(field, value): (&String, &Value)| {
                !wanted.contains_key(field) && !is_nothing(value) && !is_default(field, value)
            };
            wanted.iter().any(changed) || live.iter().any(is_extra)
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() != wanted.len()
                || live.iter().zip(wanted).any(|(live, wanted)| differs(live, wanted, is_default))
        }
        (Value::Number(live), Value::Number(wanted)) => live != wanted && live.as_f64() != wanted.as_f64(),
        _ => live != wanted && !(is_nothing(live) && is_nothing(wanted)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        // That a field is there at all is what it says.
        Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_nothing_is_the_same_as_what_is_absent() {
        let is_default = |field: &str, value: &Value| field == "kind" && value == "Service";
        for (live, wanted, expected) in [
            (json!({}), json!({"weight": 0}), false),
            (json!({"weight": 0, "websocket": false, "note": ""}), json!({}), false),
            (json!({"weight": 1}), json!({"weight": 0}), true),
            (json!({"weight": 50.0}), json!({"weight": 50}), false),
            (json!({"kind": "Service", "name": "a"}), json!({"name": "a"}), false),
            (json!({"kind": "Other", "name": "a"}), json!({"name": "a"}), true),
            (json!({"list": [1, 2]}), json!({"list": [1]}), true),
            (json!({"list": [{"a": 0}]}), json!({"list": [{}]}), false),
            (json!({"roundRobin": {}}), json!({"random": {}}), true),
            (json!({"list": []}), json!({}), false),
            (json!("text"), json!({"a": 1}), true),
            (json!(null), json!({"a": 1}), true),
            (json!({"add": {"x": "1", "y": "2"}}), json!({"add": {"x": "1"}}), true),
        ] {
            assert_eq!(differs(&live, &wanted, is_default), expected, "{live} {wanted}");
        }
    }
}
