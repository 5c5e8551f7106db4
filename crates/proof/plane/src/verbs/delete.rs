//! Delete: at once, or marked and waiting for finalizers, grace or dependents.

use std::sync::Arc;

use jiff::ToSpan as _;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Due, Place, map_mut, seconds};
use crate::rules;
use crate::status::Refusal;
use crate::store::{Key, Resource};

/// The finalizer of an owner that waits for its dependents.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose dependents are to be kept.
pub(crate) const ORPHAN: &str = "orphan";
/// The finalizer of a definition whose objects go first.
pub(crate) const DEFINITION: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They stay and lose the owner.
    Orphan,
    /// The owner goes at once, they follow.
    Background,
    /// They go first.
    Foreground,
}

/// The options of a delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace_seconds: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// Reads `DeleteOptions`.
    pub(crate) fn read(options: &Value, dry_run: bool) -> Result<DeleteOptions, Refusal> {
        let policy = options["propagationPolicy"].as_str();
        let orphan = options["orphanDependents"].as_bool();
        if policy.is_some() && orphan.is_some() {
            return Err(Refusal::bad_request("orphanDependents and deletionPropagation cannot be both set"));
        }
        let propagation = match (policy, orphan) {
            (Some("Orphan"), _) | (_, Some(true)) => Some(Propagation::Orphan),
            (Some("Background"), _) | (_, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some(other), _) => {
                return Err(Refusal::unprocessable(format!(
                    "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported \
                     value: {other:?}: supported values: \"Foreground\", \"Background\", \
                     \"Orphan\", \"nil\""
                )));
            }
            (None, None) => None,
        };
        let text = |field: &str| options["preconditions"][field].as_str().map(str::to_owned);
        let dry = options["dryRun"].as_array().is_some_and(|all| all.iter().any(|v| v == "All"));
        Ok(DeleteOptions {
            grace_seconds: options["gracePeriodSeconds"].as_i64(),
            propagation,
            uid: text("uid"),
            version: text("resourceVersion"),
            dry_run: dry_run || dry,
        })
    }
}

/// What a delete came to.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object is gone; this is its last state.
    Gone(Arc<Value>),
    /// The object waits for something.
    Waiting(Arc<Value>),
}

impl Cluster {
    /// Deletes one object and settles what follows.
    pub(crate) fn delete(&mut self, place: &Place, options: &DeleteOptions) -> Result<Deleted, Refusal> {
        let old = self.object(place)?;
        preconditions(place, &old, options)?;
        rules::on_delete(place)?;
        if options.dry_run {
            return Ok(Deleted::Gone(old));
        }
        let deleted = self.begin_delete(place, &old, options);
        self.settle();
        // What settling finished is gone by now, but the answer shows the wait, as in a cluster
        // whose collector is a moment behind.
        Ok(deleted)
    }

    /// Marks or erases, without settling.
    pub(crate) fn begin_delete(
        &mut self,
        place: &Place,
        old: &Arc<Value>,
        options: &DeleteOptions,
    ) -> Deleted {
        let grace = rules::grace_seconds(place, old, options.grace_seconds);
        let finalizers = finalizers_after(place, old, options.propagation);
        let namespace = place.resource == Resource::new("", "namespaces");
        let held = !finalizers.is_empty()
            || (namespace && old["spec"]["finalizers"].as_array().is_some_and(|a| !a.is_empty()));
        if !held && grace == 0 {
            self.erase(&place.resource, &place.key).map_or_else(|| Deleted::Gone(old.clone()), Deleted::Gone)
        } else {
            let marked = self.mark(place, old, finalizers, grace);
            Deleted::Waiting(self.commit_mark(place, old, marked))
        }
    }

    fn mark(&self, place: &Place, old: &Value, finalizers: Vec<Value>, grace: i64) -> Value {
        let mut object = old.clone();
        let metadata = map_mut(&mut object, "metadata");
        let before = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
        if before.is_none_or(|before| grace < before) {
            let at = self.now().checked_add(grace.seconds()).unwrap_or_else(|_| self.now());
            metadata.insert("deletionTimestamp".into(), seconds(at).into());
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
            if let Some(generation) = metadata.get("generation").and_then(Value::as_i64) {
                metadata.insert("generation".into(), (generation + 1).into());
            }
        }
        if finalizers.is_empty() {
            metadata.shift_remove("finalizers")
        } else {
            metadata.insert("finalizers".into(), finalizers.into())
        };
        if place.resource == Resource::new("", "namespaces") {
            object["status"]["phase"] = "Terminating".into();
        }
        object
    }

    fn commit_mark(&mut self, place: &Place, old: &Value, object: Value) -> Arc<Value> {
        if object == *old {
            return Arc::new(object);
        }
        let stored = self.store.put(&place.resource, &place.key, object);
        let (resource, key) = (place.resource.clone(), place.key.clone());
        if resource == Resource::new("", "namespaces") {
            self.due.push_back(Due::Namespace(key.name.clone()));
        }
        if resource == Resource::new("apiextensions.k8s.io", "customresourcedefinitions") {
            self.due.push_back(Due::Definition(key.clone()));
        }
        self.due.push_back(Due::Owner(resource, key));
        stored
    }

    /// Removes an object from the store and notes what follows from its absence.
    pub(crate) fn erase(&mut self, resource: &Resource, key: &Key) -> Option<Arc<Value>> {
        let last = self.store.remove(resource, key)?;
        if let Some(uid) = last["metadata"]["uid"].as_str() {
            for (resource, key) in self.store.dependents(uid) {
                self.due.push_back(Due::Dependent(resource, key));
            }
        }
        for owner in last["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            if let Some((resource, key)) = self.store.find_uid(owner["uid"].as_str().unwrap_or("")) {
                self.due.push_back(Due::Owner(resource.clone(), key.clone()));
            }
        }
        if !key.namespace.is_empty() {
            self.due.push_back(Due::Namespace(key.namespace.clone()));
        }
        if !resource.group.is_empty() {
            let name = format!("{}.{}", resource.plural, resource.group);
            self.due.push_back(Due::Definition(Key::new("", name)));
        }
        rules::after_erase(self, resource, &last);
        Some(last)
    }
}

fn preconditions(place: &Place, old: &Value, options: &DeleteOptions) -> Result<(), Refusal> {
    let metadata = &old["metadata"];
    let refuse = |what: &str, wanted: &str, have: &Value, hint: &str| {
        let have = have.as_str().unwrap_or_default();
        let detail = format!(
            "the {what} in the precondition ({wanted}) does not match the {what} in record \
             ({have}). {hint}"
        );
        Err(Refusal::conflict(place.about(), &place.key.name, &detail))
    };
    if let Some(uid) = &options.uid
        && metadata["uid"] != **uid
    {
        let hint = "The object might have been deleted and then recreated";
        return refuse("UID", uid, &metadata["uid"], hint);
    }
    if let Some(version) = &options.version
        && metadata["resourceVersion"] != **version
    {
        let hint = "The object might have been modified";
        return refuse("ResourceVersion", version, &metadata["resourceVersion"], hint);
    }
    Ok(())
}

/// The finalizers that the object has once it is marked.
fn finalizers_after(place: &Place, old: &Value, wanted: Option<Propagation>) -> Vec<Value> {
    let have = old["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let mut after: Vec<Value> = match wanted {
        None => have,
        Some(_) => have.into_iter().filter(|one| one != ORPHAN && one != FOREGROUND).collect(),
    };
    let add = match wanted {
        Some(Propagation::Orphan) => Some(ORPHAN),
        Some(Propagation::Foreground) => Some(FOREGROUND),
        Some(Propagation::Background) | None => None,
    };
    after.extend(add.map(|finalizer| json!(finalizer)));
    let definitions = Resource::new("apiextensions.k8s.io", "customresourcedefinitions");
    if place.resource == definitions && !after.iter().any(|one| one == DEFINITION) {
        after.push(DEFINITION.into());
    }
    after
}
