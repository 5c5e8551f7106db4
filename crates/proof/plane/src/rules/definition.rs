//! `CustomResourceDefinition`s: a kind is served from the moment its definition is accepted, and
//! until the last of its objects is gone.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Place, seconds};
use crate::kinds;
use crate::status::{Refusal, cause};
use crate::store::Resource;

/// Reads a definition, fills in what the server owes it, and refuses one that cannot be served.
pub(super) fn accept(cluster: &Cluster, place: &Place, object: &mut Value) -> Result<(), Refusal> {
    let refuse = |field: &str, detail: &str, value: &Value| {
        let cause = cause::invalid(field, value, detail);
        Err(cluster.invalid(place, &place.key.name, &[cause]))
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["spec"]["group"]);
    let plural = text(&object["spec"]["names"]["plural"]);
    let kind = text(&object["spec"]["names"]["kind"]);
    for (field, value) in [("spec.group", &group), ("spec.names.plural", &plural), ("spec.names.kind", &kind)]
    {
        if value.is_empty() {
            let cause = cause::required(field, "");
            return Err(cluster.invalid(place, &place.key.name, &[cause]));
        }
    }
    if place.key.name != format!("{plural}.{group}") {
        let name = Value::from(place.key.name.clone());
        return refuse("metadata.name", "must be spec.names.plural+\".\"+spec.group", &name);
    }
    let built_in = cluster
        .registry
        .any_version(&Resource::new(group.clone(), plural.clone()))
        .is_some_and(|found| super::is_built_in_group(&found.group));
    if built_in {
        return refuse("spec.group", "this kind is built in", &group.into());
    }
    let names = &mut object["spec"]["names"];
    for (field, value) in [("singular", kind.to_lowercase()), ("listKind", kind + "List")] {
        if names[field].as_str().unwrap_or_default().is_empty() {
            names[field] = value.into();
        }
    }
    if object["spec"]["conversion"].is_null() {
        object["spec"]["conversion"] = json!({ "strategy": "None" });
    }
    if object["spec"]["conversion"]["strategy"] == "Webhook" {
        let detail = "conversion by web hook is not served by this embedded Kubernetes API";
        return refuse("spec.conversion.strategy", detail, &json!("Webhook"));
    }
    if let Err(errors) = kinds::from_crd(object) {
        return Err(cluster.invalid(place, &place.key.name, &errors));
    }
    status(cluster, object);
    Ok(())
}

fn status(cluster: &Cluster, object: &mut Value) {
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let storage: Vec<Value> = versions
        .filter(|version| version["storage"] == Value::Bool(true))
        .map(|version| version["name"].clone())
        .collect();
    let now = seconds(cluster.now());
    let condition = |kind: &str, reason: &str, message: &str| {
        let had = object["status"]["conditions"].as_array().into_iter().flatten();
        let since = had
            .into_iter()
            .find(|one| one["type"] == kind)
            .map_or_else(|| json!(now), |one| one["lastTransitionTime"].clone());
        json!({
            "lastTransitionTime": since, "message": message, "reason": reason, "status": "True",
            "type": kind,
        })
    };
    let conditions = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]);
    object["status"] = json!({
        "conditions": conditions, "acceptedNames": object["spec"]["names"],
        "storedVersions": storage,
    });
}

/// Serves the kinds of a definition.
pub(super) fn serve(cluster: &mut Cluster, object: &Value) {
    match kinds::from_crd(object) {
        Ok(all) => {
            cluster.registry.remove(&resource_of(object));
            for kind in all {
                cluster.registry.add(kind);
            }
        }
        Err(errors) => tracing::error!(?errors, "an accepted definition cannot be read"),
    }
}

/// Stops serving the kinds of a definition.
pub(super) fn withdraw(cluster: &mut Cluster, object: &Value) {
    cluster.registry.remove(&resource_of(object));
}

fn resource_of(object: &Value) -> Resource {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Resource::new(text(&object["spec"]["group"]), text(&object["spec"]["names"]["plural"]))
}
