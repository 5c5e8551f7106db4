//! Create and update, the only ways in which an object gets its content.
//!
//! Order of the rules, the same for every kind: identity (name, namespace, versions), what clients
//! may not set, pruning and defaults, validation, then the server's own fields. A write that changes
//! nothing is not written and gets no new version.

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::{Cluster, Due, Place, map_mut, seconds};
use crate::convert;
use crate::proto;
use crate::rules;
use crate::schema::FieldError;
use crate::status::{About, Refusal, cause};
use crate::store::{Key, Resource};

/// What part of an object a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status, where the kind has a status subresource.
    Main,
    /// The status alone.
    Status,
}

/// How a write is meant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteOptions {
    /// Do everything but write.
    pub(crate) dry_run: bool,
    /// Refuse fields that the kind does not have, instead of dropping them with a warning.
    pub(crate) strict: bool,
    /// The object is the outcome of a patch: what is wrong with it is the patch's fault.
    pub(crate) patch: bool,
}

/// The longest name that is tried before `generateName`'s letters: the whole has at most 63.
const GENERATED_BASE_MAX: usize = 58;

impl Cluster {
    /// Creates `object` at a place; an empty name is generated.
    pub(crate) fn create(
        &mut self,
        place: &Place,
        mut object: Value,
        options: WriteOptions,
    ) -> Result<Arc<Value>, Refusal> {
        let mut place = place.clone();
        self.identify(&mut place, &mut object, options)?;
        self.namespace_open(&place)?;
        let now = self.now();
        let uid = self.uid();
        let metadata = map_mut(&mut object, "metadata");
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"] {
            metadata.shift_remove(field);
        }
        if metadata.get("resourceVersion").is_some_and(|version| version != "") {
            return Err(Refusal::bad_request("resourceVersion should not be set on objects to be created"));
        }
        metadata.insert("uid".into(), uid.into());
        metadata.insert("creationTimestamp".into(), seconds(now).into());
        if rules::has_generation(&place.kind) {
            metadata.insert("generation".into(), 1.into());
        } else {
            metadata.shift_remove("generation");
        }
        if place.kind.status
            && let Some(fields) = object.as_object_mut()
        {
            fields.shift_remove("status");
        }
        self.prepare(&place, &mut object, None, Part::Main)?;
        if self.store.get(&place.resource, &place.key).is_some() {
            return Err(Refusal::already_exists(place.about(), &place.key.name));
        }
        rules::on_create(self, &place, &mut object)?;
        if options.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = self.store.put(&place.resource, &place.key, object);
        if stored["metadata"]["ownerReferences"].is_array() {
            self.due.push_back(Due::Dependent(place.resource.clone(), place.key.clone()));
        }
        rules::after_write(self, &place, &stored);
        self.settle();
        Ok(stored)
    }

    /// Puts `object` in place of what is there.
    pub(crate) fn update(
        &mut self,
        place: &Place,
        mut object: Value,
        part: Part,
        options: WriteOptions,
    ) -> Result<Arc<Value>, Refusal> {
        let old = self.object(place)?;
        self.same_identity(place, &old, &mut object, options)?;
        carry_over(place, &old, &mut object, part);
        self.prepare(place, &mut object, Some(&old), part)?;
        rules::on_update(self, place, &old, &mut object, part)?;
        if changed_beyond_metadata(place, &old, &object, part) && rules::has_generation(&place.kind) {
            let next = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = next.into();
        }
        object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        if object == *old {
            return Ok(old);
        }
        if options.dry_run {
            return Ok(Arc::new(object));
        }
        Ok(self.commit(place, &old, object))
    }

    /// Writes what replaces `old` and looks at what follows; the last finalizer's going removes it.
    pub(crate) fn commit(&mut self, place: &Place, old: &Value, object: Value) -> Arc<Value> {
        let going = object["metadata"]["deletionTimestamp"].is_string();
        let held = object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        let waits = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0;
        let namespace_held = place.resource == Resource::new("", "namespaces")
            && object["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        let owners_changed = old["metadata"]["ownerReferences"] != object["metadata"]["ownerReferences"];
        let stored = self.store.put(&place.resource, &place.key, object);
        if going && !held && !waits && !namespace_held {
            self.erase(&place.resource, &place.key);
        } else {
            if owners_changed {
                self.due.push_back(Due::Dependent(place.resource.clone(), place.key.clone()));
            }
            rules::after_write(self, place, &stored);
        }
        self.settle();
        stored
    }

    /// Name, namespace and kind agree with the path; a missing name is made from `generateName`.
    fn identify(
        &mut self,
        place: &mut Place,
        object: &mut Value,
        options: WriteOptions,
    ) -> Result<(), Refusal> {
        type_agrees(place, object)?;
        self.typed(place, object, options)?;
        let suffix = self.suffix();
        let metadata = map_mut(object, "metadata");
        namespace_agrees(place, metadata)?;
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let base = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default();
        let name = match (name.as_str(), base) {
            ("", "") => {
                let cause = cause::required("metadata.name", "name or generateName is required");
                return Err(self.invalid(place, "", &[cause]));
            }
            ("", base) => {
                let base: String = base.chars().take(GENERATED_BASE_MAX).collect();
                format!("{base}{suffix}")
            }
            (name, _) => name.to_owned(),
        };
        metadata.insert("name".into(), name.clone().into());
        place.key.name = name;
        Ok(())
    }

    fn same_identity(
        &mut self,
        place: &Place,
        old: &Value,
        object: &mut Value,
        options: WriteOptions,
    ) -> Result<(), Refusal> {
        type_agrees(place, object)?;
        self.typed(place, object, options)?;
        let metadata = map_mut(object, "metadata");
        namespace_agrees(place, metadata)?;
        let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
        let (name, uid, version) = (text("name"), text("uid"), text("resourceVersion"));
        if name != place.key.name {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                place.key.name
            )));
        }
        let old_uid = old["metadata"]["uid"].as_str().unwrap_or_default();
        if !uid.is_empty() && uid != old_uid {
            let detail =
                format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {old_uid}");
            return Err(Refusal::conflict(place.about(), name, &detail));
        }
        if !version.is_empty() && version != "0" && old["metadata"]["resourceVersion"] != version {
            return Err(Refusal::stale(place.about(), name));
        }
        Ok(())
    }

    /// The object has the types of its kind, and no other fields.
    fn typed(&mut self, place: &Place, object: &mut Value, options: WriteOptions) -> Result<(), Refusal> {
        let kind = &place.kind;
        let sent = if options.patch { object.to_string() } else { String::new() };
        let refuse = |why: &str| {
            if options.patch {
                return Refusal::invalid("", "", "", &[cause::invalid("patch", &sent.as_str().into(), why)]);
            }
            Refusal::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: {why}",
                kind.kind, kind.version, kind.kind
            ))
        };
        let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        let mut unknown = proto::conform(&api_version, &kind.kind, object).map_err(|why| refuse(&why))?;
        if let Some(schema) = &kind.schema {
            unknown.extend(schema.prune(object));
        }
        let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        if options.strict && !texts.is_empty() {
            return Err(refuse(&format!("strict decoding error: {}", texts.join(", "))));
        }
        self.warnings.extend(texts);
        Ok(())
    }

    /// New things need a namespace that is there and stays.
    fn namespace_open(&self, place: &Place) -> Result<(), Refusal> {
        let name = place.key.namespace.as_str();
        if name.is_empty() {
            return Ok(());
        }
        let key = Key::new("", name);
        let Some(namespace) = self.store.get(&Resource::new("", "namespaces"), &key) else {
            let about = About { group: "", plural: "namespaces" };
            return Err(Refusal::not_found(about, name));
        };
        // The namespace's last events may still be told, as in a real cluster's cleaning.
        if namespace["metadata"]["deletionTimestamp"].is_string() {
            return Err(Refusal::namespace_terminating(place.about(), &place.key.name, name));
        }
        Ok(())
    }

    /// Prunes, defaults and validates.
    fn prepare(
        &self,
        place: &Place,
        object: &mut Value,
        old: Option<&Value>,
        part: Part,
    ) -> Result<(), Refusal> {
        let mut causes = Vec::new();
        if let Some(schema) = &place.kind.schema {
            schema.default(object);
            causes.extend(match old {
                Some(old) => schema.validate_update(object, old),
                None => schema.validate(object),
            });
        }
        causes.extend(rules::scale::validate(place, object, part));
        rules::default(place, object);
        causes.extend(rules::validate(place, object, old));
        match causes.as_slice() {
            [] => Ok(()),
            causes => Err(self.invalid(place, &place.key.name, causes)),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the cluster's answer at the calls")]
    pub(crate) fn invalid(&self, place: &Place, name: &str, causes: &[FieldError]) -> Refusal {
        Refusal::invalid(&place.kind.group, &place.kind.kind, name, causes)
    }
}

fn type_agrees(place: &Place, object: &mut Value) -> Result<(), Refusal> {
    let kind = &place.kind;
    let wanted = kind.api_version();
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (have_version, have_kind) = (text("apiVersion"), text("kind"));
    if !have_version.is_empty() && have_version != wanted {
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({have_version}) does not match the expected API version \
             ({wanted})"
        )));
    }
    if !have_kind.is_empty() && have_kind != kind.kind {
        return Err(Refusal::bad_request(format!(
            "{have_kind} in version {:?} cannot be handled as a {}: the kind in the data does not \
             match the kind of the path",
            kind.version, kind.kind
        )));
    }
    // The type first, as every API answer has it.
    let mut whole = serde_json::Map::new();
    whole.insert("apiVersion".into(), wanted.into());
    whole.insert("kind".into(), kind.kind.clone().into());
    if let Value::Object(fields) = object.take() {
        whole.extend(fields.into_iter().filter(|(name, _)| name != "apiVersion" && name != "kind"));
    }
    *object = convert::to_stored(Value::Object(whole));
    map_mut(object, "metadata");
    Ok(())
}

fn namespace_agrees(place: &Place, metadata: &mut serde_json::Map<String, Value>) -> Result<(), Refusal> {
    if !place.kind.namespaced {
        metadata.shift_remove("namespace");
        return Ok(());
    }
    let have = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if !have.is_empty() && have != place.key.namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    metadata.insert("namespace".into(), place.key.namespace.clone().into());
    Ok(())
}

/// Puts back what this write may not change.
fn carry_over(place: &Place, old: &Value, object: &mut Value, part: Part) {
    if part == Part::Status {
        let annotations = object["metadata"].get("annotations").cloned();
        let custom = place.kind.custom;
        let status = object.get("status").cloned();
        let mut whole = old.clone();
        rules::set_or_remove(&mut whole, "status", status);
        if !custom && place.resource != Resource::new("", "nodes") {
            rules::set_or_remove(&mut whole["metadata"], "annotations", annotations);
        } else if !custom {
            let metadata = object["metadata"].take();
            rules::set_or_remove(&mut whole["metadata"], "annotations", annotations);
            rules::set_or_remove(&mut whole["metadata"], "labels", metadata.get("labels").cloned());
        }
        *object = whole;
        return;
    }
    for field in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    ] {
        let value = old["metadata"].get(field).cloned();
        rules::set_or_remove(&mut object["metadata"], field, value);
    }
    if place.kind.status {
        rules::set_or_remove(object, "status", old.get("status").cloned());
    }
}

/// Whether the wanted state differs, which is what `metadata.generation` counts.
fn changed_beyond_metadata(place: &Place, old: &Value, object: &Value, part: Part) -> bool {
    if part == Part::Status {
        return false;
    }
    let counts = |name: &str| {
        !(matches!(name, "metadata" | "apiVersion" | "kind") || place.kind.status && name == "status")
    };
    let rest =
        |value: &Value| value.as_object().into_iter().flatten().filter(|(name, _)| counts(name)).count();
    let same = |(name, value): (&String, &Value)| !counts(name) || object.get(name) == Some(value);
    rest(old) != rest(object) || !old.as_object().into_iter().flatten().all(same)
}
