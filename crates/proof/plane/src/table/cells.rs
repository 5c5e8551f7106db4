//! Columns of the built-in kinds: for each its header and the function that fills its cell.

use super::text::{NONE, at, containers, int, labels, list, selector, since, text_or};
use super::{metrics, net, pod};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Fills one cell from an object and the time.
type Cell = fn(&Value, Timestamp) -> Value;

/// Header, type (with format after a slash), priority and cell.
pub(super) struct Column(&'static str, &'static str, i64, Cell);

const NAME: Column = Column("Name", "string/name", 0, |o, _| at(o, "metadata.name").clone());
const AGE: Column =
    Column("Age", "string", 0, |o, now| json!(since(at(o, "metadata.creationTimestamp"), now)));
const CREATED: Column = Column("Created At", "date", 0, |o, _| at(o, "metadata.creationTimestamp").clone());
const CONTAINERS: Column = Column("Containers", "string", 1, |o, _| containers(o, "name"));
const IMAGES: Column = Column("Images", "string", 1, |o, _| containers(o, "image"));
const SELECTOR: Column =
    Column("Selector", "string", 1, |o, _| json!(selector(at(o, "spec.selector"), NONE, "<error>")));

const NAMESPACE: &[Column] =
    &[NAME, Column("Status", "string", 0, |o, _| json!(text_or(o, "status.phase", ""))), AGE];
const CONFIG_MAP: &[Column] =
    &[NAME, Column("Data", "string", 0, |o, _| json!(size(&o["data"]) + size(&o["binaryData"]))), AGE];
const SECRET: &[Column] = &[
    NAME,
    Column("Type", "string", 0, |o, _| json!(text_or(o, "type", ""))),
    Column("Data", "string", 0, |o, _| json!(size(&o["data"]))),
    AGE,
];
const SERVICE_ACCOUNT: &[Column] =
    &[NAME, Column("Secrets", "string", 0, |o, _| json!(list(o, "secrets").len())), AGE];
const LEASE: &[Column] =
    &[NAME, Column("Holder", "string", 0, |o, _| json!(text_or(o, "spec.holderIdentity", ""))), AGE];
const CREATED_ONLY: &[Column] = &[NAME, CREATED];
const BINDING: &[Column] = &[
    NAME,
    Column("Role", "string", 0, |o, _| {
        json!(format!("{}/{}", text_or(o, "roleRef.kind", ""), text_or(o, "roleRef.name", "")))
    }),
    AGE,
    Column("Users", "string", 1, |o, _| subjects(o, "User")),
    Column("Groups", "string", 1, |o, _| subjects(o, "Group")),
    Column("ServiceAccounts", "string", 1, |o, _| subjects(o, "ServiceAccount")),
];
const DEPLOYMENT: &[Column] = &[
    NAME,
    Column("Ready", "string", 0, |o, _| {
        json!(format!("{}/{}", int(o, "status.readyReplicas"), int(o, "spec.replicas")))
    }),
    Column("Up-to-date", "string", 0, |o, _| json!(int(o, "status.updatedReplicas"))),
    Column("Available", "string", 0, |o, _| json!(int(o, "status.availableReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    Column("Selector", "string", 1, |o, _| json!(selector(at(o, "spec.selector"), "", "<invalid>"))),
];
const REPLICA_SET: &[Column] = &[
    NAME,
    Column("Desired", "integer", 0, |o, _| json!(int(o, "spec.replicas"))),
    Column("Current", "integer", 0, |o, _| json!(int(o, "status.replicas"))),
    Column("Ready", "integer", 0, |o, _| json!(int(o, "status.readyReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const DAEMON_SET: &[Column] = &[
    NAME,
    Column("Desired", "integer", 0, |o, _| json!(int(o, "status.desiredNumberScheduled"))),
    Column("Current", "integer", 0, |o, _| json!(int(o, "status.currentNumberScheduled"))),
    Column("Ready", "integer", 0, |o, _| json!(int(o, "status.numberReady"))),
    Column("Up-to-date", "integer", 0, |o, _| json!(int(o, "status.updatedNumberScheduled"))),
    Column("Available", "integer", 0, |o, _| json!(int(o, "status.numberAvailable"))),
    Column("Node Selector", "string", 0, |o, _| json!(labels(at(o, "spec.template.spec.nodeSelector")))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const POD: &[Column] = &[
    NAME,
    Column("Ready", "string", 0, |o, _| json!(pod::summary(o).ready())),
    Column("Status", "string", 0, |o, _| json!(pod::summary(o).reason)),
    Column("Restarts", "string", 0, |o, now| json!(pod::summary(o).restarts(now))),
    AGE,
    Column("IP", "string", 1, |o, _| {
        json!(text_or(&list(o, "status.podIPs").first().cloned().unwrap_or_default(), "ip", NONE))
    }),
    Column("Node", "string", 1, |o, _| json!(text_or(o, "spec.nodeName", NONE))),
    Column("Nominated Node", "string", 1, |o, _| json!(text_or(o, "status.nominatedNodeName", NONE))),
    Column("Readiness Gates", "string", 1, |o, _| json!(pod::readiness_gates(o))),
];
const NODE: &[Column] = &[
    NAME,
    Column("Status", "string", 0, |o, _| json!(node_status(o))),
    Column("Roles", "string", 0, |o, _| json!(node_roles(o))),
    AGE,
    Column("Version", "string", 0, |o, _| json!(text_or(o, "status.nodeInfo.kubeletVersion", ""))),
    Column("Internal-IP", "string", 1, |o, _| json!(node_address(o, "InternalIP"))),
    Column("External-IP", "string", 1, |o, _| json!(node_address(o, "ExternalIP"))),
    Column("OS-Image", "string", 1, |o, _| json!(text_or(o, "status.nodeInfo.osImage", "<unknown>"))),
    Column("Kernel-Version", "string", 1, |o, _| {
        json!(text_or(o, "status.nodeInfo.kernelVersion", "<unknown>"))
    }),
    Column("Container-Runtime", "string", 1, |o, _| {
        json!(text_or(o, "status.nodeInfo.containerRuntimeVersion", "<unknown>"))
    }),
];
const SERVICE: &[Column] = &[
    NAME,
    Column("Type", "string", 0, |o, _| json!(text_or(o, "spec.type", ""))),
    Column("Cluster-IP", "string", 0, |o, _| json!(net::cluster_ip(o))),
    Column("External-IP", "string", 0, |o, _| json!(net::external_ip(o))),
    Column("Port(s)", "string", 0, |o, _| json!(net::service_ports(o))),
    AGE,
    Column("Selector", "string", 1, |o, _| json!(labels(at(o, "spec.selector")))),
];
const ENDPOINTS: &[Column] = &[NAME, Column("Endpoints", "string", 0, |o, _| json!(net::endpoints(o))), AGE];
const ENDPOINT_SLICE: &[Column] = &[
    NAME,
    Column("AddressType", "string", 0, |o, _| json!(text_or(o, "addressType", ""))),
    Column("Ports", "string", 0, |o, _| json!(net::slice_ports(o))),
    Column("Endpoints", "string", 0, |o, _| json!(net::slice_addresses(o))),
    AGE,
];
const INGRESS: &[Column] = &[
    NAME,
    Column("Class", "string", 0, |o, _| json!(text_or(o, "spec.ingressClassName", NONE))),
    Column("Hosts", "string", 0, |o, _| json!(net::hosts(o))),
    Column("Address", "string", 0, |o, _| json!(net::load_balancer(o))),
    Column("Ports", "string", 0, |o, _| json!(if list(o, "spec.tls").is_empty() { "80" } else { "80, 443" })),
    AGE,
];
const INGRESS_CLASS: &[Column] = &[
    NAME,
    Column("Controller", "string", 0, |o, _| json!(text_or(o, "spec.controller", ""))),
    Column("Parameters", "string", 0, |o, _| json!(net::class_parameters(o))),
    AGE,
];
const HPA: &[Column] = &[
    NAME,
    Column("Reference", "string", 0, |o, _| {
        let target = at(o, "spec.scaleTargetRef");
        json!(format!("{}/{}", text_or(target, "kind", ""), text_or(target, "name", "")))
    }),
    Column("Targets", "string", 0, |o, _| json!(metrics::targets(o))),
    Column("MinPods", "string", 0, |o, _| match at(o, "spec.minReplicas").as_i64() {
        Some(min) => json!(min.to_string()),
        None => json!("<unset>"),
    }),
    Column("MaxPods", "string", 0, |o, _| json!(int(o, "spec.maxReplicas"))),
    Column("Replicas", "string", 0, |o, _| json!(int(o, "status.currentReplicas"))),
    AGE,
];
const BUDGET: &[Column] = &[
    NAME,
    Column("Min Available", "string", 0, |o, _| json!(int_or_string(at(o, "spec.minAvailable")))),
    Column("Max Unavailable", "string", 0, |o, _| json!(int_or_string(at(o, "spec.maxUnavailable")))),
    Column("Allowed Disruptions", "integer", 0, |o, _| json!(int(o, "status.disruptionsAllowed"))),
    AGE,
];
const EVENT: &[Column] = &[
    Column("Last Seen", "string", 0, |o, now| json!(event_last(o, now))),
    Column("Type", "string", 0, |o, _| json!(text_or(o, "type", ""))),
    Column("Reason", "string", 0, |o, _| json!(text_or(o, "reason", ""))),
    Column("Object", "string", 0, |o, _| json!(event_target(o))),
    Column("Subobject", "string", 1, |o, _| json!(text_or(o, "involvedObject.fieldPath", ""))),
    Column("Source", "string", 1, |o, _| json!(event_source(o))),
    Column("Message", "string", 0, |o, _| json!(text_or(o, "message", "").trim())),
    Column("First Seen", "string", 1, |o, now| json!(event_first(o, now))),
    Column("Count", "string", 1, |o, _| match (&o["series"], int(o, "count")) {
        (Value::Object(series), _) => series.get("count").cloned().unwrap_or(json!(0)),
        (_, count) => json!(count.max(1)),
    }),
    Column("Name", "string/name", 1, |o, _| at(o, "metadata.name").clone()),
];

/// Group, kind and columns.
const TABLES: &[(&str, &str, &[Column])] = &[
    ("", "Namespace", NAMESPACE),
    ("", "Node", NODE),
    ("", "Pod", POD),
    ("", "Service", SERVICE),
    ("", "Endpoints", ENDPOINTS),
    ("", "ConfigMap", CONFIG_MAP),
    ("", "Secret", SECRET),
    ("", "ServiceAccount", SERVICE_ACCOUNT),
    ("", "Event", EVENT),
    ("events.k8s.io", "Event", EVENT),
    ("discovery.k8s.io", "EndpointSlice", ENDPOINT_SLICE),
    ("apps", "Deployment", DEPLOYMENT),
    ("apps", "ReplicaSet", REPLICA_SET),
    ("apps", "DaemonSet", DAEMON_SET),
    ("networking.k8s.io", "Ingress", INGRESS),
    ("networking.k8s.io", "IngressClass", INGRESS_CLASS),
    ("autoscaling", "HorizontalPodAutoscaler", HPA),
    ("policy", "PodDisruptionBudget", BUDGET),
    ("coordination.k8s.io", "Lease", LEASE),
    ("rbac.authorization.k8s.io", "Role", CREATED_ONLY),
    ("rbac.authorization.k8s.io", "ClusterRole", CREATED_ONLY),
    ("rbac.authorization.k8s.io", "RoleBinding", BINDING),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", BINDING),
    ("apiextensions.k8s.io", "CustomResourceDefinition", CREATED_ONLY),
];

/// The columns of a built-in kind.
pub(super) fn columns(group: &str, kind: &str) -> Option<&'static [Column]> {
    TABLES.iter().find(|(g, k, _)| *g == group && *k == kind).map(|(.., columns)| *columns)
}

/// The headers.
pub(super) fn definitions(columns: &[Column]) -> Vec<Value> {
    let definition = |Column(name, kind, priority, _): &Column| {
        let (kind, format) = kind.split_once('/').unwrap_or((kind, ""));
        json!({ "name": name, "type": kind, "format": format, "description": "", "priority": priority })
    };
    columns.iter().map(definition).collect()
}

/// The cells of one object, and whether it has run to its end.
pub(super) fn row(columns: &[Column], object: &Value, now: Timestamp) -> Value {
    let cells: Vec<Value> = columns.iter().map(|Column(.., cell)| cell(object, now)).collect();
    let mut row = json!({ "cells": cells });
    let is_pod = object["kind"] == "Pod";
    let ended = match at(object, "status.phase").as_str() {
        Some("Succeeded") if is_pod => "The pod has completed successfully.",
        Some("Failed") if is_pod => "The pod failed.",
        _ => return row,
    };
    let reason = at(object, "status.phase");
    row["conditions"] =
        json!([{ "type": "Completed", "status": "True", "reason": reason, "message": ended }]);
    row
}

fn size(map: &Value) -> usize {
    map.as_object().map_or(0, serde_json::Map::len)
}

fn int_or_string(value: &Value) -> String {
    if value.is_null() { "N/A".to_owned() } else { serin_lang::jsonpath::text_of(value) }
}

fn subjects(binding: &Value, kind: &str) -> Value {
    let chosen = list(binding, "subjects").iter().filter(|subject| subject["kind"] == kind);
    let names = chosen.map(|subject| match kind {
        "ServiceAccount" => format!("{}/{}", text_or(subject, "namespace", ""), text_or(subject, "name", "")),
        _ => text_or(subject, "name", ""),
    });
    json!(names.collect::<Vec<_>>().join(", "))
}

fn node_status(node: &Value) -> String {
    let ready = list(node, "status.conditions").iter().rfind(|condition| condition["type"] == "Ready");
    let mut status = match ready {
        None => "Unknown",
        Some(condition) if condition["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if at(node, "spec.unschedulable") == true {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn node_roles(node: &Value) -> String {
    let role = |(key, value): (&String, &Value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()).filter(|role| !role.is_empty()),
        None if key == "kubernetes.io/role" => {
            value.as_str().filter(|role| !role.is_empty()).map(str::to_owned)
        }
        None => None,
    };
    let labels = at(node, "metadata.labels").as_object().into_iter().flatten();
    let roles: std::collections::BTreeSet<String> = labels.filter_map(role).collect();
    if roles.is_empty() { NONE.to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

fn node_address(node: &Value, kind: &str) -> String {
    let found = list(node, "status.addresses").iter().find(|address| address["type"] == kind);
    found.map_or(NONE.to_owned(), |address| text_or(address, "address", ""))
}

fn event_first(event: &Value, now: Timestamp) -> String {
    let first = &event["firstTimestamp"];
    since(if first.is_string() { first } else { &event["eventTime"] }, now)
}

fn event_last(event: &Value, now: Timestamp) -> String {
    match (&event["series"], &event["lastTimestamp"]) {
        (Value::Object(series), _) => since(series.get("lastObservedTime").unwrap_or(&Value::Null), now),
        (_, last @ Value::String(_)) => since(last, now),
        _ => event_first(event, now),
    }
}

fn event_target(event: &Value) -> String {
    let kind = text_or(event, "involvedObject.kind", "").to_lowercase();
    match text_or(event, "involvedObject.name", "").as_str() {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn event_source(event: &Value) -> String {
    let component = text_or(event, "source.component", &text_or(event, "reportingComponent", ""));
    match text_or(event, "source.host", &text_or(event, "reportingInstance", "")).as_str() {
        "" => component,
        instance => format!("{component}, {instance}"),
    }
}
