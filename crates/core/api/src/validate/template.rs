//! `spec.template`: what the API server would refuse in the ReplicaSet, said before it is made.
//!
//! Not all of Kubernetes' rules: the ones whose breach is common. The rest is refused by the API server when the
//! ReplicaSet is created, which is reported as `ReplicaSetCreateError`. Paths and texts are the API server's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serin_lang::{names, quantity::Quantity};

use super::field::{ErrorKind, Errors};
use crate::{meta::LabelSelector, network::PORT_MAX};

/// Bytes of all annotations of an object; the API server's limit.
const ANNOTATIONS_MAX: usize = 262_144;

pub(super) fn check(template: &Value, selector: Option<&LabelSelector>, errors: &mut Errors) {
    let labels = texts(&template["metadata"]["labels"]);
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()).and_then(LabelSelector::selector)
        && !selector.matches(&labels)
    {
        let detail = "`selector` does not match template `labels`";
        let found = template["metadata"]["labels"].clone();
        errors.invalid("spec.template.metadata.labels", found, detail);
    }
    for (key, value) in &labels {
        errors.all_invalid("spec.template.labels", key, names::qualified(key));
        errors.all_invalid("spec.template.labels", value, names::label_value(value));
    }
    annotations(&template["metadata"]["annotations"], errors);
    pod(&template["spec"], errors);
}

/// The pairs whose value is a text.
fn texts(map: &Value) -> BTreeMap<String, String> {
    let fields = map.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn annotations(map: &Value, errors: &mut Errors) {
    let mut total = 0;
    for (key, value) in texts(map) {
        total += key.len() + value.len();
        errors.all_invalid("spec.template.annotations", &key, names::qualified(&key.to_lowercase()));
    }
    if ANNOTATIONS_MAX < total {
        let detail = format!("may not be more than {ANNOTATIONS_MAX} bytes");
        errors.add(ErrorKind::TooLong, "spec.template.annotations", Value::Null, detail);
    }
}

fn pod(spec: &Value, errors: &mut Errors) {
    const PATH: &str = "spec.template.spec";
    let volumes = volumes(&spec["volumes"], errors);
    let mut names = BTreeSet::new();
    let containers = list(&spec["containers"], &format!("{PATH}.containers"), errors);
    if containers.is_empty() && (spec["containers"].is_null() || spec["containers"].is_array()) {
        errors.required(format!("{PATH}.containers"), "");
    }
    for (index, container) in containers.iter().enumerate() {
        self::container(container, &format!("{PATH}.containers[{index}]"), &volumes, &mut names, errors);
    }
    let init = list(&spec["initContainers"], &format!("{PATH}.initContainers"), errors);
    for (index, container) in init.iter().enumerate() {
        self::container(container, &format!("{PATH}.initContainers[{index}]"), &volumes, &mut names, errors);
    }
    if spec["ephemeralContainers"].as_array().is_some_and(|list| !list.is_empty()) {
        let detail = "ephemeral containers not allowed in pod template";
        errors.forbidden(format!("{PATH}.ephemeralContainers"), detail);
    }
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(&spec["dnsPolicy"], &format!("{PATH}.dnsPolicy"), &policies, errors);
    one_of(&spec["restartPolicy"], &format!("{PATH}.restartPolicy"), &["Always"], errors);
    if !spec["activeDeadlineSeconds"].is_null() {
        let detail = "activeDeadlineSeconds in ReplicaSet is not Supported";
        errors.forbidden(format!("{PATH}.activeDeadlineSeconds"), detail);
    }
}

/// The elements of a list; something else is an error and counts as empty.
fn list<'a>(value: &'a Value, path: &str, errors: &mut Errors) -> &'a [Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        other => {
            errors.invalid(path, other.clone(), "must be a list");
            &[]
        }
    }
}

/// An optional text of a closed set.
fn one_of(value: &Value, path: &str, supported: &[&str], errors: &mut Errors) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() || supported.contains(&text.as_str()) => {}
        Value::String(text) => errors.not_supported(path, text, supported),
        other => errors.invalid(path, other.clone(), "must be a string"),
    }
}

fn volumes(value: &Value, errors: &mut Errors) -> BTreeSet<String> {
    const PATH: &str = "spec.template.spec.volumes";
    let mut names = BTreeSet::new();
    for (index, volume) in list(value, PATH, errors).iter().enumerate() {
        let path = format!("{PATH}[{index}].name");
        let name = volume["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            errors.required(path, "");
        } else if let Some(problem) = names::label(name) {
            errors.invalid(path, name, problem);
        } else if !names.insert(name.to_owned()) {
            errors.duplicate(path, name);
        }
    }
    names
}

fn container(
    container: &Value,
    path: &str,
    volumes: &BTreeSet<String>,
    names: &mut BTreeSet<String>,
    errors: &mut Errors,
) {
    let name = container["name"].as_str().unwrap_or_default();
    let name_path = format!("{path}.name");
    if name.is_empty() {
        errors.required(name_path, "");
    } else if let Some(problem) = names::label(name) {
        errors.invalid(name_path, name, problem);
    } else if !names.insert(name.to_owned()) {
        errors.duplicate(name_path, name);
    }
    if container["image"].as_str().is_none_or(str::is_empty) {
        errors.required(format!("{path}.image"), "");
    }
    let pull = ["Always", "IfNotPresent", "Never"];
    one_of(&container["imagePullPolicy"], &format!("{path}.imagePullPolicy"), &pull, errors);
    ports(&container["ports"], &format!("{path}.ports"), errors);
    let env = format!("{path}.env");
    for (index, variable) in list(&container["env"], &env, errors).iter().enumerate() {
        if variable["name"].as_str().is_none_or(str::is_empty) {
            errors.required(format!("{env}[{index}].name"), "");
        }
    }
    mounts(&container["volumeMounts"], &format!("{path}.volumeMounts"), volumes, errors);
    resources(&container["resources"], &format!("{path}.resources"), errors);
}

fn ports(value: &Value, path: &str, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (index, port) in list(value, path, errors).iter().enumerate() {
        let path = format!("{path}[{index}]");
        match port["containerPort"].as_i64() {
            None | Some(0) => errors.required(format!("{path}.containerPort"), ""),
            Some(number) if !(1..=i64::from(PORT_MAX)).contains(&number) => {
                errors.invalid(
                    format!("{path}.containerPort"),
                    number,
                    format!("must be between 1 and {PORT_MAX}, inclusive"),
                );
            }
            Some(_) => {}
        }
        let name = port["name"].as_str().unwrap_or_default();
        if !name.is_empty() && !names.insert(name.to_owned()) {
            errors.duplicate(format!("{path}.name"), name);
        }
        one_of(&port["protocol"], &format!("{path}.protocol"), &["SCTP", "TCP", "UDP"], errors);
    }
}

fn mounts(value: &Value, path: &str, volumes: &BTreeSet<String>, errors: &mut Errors) {
    let mut paths = BTreeSet::new();
    for (index, mount) in list(value, path, errors).iter().enumerate() {
        let path = format!("{path}[{index}]");
        let name = mount["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            errors.required(format!("{path}.name"), "");
        } else if !volumes.contains(name) {
            errors.add(ErrorKind::NotFound, format!("{path}.name"), name, "");
        }
        let mount_path = mount["mountPath"].as_str().unwrap_or_default();
        if mount_path.is_empty() {
            errors.required(format!("{path}.mountPath"), "");
        } else if !paths.insert(mount_path) {
            errors.invalid(format!("{path}.mountPath"), mount_path, "must be unique");
        }
    }
}

fn resources(value: &Value, path: &str, errors: &mut Errors) {
    let mut amounts = BTreeMap::new();
    for part in ["limits", "requests"] {
        for (resource, amount) in value[part].as_object().into_iter().flatten() {
            let path = format!("{path}.{part}[{resource}]");
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            match Quantity::parse(&text) {
                Err(error) => errors.invalid(path, text, error.to_string()),
                Ok(amount) if amount < Quantity::default() => {
                    errors.invalid(path, text, "must be greater than or equal to 0");
                }
                Ok(amount) => {
                    amounts.insert((part, resource.as_str()), (amount, text));
                }
            }
        }
    }
    for ((_, resource), (request, text)) in amounts.iter().filter(|((part, _), _)| *part == "requests") {
        if let Some((limit, limit_text)) = amounts.get(&("limits", *resource))
            && limit < request
        {
            let detail = format!("must be less than or equal to {resource} limit of {limit_text}");
            errors.invalid(format!("{path}.requests"), text.as_str(), detail);
        }
    }
}
