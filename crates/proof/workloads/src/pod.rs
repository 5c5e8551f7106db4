//! What the controllers read of a pod: some two hundred bytes instead of several kilobytes.

use crate::json::{Labels, Owner, int, int_text, labels, list, owner, text, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A pod's phase, ordered by how gladly a controller parts with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

/// A container port, for Services whose target port is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) protocol: String,
}

/// A pod as the controllers see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) labels: Labels,
    pub(crate) owner: Option<Owner>,
    pub(crate) created: Option<Timestamp>,
    pub(crate) deleting: bool,
    pub(crate) phase: Phase,
    pub(crate) node: String,
    pub(crate) host_ip: String,
    pub(crate) ips: Vec<String>,
    /// Since when the Ready condition is True.
    pub(crate) ready_since: Option<Timestamp>,
    pub(crate) ready: bool,
    pub(crate) restarts: i64,
    pub(crate) deletion_cost: i64,
    pub(crate) ports: Vec<Port>,
    pub(crate) gated: bool,
    pub(crate) scheduler: String,
}

impl Pod {
    /// Reads what is there; a field of the wrong type is as good as absent.
    pub(crate) fn read(object: &Value) -> Self {
        let ready = list(object, "/status/conditions").iter().find(|c| text(c, "/type") == "Ready");
        let is_ready = ready.is_some_and(|condition| text(condition, "/status") == "True");
        Self {
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            uid: text(object, "/metadata/uid").to_owned(),
            version: version(object),
            labels: labels(object, "/metadata/labels"),
            owner: owner(object),
            created: time(object, "/metadata/creationTimestamp"),
            deleting: !text(object, "/metadata/deletionTimestamp").is_empty(),
            phase: phase(text(object, "/status/phase")),
            node: text(object, "/spec/nodeName").to_owned(),
            host_ip: text(object, "/status/hostIP").to_owned(),
            ips: ips(object),
            ready_since: ready
                .filter(|_| is_ready)
                .and_then(|condition| time(condition, "/lastTransitionTime")),
            ready: is_ready,
            restarts: list(object, "/status/containerStatuses")
                .iter()
                .map(|c| int(c, "/restartCount", 0))
                .max()
                .unwrap_or(0),
            deletion_cost: int_text(
                object,
                "/metadata/annotations/controller.kubernetes.io~1pod-deletion-cost",
            )
            .unwrap_or(0),
            ports: ports(object),
            scheduler: text(object, "/spec/schedulerName").to_owned(),
            gated: !list(object, "/spec/schedulingGates").is_empty(),
        }
    }

    /// Counts towards a controller's replicas: neither finished nor on its way out.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_finished() && !self.deleting
    }

    /// Will never run again.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Since when the pod is available at the latest: ready for `min_ready_sec`.
    pub(crate) fn available_at(&self, min_ready_sec: i64) -> Option<Timestamp> {
        if !self.ready {
            return None;
        }
        if min_ready_sec <= 0 {
            return Some(Timestamp::MIN);
        }
        self.ready_since?.checked_add(SignedDuration::from_secs(min_ready_sec)).ok()
    }

    /// Whether the pod is available now.
    pub(crate) fn is_available(&self, min_ready_sec: i64, now: Timestamp) -> bool {
        self.available_at(min_ready_sec).is_some_and(|at| at <= now)
    }

    /// Whether `uid` is the pod's controller.
    pub(crate) fn is_owned_by(&self, uid: &str) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.uid == uid)
    }
}

/// An object's resourceVersion as a number; 0 when it is not one.
pub(crate) fn version(object: &Value) -> u64 {
    text(object, "/metadata/resourceVersion").parse().unwrap_or(0)
}

fn phase(text: &str) -> Phase {
    match text {
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        "Unknown" => Phase::Unknown,
        _ => Phase::Pending,
    }
}

fn ips(object: &Value) -> Vec<String> {
    let mut ips: Vec<String> = list(object, "/status/podIPs")
        .iter()
        .map(|ip| text(ip, "/ip").to_owned())
        .filter(|ip| !ip.is_empty())
        .collect();
    let primary = text(object, "/status/podIP");
    if ips.is_empty() && !primary.is_empty() {
        ips.push(primary.to_owned());
    }
    ips
}

fn ports(object: &Value) -> Vec<Port> {
    let ports = list(object, "/spec/containers").iter().flat_map(|container| list(container, "/ports"));
    ports
        .filter(|port| !text(port, "/name").is_empty())
        .filter_map(|port| {
            let protocol = if text(port, "/protocol").is_empty() { "TCP" } else { text(port, "/protocol") };
            Some(Port {
                name: text(port, "/name").to_owned(),
                number: u16::try_from(int(port, "/containerPort", 0)).ok()?,
                protocol: protocol.to_owned(),
            })
        })
        .collect()
}
