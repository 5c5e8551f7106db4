//! The validation of built-in kinds that clients and controllers can run into, in Kubernetes' words.

use serde_json::Value;
use serin_lang::names;
use serin_lang::selector::Selector;

use super::selector;
use crate::cluster::Place;
use crate::schema::{FieldError, FieldErrorKind};
use crate::status::cause;

/// A non-negative number that is negative.
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// Everything that is wrong with `object`.
pub(crate) fn validate(place: &Place, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut causes = Vec::new();
    metadata(place, &object["metadata"], &mut causes);
    match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("", "pods") => {
            pod_spec(&object["spec"], "spec", &mut causes);
            if let Some(old) = old {
                pod_update(old, object, &mut causes);
            }
        }
        ("", "services") => service(object, old, &mut causes),
        ("apps", "deployments" | "replicasets" | "daemonsets" | "statefulsets") => {
            workload(place, object, old, &mut causes);
        }
        ("networking.k8s.io", "ingresses") => ingress(object, &mut causes),
        ("", plural @ ("configmaps" | "secrets")) => {
            let path = if plural == "secrets" { "data" } else { "" };
            data_size(object, path, &mut causes);
            immutable_data(object, old, &mut causes);
        }
        ("autoscaling", "horizontalpodautoscalers") => autoscaler(object, &mut causes),
        ("policy", "poddisruptionbudgets") => budget(object, &mut causes),
        _ => {}
    }
    causes
}

fn metadata(place: &Place, metadata: &Value, causes: &mut Vec<FieldError>) {
    let name = metadata["name"].as_str().unwrap_or_default();
    let why = match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("", "namespaces") => names::label(name),
        ("", "services") => names::label_1035(name),
        ("rbac.authorization.k8s.io", _) => names::path_segment(name),
        _ => names::subdomain(name),
    };
    if let Some(why) = why {
        causes.push(cause::invalid("metadata.name", &name.into(), &why));
    }
    labels(&metadata["labels"], "metadata.labels", causes);
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let mut bytes = 0;
    for (key, value) in annotations {
        bytes += key.len() + value.as_str().map_or(0, str::len);
        for why in names::qualified(&key.to_lowercase()) {
            causes.push(cause::invalid("metadata.annotations", &key.as_str().into(), &why));
        }
    }
    if ANNOTATIONS_BYTES_MAX < bytes {
        let detail = format!("may not be more than {ANNOTATIONS_BYTES_MAX} bytes");
        let kind = FieldErrorKind::TooLong;
        causes.push(FieldError::new(kind, "metadata.annotations", "", detail));
    }
    owners(&metadata["ownerReferences"], causes);
}

/// Kubernetes' own limit on all annotations of an object together.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

pub(super) fn labels(labels: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        for why in names::qualified(key) {
            causes.push(cause::invalid(path, &key.as_str().into(), &why));
        }
        for why in names::label_value(value.as_str().unwrap_or_default()) {
            causes.push(cause::invalid(path, value, &why));
        }
    }
}

fn owners(owners: &Value, causes: &mut Vec<FieldError>) {
    let mut controllers = 0;
    for owner in owners.as_array().into_iter().flatten() {
        for (field, what) in [("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let detail = format!("{what} must not be empty");
                let path = format!("metadata.ownerReferences.{field}");
                causes.push(cause::invalid(path, &"".into(), &detail));
            }
        }
        controllers += usize::from(owner["controller"] == Value::Bool(true));
    }
    if 1 < controllers {
        causes.push(cause::invalid(
            "metadata.ownerReferences",
            owners,
            "Only one reference can have Controller set to true",
        ));
    }
}

fn workload(place: &Place, object: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    not_negative(spec, "spec", &["replicas", "minReadySeconds", "revisionHistoryLimit"], causes);
    let selector = &spec["selector"];
    let labels_of = &spec["template"]["metadata"]["labels"];
    let empty = ["matchLabels", "matchExpressions"].iter().all(|field| {
        let value = &selector[*field];
        value.as_object().is_none_or(serde_json::Map::is_empty) && value.as_array().is_none_or(Vec::is_empty)
    });
    selector::validate(selector, "spec.selector", causes);
    if selector.is_null() {
        causes.push(cause::required("spec.selector", ""));
    } else if empty {
        let detail = match place.kind.plural.as_str() {
            // Kubernetes says deployment for both.
            "deployments" | "replicasets" => "empty selector is invalid for deployment",
            "daemonsets" => "empty selector is invalid for daemonset",
            _ => "empty selector is invalid for statefulset",
        };
        causes.push(cause::invalid("spec.selector", selector, detail));
    }
    match Selector::from_object(selector) {
        Ok(selector) if selector.is_nothing() || selector.matches(labels_of) => {}
        Ok(_) => causes.push(cause::invalid(
            "spec.template.metadata.labels",
            labels_of,
            "`selector` does not match template `labels`",
        )),
        Err(_) => causes.push(cause::invalid("spec.selector", selector, "invalid label selector")),
    }
    labels(labels_of, "spec.template.metadata.labels", causes);
    if let Some(old) = old
        && old["spec"]["selector"] != *selector
    {
        causes.push(cause::invalid("spec.selector", selector, "field is immutable"));
    }
    let path = "spec.template.spec";
    pod_spec(&spec["template"]["spec"], path, causes);
    let restart = &spec["template"]["spec"]["restartPolicy"];
    if restart.is_string() && *restart != "Always" {
        causes.push(cause::unsupported(format!("{path}.restartPolicy"), restart, &["Always"]));
    }
    if place.kind.plural == "deployments" {
        strategy(spec, causes);
    }
}

fn strategy(spec: &Value, causes: &mut Vec<FieldError>) {
    let strategy = &spec["strategy"];
    match strategy["type"].as_str() {
        Some("Recreate") if strategy["rollingUpdate"].is_object() => {
            causes.push(cause::forbidden(
                "spec.strategy.rollingUpdate",
                "may not be specified when strategy `type` is 'Recreate'",
            ));
        }
        Some("Recreate" | "RollingUpdate") => {}
        _ => causes.push(cause::unsupported(
            "spec.strategy.type",
            &strategy["type"],
            &["Recreate", "RollingUpdate"],
        )),
    }
    let rolling = &strategy["rollingUpdate"];
    for field in ["maxUnavailable", "maxSurge"] {
        let path = format!("spec.strategy.rollingUpdate.{field}");
        match &rolling[field] {
            Value::Number(number) if number.as_i64().is_some_and(|n| n < 0) => {
                causes.push(cause::invalid(path, &rolling[field], NOT_NEGATIVE));
            }
            Value::String(text) if percent(text).is_none() => {
                causes.push(cause::invalid(path, &rolling[field], PERCENT_RULE));
            }
            _ => {}
        }
    }
    let zero = |value: &Value| *value == 0 || value.as_str().and_then(percent) == Some(0);
    if zero(&rolling["maxUnavailable"]) && zero(&rolling["maxSurge"]) {
        causes.push(cause::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            &rolling["maxUnavailable"],
            "may not be 0 when `maxSurge` is 0",
        ));
    }
    let deadline = spec["progressDeadlineSeconds"].as_i64();
    let ready = spec["minReadySeconds"].as_i64().unwrap_or(0);
    if let Some(deadline) = deadline
        && deadline <= ready
    {
        causes.push(cause::invalid(
            "spec.progressDeadlineSeconds",
            &deadline.into(),
            "must be greater than minReadySeconds",
        ));
    }
}

const PERCENT_RULE: &str = "a valid percent string must be a numeric string followed by an ending \
    '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

fn percent(text: &str) -> Option<u32> {
    text.strip_suffix('%')?.parse().ok()
}

fn not_negative(value: &Value, path: &str, fields: &[&str], causes: &mut Vec<FieldError>) {
    for field in fields {
        if value[*field].as_i64().is_some_and(|number| number < 0) {
            causes.push(cause::invalid(format!("{path}.{field}"), &value[*field], NOT_NEGATIVE));
        }
    }
}

fn pod_spec(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let containers = spec["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(cause::required(format!("{path}.containers"), ""));
    }
    not_negative(spec, path, &["terminationGracePeriodSeconds"], causes);
    let mut seen: Vec<&str> = Vec::new();
    for list in ["initContainers", "containers"] {
        for (at, one) in spec[list].as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}.{list}[{at}]");
            let name = one["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                causes.push(cause::required(format!("{path}.name"), ""));
            } else if let Some(why) = names::label(name) {
                causes.push(cause::invalid(format!("{path}.name"), &name.into(), &why));
            } else if seen.contains(&name) {
                causes.push(cause::duplicate(format!("{path}.name"), &name.into()));
            }
            seen.push(name);
            container(one, &path, causes);
        }
    }
    let restart = &spec["restartPolicy"];
    if !["Always", "OnFailure", "Never"].iter().any(|one| restart == one) && !restart.is_null() {
        let of = ["Always", "OnFailure", "Never"];
        causes.push(cause::unsupported(format!("{path}.restartPolicy"), restart, &of));
    }
}

fn container(container: &Value, path: &str, causes: &mut Vec<FieldError>) {
    if container["image"].as_str().unwrap_or_default().trim().is_empty() {
        causes.push(cause::required(format!("{path}.image"), ""));
    }
    for (at, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.ports[{at}]");
        match port["containerPort"].as_i64() {
            None => causes.push(cause::required(format!("{path}.containerPort"), "")),
            Some(number) if !(1..=65535).contains(&number) => causes.push(cause::invalid(
                format!("{path}.containerPort"),
                &number.into(),
                "must be between 1 and 65535, inclusive",
            )),
            Some(_) => {}
        }
        let protocol = &port["protocol"];
        if !["SCTP", "TCP", "UDP"].iter().any(|one| protocol == one) {
            let of = ["SCTP", "TCP", "UDP"];
            causes.push(cause::unsupported(format!("{path}.protocol"), protocol, &of));
        }
    }
}

/// A pod's spec is fixed but for a few fields.
fn pod_update(old: &Value, object: &Value, causes: &mut Vec<FieldError>) {
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for list in ["containers", "initContainers"] {
            for one in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                super::set_or_remove(one, "image", None);
            }
        }
        for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
            super::set_or_remove(&mut spec, field, None);
        }
        spec
    };
    if fixed(old) != fixed(object) {
        causes.push(cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,\
             `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only \
             additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to \
             be set to 1 if it was previously negative)",
        ));
    }
}

fn service(object: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let kind = spec["type"].as_str().unwrap_or_default();
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !types.contains(&kind) {
        causes.push(cause::unsupported("spec.type", &spec["type"], &types));
    }
    let ports = spec["ports"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    if ports.is_empty() && kind != "ExternalName" && spec["clusterIP"] != "None" {
        causes.push(cause::required("spec.ports", ""));
    }
    if kind == "ExternalName" && spec["externalName"].as_str().unwrap_or_default().is_empty() {
        causes.push(cause::required("spec.externalName", ""));
    }
    let mut seen: Vec<&Value> = Vec::new();
    for (at, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{at}]");
        if 1 < ports.len() && port["name"].as_str().unwrap_or_default().is_empty() {
            causes.push(cause::required(format!("{path}.name"), ""));
        } else if port["name"].is_string() && seen.contains(&&port["name"]) {
            causes.push(cause::duplicate(format!("{path}.name"), &port["name"]));
        }
        seen.push(&port["name"]);
        let number = port["port"].as_i64().unwrap_or(0);
        if !(1..=65535).contains(&number) {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(cause::invalid(format!("{path}.port"), &number.into(), detail));
        }
    }
    if let Some(old) = old {
        let before = &old["spec"]["clusterIP"];
        let after = &spec["clusterIP"];
        let set = before.as_str().is_some_and(|ip| !ip.is_empty());
        let both = old["spec"]["type"] != "ExternalName" && kind != "ExternalName";
        if set && both && after.is_string() && after != before && *after != "" {
            let list = Value::Array(vec![after.clone()]);
            causes.push(cause::invalid("spec.clusterIPs[0]", &list, "may not change once set"));
        }
    }
}

fn ingress(object: &Value, causes: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let rules = spec["rules"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    if rules.is_empty() && spec["defaultBackend"].is_null() {
        causes.push(cause::invalid(
            "spec",
            &Value::Array(Vec::new()),
            "either `defaultBackend` or `rules` must be specified",
        ));
    }
    for (at, rule) in rules.iter().enumerate() {
        for (path_at, path) in rule["http"]["paths"].as_array().into_iter().flatten().enumerate() {
            let here = format!("spec.rules[{at}].http.paths[{path_at}]");
            let kind = &path["pathType"];
            let of = ["Exact", "ImplementationSpecific", "Prefix"];
            if kind.is_null() {
                causes.push(cause::required(format!("{here}.pathType"), "pathType must be specified"));
            } else if !of.iter().any(|one| kind == one) {
                causes.push(cause::unsupported(format!("{here}.pathType"), kind, &of));
            }
            let text = path["path"].as_str().unwrap_or_default();
            if *kind != "ImplementationSpecific" && !text.starts_with('/') {
                let detail = "must be an absolute path";
                causes.push(cause::invalid(format!("{here}.path"), &text.into(), detail));
            }
            let backend = &path["backend"];
            if backend["service"].is_object() {
                if backend["service"]["name"].as_str().unwrap_or_default().is_empty() {
                    causes.push(cause::required(format!("{here}.backend.service.name"), ""));
                }
                let port = &backend["service"]["port"];
                if port["name"].is_null() && port["number"].is_null() {
                    let detail = "port name or number is required";
                    causes.push(cause::required(format!("{here}.backend"), detail));
                }
            } else if backend["resource"].is_null() {
                causes.push(cause::required(format!("{here}.backend"), "port name or number is required"));
            }
        }
    }
}

/// Kubernetes' own limit on the data of a `ConfigMap` or a Secret.
const DATA_BYTES_MAX: usize = 1024 * 1024;

fn data_size(object: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let bytes = |(text, packed): (&str, bool)| {
        let size = |value: &Value| {
            value.as_str().map_or(0, |text| if packed { text.len() / 4 * 3 } else { text.len() })
        };
        object[text].as_object().into_iter().flatten().map(|(_, value)| size(value)).sum::<usize>()
    };
    let all: usize = [("data", path == "data"), ("binaryData", true)].into_iter().map(bytes).sum();
    if DATA_BYTES_MAX < all {
        let detail = format!("may not be more than {DATA_BYTES_MAX} bytes");
        // Kubernetes names no field for a ConfigMap, and prints that as [].
        let path = if path.is_empty() { "[]" } else { path };
        causes.push(FieldError::new(FieldErrorKind::TooLong, path, "", detail));
    }
}

fn immutable_data(object: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let Some(old) = old.filter(|old| old["immutable"] == Value::Bool(true)) else { return };
    if object["immutable"] != Value::Bool(true) {
        causes.push(cause::forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    if object["data"] != old["data"] {
        causes.push(cause::forbidden("data", "field is immutable when `immutable` is set"));
    }
}

fn autoscaler(object: &Value, causes: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let (min, max) = (&spec["minReplicas"], &spec["maxReplicas"]);
    if min.as_i64().is_some_and(|min| min < 1) {
        let detail = "must be greater than or equal to 1";
        causes.push(cause::invalid("spec.minReplicas", min, detail));
    }
    let number = max.as_i64().unwrap_or(0);
    if number < 1 {
        causes.push(cause::invalid("spec.maxReplicas", &number.into(), "must be greater than 0"));
    }
    if min.as_i64().is_some_and(|min| number < min) {
        let detail = "must be greater than or equal to `minReplicas`";
        causes.push(cause::invalid("spec.maxReplicas", &number.into(), detail));
    }
    for field in ["kind", "name"] {
        if spec["scaleTargetRef"][field].as_str().unwrap_or_default().is_empty() {
            causes.push(cause::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
}

fn budget(object: &Value, causes: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        causes.push(cause::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    not_negative(spec, "spec", &["minAvailable", "maxUnavailable"], causes);
    selector::validate(&spec["selector"], "spec.selector", causes);
}
