//! What the node double reads of a pod.

use crate::image::Behaviour;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a pod without container ports serves.
const PORT_DEFAULT: u16 = 8080;

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
}

/// What the last status says, as far as the double decides by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) phase: String,
    pub(crate) ip: String,
    pub(crate) started: Option<Timestamp>,
    /// Condition type to status.
    pub(crate) conditions: BTreeMap<String, String>,
    pub(crate) restarts: i64,
    pub(crate) waiting: String,
    /// When the container last exited.
    pub(crate) exited: Option<Timestamp>,
}

/// A pod in a few hundred bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) node: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) init: Vec<Container>,
    pub(crate) ports: Vec<u16>,
    pub(crate) gates: Vec<String>,
    pub(crate) template_hash: String,
    pub(crate) behaviour: Behaviour,
    /// The grace it was given by who asked for its deletion.
    pub(crate) grace: Option<Duration>,
    pub(crate) seen: Seen,
}

impl Pod {
    /// Reads what is there; a field of the wrong type is as good as absent.
    pub(crate) fn read(object: &Value) -> Self {
        let containers = containers(object, "/spec/containers");
        let image = containers.first().map_or("", |container| container.image.as_str());
        Self {
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            uid: text(object, "/metadata/uid").to_owned(),
            version: text(object, "/metadata/resourceVersion").parse().unwrap_or(0),
            node: text(object, "/spec/nodeName").to_owned(),
            behaviour: Behaviour::read(image, &texts(object, "/metadata/annotations")),
            containers,
            init: containers_of_init(object),
            ports: ports(object),
            gates: list(object, "/spec/readinessGates")
                .iter()
                .map(|g| text(g, "/conditionType").to_owned())
                .collect(),
            template_hash: template_hash(object),
            grace: grace(object),
            seen: Seen::read(object),
        }
    }

    /// Whether nothing more will happen to it.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.seen.phase.as_str(), "Succeeded" | "Failed")
    }
}

impl Seen {
    fn read(object: &Value) -> Self {
        let condition = |c: &Value| (text(c, "/type").to_owned(), text(c, "/status").to_owned());
        Self {
            phase: text(object, "/status/phase").to_owned(),
            ip: text(object, "/status/podIP").to_owned(),
            started: text(object, "/status/startTime").parse().ok(),
            conditions: list(object, "/status/conditions").iter().map(condition).collect(),
            restarts: object
                .pointer("/status/containerStatuses/0/restartCount")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            waiting: text(object, "/status/containerStatuses/0/state/waiting/reason").to_owned(),
            exited: text(object, "/status/containerStatuses/0/lastState/terminated/finishedAt").parse().ok(),
        }
    }

    pub(crate) fn is_true(&self, condition: &str) -> bool {
        self.conditions.get(condition).is_some_and(|status| status == "True")
    }
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = object.pointer(pointer).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn containers(object: &Value, pointer: &str) -> Vec<Container> {
    let read =
        |c: &Value| Container { name: text(c, "/name").to_owned(), image: text(c, "/image").to_owned() };
    list(object, pointer).iter().map(read).collect()
}

fn containers_of_init(object: &Value) -> Vec<Container> {
    containers(object, "/spec/initContainers")
}

fn ports(object: &Value) -> Vec<u16> {
    let declared = list(object, "/spec/containers").iter().flat_map(|container| list(container, "/ports"));
    let mut ports: Vec<u16> = declared
        .filter(|port| matches!(text(port, "/protocol"), "" | "TCP"))
        .filter_map(|port| u16::try_from(port.pointer("/containerPort")?.as_u64()?).ok())
        .filter(|port| *port != 0)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() { vec![PORT_DEFAULT] } else { ports }
}

fn template_hash(object: &Value) -> String {
    let labels = texts(object, "/metadata/labels");
    let hash = labels.get("rollouts-pod-template-hash").or_else(|| labels.get("pod-template-hash"));
    hash.cloned().unwrap_or_default()
}

/// How long a pod that is to go may take. When that ends, as the API stores it, is no use: whole seconds, by its clock.
fn grace(object: &Value) -> Option<Duration> {
    text(object, "/metadata/deletionTimestamp").parse::<Timestamp>().ok()?;
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0);
    Some(Duration::from_secs(grace.min(u64::from(u32::MAX))))
}
