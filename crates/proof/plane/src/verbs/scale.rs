//! The scale subresource: the same small object for every kind that can be scaled.

use std::sync::Arc;

use serde_json::{Value, json};

use super::write::{Part, WriteOptions};
use crate::cluster::{Cluster, Place};
use crate::status::{Refusal, cause};

impl Cluster {
    /// The `Scale` of an object.
    pub(crate) fn scale(&self, place: &Place) -> Result<Value, Refusal> {
        scale_of(place, &self.object(place)?)
    }

    /// The `Scale` that is read: unlike one that is written, it must say how many replicas there are to be.
    pub(crate) fn read_scale(&self, place: &Place) -> Result<Value, Refusal> {
        let scale = self.scale(place)?;
        match &place.kind.scale {
            Some(paths) if scale["spec"]["replicas"].is_null() => {
                Err(Refusal::internal(format!("the spec replicas field {:?} does not exist", paths.spec)))
            }
            _ => Ok(scale),
        }
    }

    /// Writes the replicas of a `Scale`.
    pub(crate) fn set_scale(
        &mut self,
        place: &Place,
        scale: &Value,
        options: WriteOptions,
    ) -> Result<Value, Refusal> {
        let old = self.object(place)?;
        let Some(paths) = &place.kind.scale else { return Err(Refusal::no_such_resource()) };
        let replicas = match &scale["spec"]["replicas"] {
            Value::Null => 0,
            value => value.as_i64().ok_or_else(|| {
                Refusal::bad_request(format!("spec.replicas: Invalid value: {value}: not a number"))
            })?,
        };
        // A custom resource is refused as a whole, when it is written below.
        if replicas < 0 && !place.kind.custom {
            let cause =
                cause::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0");
            return Err(Refusal::invalid("autoscaling", "Scale", &place.key.name, &[cause]));
        }
        let mut object = Value::clone(&old);
        let version = &scale["metadata"]["resourceVersion"];
        if version.is_string() && *version != "" {
            object["metadata"]["resourceVersion"] = version.clone();
        }
        let uid = &scale["metadata"]["uid"];
        if uid.is_string() {
            object["metadata"]["uid"] = uid.clone();
        }
        object["apiVersion"] = place.kind.api_version().into();
        set_path(&mut object, &paths.spec, replicas.into());
        let written = self.update(place, object, Part::Main, options)?;
        scale_of(place, &written)
    }
}

/// The `Scale` that an object shows.
fn scale_of(place: &Place, object: &Arc<Value>) -> Result<Value, Refusal> {
    let Some(paths) = &place.kind.scale else { return Err(Refusal::no_such_resource()) };
    let metadata = &object["metadata"];
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {},
        "status": { "replicas": 0 },
    });
    if let Some(replicas) = get_path(object, &paths.spec).as_i64() {
        scale["spec"]["replicas"] = replicas.into();
    }
    if let Some(replicas) = get_path(object, &paths.status).as_i64() {
        scale["status"]["replicas"] = replicas.into();
    }
    let selector = match paths.selector.as_deref().map(|path| get_path(object, path)) {
        Some(object) if object.is_object() => selector_text(object).into(),
        Some(text) => text.clone(),
        None => Value::Null,
    };
    if selector.as_str().is_some_and(|text| !text.is_empty()) {
        scale["status"]["selector"] = selector;
    }
    Ok(scale)
}

fn get_path<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.trim_start_matches('.').split('.').fold(object, |value, part| &value[part])
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let parts: Vec<&str> = path.trim_start_matches('.').split('.').collect();
    if let Some((last, parents)) = parts.split_last() {
        let mut at = object;
        for part in parents {
            crate::cluster::map_mut(at, part);
            at = &mut at[*part];
        }
        at[*last] = value;
    }
}

/// A `LabelSelector` object in the language of queries, keys sorted as Kubernetes does.
fn selector_text(selector: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for one in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = one["key"].as_str().unwrap_or_default();
        let values = one["values"].as_array().into_iter().flatten();
        let mut values: Vec<&str> = values.filter_map(Value::as_str).collect();
        values.sort_unstable();
        parts.push(match one["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort_unstable();
    parts.join(",")
}
