//! The canonical form of a pod template: everything that says nothing is stripped, the rest is sorted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serin_lang::quantity::Quantity;

/// Levels of nesting that are looked into; what lies deeper is compared as it stands. No pod template has half as many.
const DEPTH_MAX: usize = 64;

/// `template` without defaults, empty values and nulls; amounts in one spelling, keys sorted. Doing it twice changes
/// nothing.
#[must_use]
pub fn canonical(template: &Value) -> Value {
    strip(template, Scope::Template, DEPTH_MAX)
}

/// Where in a template a map stands: which rules hold for its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Template,
    Metadata,
    Pod,
    Container,
    ContainerSecurity,
    Port,
    Env,
    EnvSource,
    Probe,
    Handler,
    Http,
    FieldRef,
    ResourceRef,
    Resources,
    Volume,
    VolumeFiles,
    EmptyDir,
    HostPath,
    Iscsi,
    Rbd,
    AzureDisk,
    ScaleIo,
    Ephemeral,
    Claim,
    Token,
    /// A map with keys of the user's choice: an empty text is a value there.
    Texts,
    /// A map of amounts.
    Quantities,
    Other,
}

/// A default that is the same everywhere.
enum Plain {
    Text(&'static str),
    Number(i64),
    Bool(bool),
}

use Plain::{Bool, Number, Text};

impl Plain {
    fn is(&self, value: &Value) -> bool {
        match self {
            Text(text) => value.as_str() == Some(text),
            Number(number) => value.as_f64() == Some(*number as f64),
            Bool(bool) => value.as_bool() == Some(*bool),
        }
    }
}

/// What the API server fills in, and what it cannot tell from absence (a field that is no pointer there).
const DEFAULTS: &[(Scope, &str, Plain)] = &[
    (Scope::Pod, "restartPolicy", Text("Always")),
    (Scope::Pod, "dnsPolicy", Text("ClusterFirst")),
    (Scope::Pod, "schedulerName", Text("default-scheduler")),
    (Scope::Pod, "terminationGracePeriodSeconds", Number(30)),
    (Scope::Pod, "enableServiceLinks", Bool(true)),
    (Scope::Pod, "hostNetwork", Bool(false)),
    (Scope::Pod, "hostPID", Bool(false)),
    (Scope::Pod, "hostIPC", Bool(false)),
    (Scope::Container, "terminationMessagePath", Text("/dev/termination-log")),
    (Scope::Container, "terminationMessagePolicy", Text("File")),
    (Scope::Container, "stdin", Bool(false)),
    (Scope::Container, "stdinOnce", Bool(false)),
    (Scope::Container, "tty", Bool(false)),
    (Scope::ContainerSecurity, "procMount", Text("Default")),
    (Scope::Port, "protocol", Text("TCP")),
    (Scope::Port, "hostPort", Number(0)),
    (Scope::Probe, "initialDelaySeconds", Number(0)),
    (Scope::Probe, "timeoutSeconds", Number(1)),
    (Scope::Probe, "periodSeconds", Number(10)),
    (Scope::Probe, "successThreshold", Number(1)),
    (Scope::Probe, "failureThreshold", Number(3)),
    (Scope::Http, "path", Text("/")),
    (Scope::Http, "scheme", Text("HTTP")),
    (Scope::FieldRef, "apiVersion", Text("v1")),
    (Scope::VolumeFiles, "defaultMode", Number(0o644)),
    (Scope::Iscsi, "iscsiInterface", Text("default")),
    (Scope::Rbd, "pool", Text("rbd")),
    (Scope::Rbd, "user", Text("admin")),
    (Scope::Rbd, "keyring", Text("/etc/ceph/keyring")),
    (Scope::AzureDisk, "cachingMode", Text("ReadWrite")),
    (Scope::AzureDisk, "fsType", Text("ext4")),
    (Scope::AzureDisk, "kind", Text("Shared")),
    (Scope::ScaleIo, "storageMode", Text("ThinProvisioned")),
    (Scope::ScaleIo, "fsType", Text("xfs")),
    (Scope::Claim, "volumeMode", Text("Filesystem")),
    (Scope::Token, "expirationSeconds", Number(3600)),
    (Scope::Other, "readOnly", Bool(false)),
    (Scope::Iscsi, "readOnly", Bool(false)),
    (Scope::Rbd, "readOnly", Bool(false)),
    (Scope::AzureDisk, "readOnly", Bool(false)),
    (Scope::ScaleIo, "readOnly", Bool(false)),
];

/// Fields where an empty map or text is not the same as none: an empty selector selects everything, none selects
/// nothing (or only its own namespace); an empty class asks for none, no class for the default.
const EMPTY_COUNTS: &[&str] =
    &["labelSelector", "namespaceSelector", "storageClassName", "volumeAttributesClassName"];

/// The rules that hold in the map or list under `key`.
fn inner(scope: Scope, key: &str) -> Scope {
    match (scope, key) {
        (Scope::Template | Scope::Ephemeral, "metadata") => Scope::Metadata,
        (Scope::Template, "spec") => Scope::Pod,
        (Scope::Metadata, "labels" | "annotations")
        | (_, "matchLabels" | "nodeSelector" | "volumeAttributes") => Scope::Texts,
        (Scope::Pod, "containers" | "initContainers" | "ephemeralContainers") => Scope::Container,
        (Scope::Pod, "volumes") => Scope::Volume,
        (Scope::Pod, "overhead") | (Scope::Resources, "limits" | "requests") => Scope::Quantities,
        (Scope::Pod | Scope::Container | Scope::Claim, "resources") => Scope::Resources,
        (Scope::Container, "ports") => Scope::Port,
        (Scope::Container, "env") => Scope::Env,
        (Scope::Container, "livenessProbe" | "readinessProbe" | "startupProbe") => Scope::Probe,
        (Scope::Container, "securityContext") => Scope::ContainerSecurity,
        (Scope::Env, "valueFrom") => Scope::EnvSource,
        (Scope::Container, "lifecycle") | (Scope::Handler, "postStart" | "preStop") => Scope::Handler,
        (Scope::Handler | Scope::Probe, "httpGet") => Scope::Http,
        (Scope::EnvSource | Scope::VolumeFiles, "fieldRef") => Scope::FieldRef,
        (Scope::EnvSource | Scope::VolumeFiles, "resourceFieldRef") => Scope::ResourceRef,
        (Scope::Volume, "secret" | "configMap" | "downwardAPI" | "projected")
        | (Scope::VolumeFiles, "sources" | "items" | "downwardAPI") => Scope::VolumeFiles,
        (Scope::VolumeFiles, "serviceAccountToken") => Scope::Token,
        (Scope::Volume, "emptyDir") => Scope::EmptyDir,
        (Scope::Volume, "hostPath") => Scope::HostPath,
        (Scope::Volume, "iscsi") => Scope::Iscsi,
        (Scope::Volume, "rbd") => Scope::Rbd,
        (Scope::Volume, "azureDisk") => Scope::AzureDisk,
        (Scope::Volume, "scaleIO") => Scope::ScaleIo,
        (Scope::Volume, "ephemeral") | (Scope::Ephemeral, "volumeClaimTemplate") => Scope::Ephemeral,
        (Scope::Ephemeral, "spec") => Scope::Claim,
        _ => Scope::Other,
    }
}

fn strip(value: &Value, scope: Scope, depth: usize) -> Value {
    if depth == 0 {
        return value.clone();
    }
    match value {
        Value::Object(map) => Value::Object(strip_map(map, scope, depth)),
        Value::Array(list) => list.iter().map(|item| strip(item, scope, depth - 1)).collect(),
        Value::Number(number) => whole(number).map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn strip_map(map: &Map<String, Value>, scope: Scope, depth: usize) -> Map<String, Value> {
    let mut map = map.clone();
    respell(&mut map, scope);
    let kept: BTreeMap<String, Value> = map
        .iter()
        .filter(|&(key, value)| !is_default(scope, key, value))
        .map(|(key, value)| (key.clone(), strip_field(value, scope, key, depth)))
        .filter(|(key, value)| !is_nothing(scope, key, value))
        .collect();
    kept.into_iter().collect()
}

fn strip_field(value: &Value, scope: Scope, key: &str, depth: usize) -> Value {
    let is_amount = scope == Scope::Quantities
        || matches!((scope, key), (Scope::EmptyDir, "sizeLimit") | (Scope::ResourceRef, "divisor"));
    if is_amount { amount(value) } else { strip(value, inner(scope, key), depth - 1) }
}

/// Rules that look at more than one field.
fn respell(map: &mut Map<String, Value>, scope: Scope) {
    match scope {
        Scope::Pod => {
            one_service_account(map);
            own_host_ports(map);
        }
        Scope::Container => {
            let image = map.get("image").and_then(Value::as_str).unwrap_or_default();
            let policy = pull_policy(image);
            map.retain(|key, value| key != "imagePullPolicy" || value.as_str() != Some(policy));
        }
        _ => {}
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`, and the API server writes both.
fn one_service_account(map: &mut Map<String, Value>) {
    let Some(old) = map.shift_remove("serviceAccount") else { return };
    if map.get("serviceAccountName").and_then(Value::as_str).unwrap_or_default().is_empty() {
        map.insert("serviceAccountName".to_owned(), old);
    }
}

/// On the host's network, a port of a container is the same port of the host.
fn own_host_ports(map: &mut Map<String, Value>) {
    if map.get("hostNetwork").and_then(Value::as_bool) != Some(true) {
        return;
    }
    for containers in ["containers", "initContainers"] {
        let containers = map.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten();
        let ports = containers.filter_map(|container| container.get_mut("ports")?.as_array_mut()).flatten();
        for port in ports.filter_map(Value::as_object_mut) {
            if port.get("hostPort").is_some() && port.get("hostPort") == port.get("containerPort") {
                port.shift_remove("hostPort");
            }
        }
    }
}

/// The pull policy of an image that names none: what may change under its name is pulled each time.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
        None if digest.is_some() || image.is_empty() => "IfNotPresent",
        None => "Always",
    }
}

fn is_default(scope: Scope, key: &str, value: &Value) -> bool {
    DEFAULTS.iter().any(|(at, name, default)| *at == scope && *name == key && default.is(value))
}

/// Whether a stripped field says nothing.
fn is_nothing(scope: Scope, key: &str, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    if EMPTY_COUNTS.contains(&key) {
        return false;
    }
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) if (scope, key) == (Scope::ResourceRef, "divisor") => text == NO_AMOUNT,
        Value::String(text) => text.is_empty() && scope != Scope::Texts,
        _ => false,
    }
}

/// A whole number in one spelling: `420.0` is 420.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    // Beyond 2^53 a float does not name one whole number.
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
}

/// What [`amount`] makes of 0: as a divisor, the API server's word for none.
const NO_AMOUNT: &str = "0n";

/// An amount in one spelling, billionths; what is no amount stays as it is.
fn amount(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return other.clone(),
    };
    Quantity::parse(&text)
        .map_or_else(|_| value.clone(), |quantity| Value::from(format!("{}n", quantity.nanos())))
}
