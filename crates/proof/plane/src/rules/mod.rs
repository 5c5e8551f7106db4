//! What is particular to a kind: defaults, validation, and what a write of it sets off.

mod defaults;
mod definition;
mod pod;
pub(crate) mod scale;
mod selector;
mod service;
mod validate;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Place};
use crate::kinds::KindInfo;
use crate::status::Refusal;
use crate::store::{Key, Resource};
use crate::verbs::write::{Part, WriteOptions};

pub(crate) use defaults::default;
pub(crate) use pod::{bind, evict, grace_seconds};
pub(crate) use validate::validate;

/// Whether `metadata.generation` counts the changes of this kind's spec.
pub(crate) fn has_generation(kind: &KindInfo) -> bool {
    kind.custom
        || matches!(
            (kind.group.as_str(), kind.plural.as_str()),
            ("", "pods")
                | ("apps" | "networking.k8s.io" | "policy" | "discovery.k8s.io" | "apiextensions.k8s.io", _)
        )
}

/// Whether a group is one of Kubernetes' own.
pub(crate) fn is_built_in_group(group: &str) -> bool {
    matches!(group, "" | "apps" | "autoscaling" | "batch" | "policy") || group.ends_with(".k8s.io")
}

/// Sets a field, or removes it when there is no value.
pub(crate) fn set_or_remove(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) if !value.is_null() => {
            fields.insert(field.to_owned(), value);
        }
        _ => {
            fields.shift_remove(field);
        }
    }
}

/// What a new object gets from the server, after it is known to be valid and its name free.
pub(crate) fn on_create(cluster: &mut Cluster, place: &Place, object: &mut Value) -> Result<(), Refusal> {
    match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("", "services") => service::allocate(cluster, place, None, object),
        ("", "namespaces") => {
            object["spec"] = json!({ "finalizers": ["kubernetes"] });
            object["status"] = json!({ "phase": "Active" });
            Ok(())
        }
        ("", "pods") => {
            pod::pending(object);
            Ok(())
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition::accept(cluster, place, object),
        _ => Ok(()),
    }
}

/// What an update may not do, or brings with it.
pub(crate) fn on_update(
    cluster: &mut Cluster,
    place: &Place,
    old: &Value,
    object: &mut Value,
    part: Part,
) -> Result<(), Refusal> {
    match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("", "services") if part == Part::Main => service::allocate(cluster, place, Some(old), object),
        ("apiextensions.k8s.io", "customresourcedefinitions") if part == Part::Main => {
            definition::accept(cluster, place, object)
        }
        _ => Ok(()),
    }
}

/// What follows from a written object.
pub(crate) fn after_write(cluster: &mut Cluster, place: &Place, object: &Value) {
    match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            definition::serve(cluster, object);
        }
        ("", "namespaces") if object["metadata"]["deletionTimestamp"].is_null() => {
            service_account(cluster, &place.key.name);
            root_certificate(cluster, &place.key.name);
        }
        ("", "events") => forget_old_events(cluster),
        _ => {}
    }
}

/// What follows from an object's going.
pub(crate) fn after_erase(cluster: &mut Cluster, resource: &Resource, last: &Value) {
    if *resource == Resource::new("apiextensions.k8s.io", "customresourcedefinitions") {
        definition::withdraw(cluster, last);
    }
}

/// What may not be deleted.
pub(crate) fn on_delete(place: &Place) -> Result<(), Refusal> {
    let kept = place.resource == Resource::new("", "namespaces")
        && matches!(place.key.name.as_str(), "default" | "kube-system" | "kube-public");
    if kept {
        Err(Refusal::forbidden(place.about(), &place.key.name, "this namespace may not be deleted"))
    } else {
        Ok(())
    }
}

/// Each namespace has a `default` ServiceAccount, which pods run as.
fn service_account(cluster: &mut Cluster, namespace: &str) {
    let Some(kind) = cluster.registry.find("", "v1", "serviceaccounts") else { return };
    let place = Place::new(kind, Key::new(namespace, "default"));
    if cluster.store.get(&place.resource, &place.key).is_some() {
        return;
    }
    let object = json!({ "metadata": { "name": "default", "namespace": namespace } });
    if let Err(refusal) = cluster.create(&place, object, WriteOptions::default()) {
        tracing::error!(message = refusal.message, "the default ServiceAccount was refused");
    }
}

/// Each namespace has the certificate of the API, for pods that speak to it; without a socket there is none.
pub(crate) fn root_certificate(cluster: &mut Cluster, namespace: &str) {
    let Some(certificate) = cluster.authority.clone() else { return };
    let Some(kind) = cluster.registry.find("", "v1", "configmaps") else { return };
    let place = Place::new(kind, Key::new(namespace, "kube-root-ca.crt"));
    let object = json!({
        "metadata": { "name": "kube-root-ca.crt", "namespace": namespace },
        "data": { "ca.crt": certificate },
    });
    let options = WriteOptions::default();
    let written = match cluster.object(&place) {
        Ok(old) if old["data"]["ca.crt"] == *certificate => return,
        Ok(_) => cluster.update(&place, object, Part::Main, options),
        Err(_) => cluster.create(&place, object, options),
    };
    if let Err(refusal) = written {
        tracing::error!(message = refusal.message, "the root certificate was refused");
    }
}

/// Events live for a while only. They are looked at when one is written, so that nothing runs at
/// rest.
fn forget_old_events(cluster: &mut Cluster) {
    let resource = Resource::new("", "events");
    let Ok(limit) = cluster.now().checked_sub(cluster.options.event_ttl) else { return };
    let limit = crate::cluster::seconds(limit);
    let written = |event: &Value| {
        let of = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let created = event["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        of("lastTimestamp").max(created.to_owned())
    };
    // Events are told apart by name, so this walks them all; a plane has a few thousand at most.
    let old: Vec<Key> = cluster
        .store
        .list(&resource, "")
        .filter(|(_, event)| written(event) < limit)
        .map(|(key, _)| key.clone())
        .collect();
    for key in old {
        cluster.erase(&resource, &key);
    }
}
