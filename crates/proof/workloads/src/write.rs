//! What a planner wants done: values, in the order in which they are safe to do.

use crate::json::{stamp, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_api::diff::merge_diff;

/// The kinds that these controllers read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Pod,
    Node,
    Service,
    Endpoints,
    Event,
    Deployment,
    ReplicaSet,
    DaemonSet,
    EndpointSlice,
    Budget,
}

impl Kind {
    /// Every kind that is watched: all but events.
    pub(crate) const WATCHED: [Self; 9] = [
        Self::Pod,
        Self::Node,
        Self::Service,
        Self::Endpoints,
        Self::Deployment,
        Self::ReplicaSet,
        Self::DaemonSet,
        Self::EndpointSlice,
        Self::Budget,
    ];

    /// Group, kind and plural; the version is `v1` for all.
    pub(crate) fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pod => ("", "Pod", "pods"),
            Self::Node => ("", "Node", "nodes"),
            Self::Service => ("", "Service", "services"),
            Self::Endpoints => ("", "Endpoints", "endpoints"),
            Self::Event => ("", "Event", "events"),
            Self::Deployment => ("apps", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "ReplicaSet", "replicasets"),
            Self::DaemonSet => ("apps", "DaemonSet", "daemonsets"),
            Self::EndpointSlice => ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
            Self::Budget => ("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
        }
    }

    /// `v1`, `apps/v1` and so on.
    pub(crate) fn api_version(self) -> String {
        match self.names().0 {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    /// The request path of the collection, or of one object of it when `name` is not empty.
    pub(crate) fn path(self, namespace: &str, name: &str, subresource: &str) -> String {
        let (group, _, plural) = self.names();
        let mut path = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        if !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        for part in [plural, name, subresource].into_iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        path
    }
}

/// Which object: kind, namespace ("" for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key of an object of this kind.
    pub(crate) fn of(kind: Kind, object: &Value) -> Self {
        Self::new(kind, text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    }
}

/// One request to the API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    Create {
        kind: Kind,
        object: Value,
        /// Told once the object exists; its name is appended to the message.
        told: Option<Event>,
    },
    /// A merge patch; a `resourceVersion` in it is the precondition.
    Patch {
        key: Key,
        subresource: &'static str,
        patch: Value,
    },
    Delete {
        key: Key,
        uid: String,
        told: Option<Event>,
    },
    Bind {
        namespace: String,
        pod: String,
        node: String,
    },
    /// Best effort: a refused event stops nothing.
    Event(Event),
}

/// A Kubernetes event, before it has a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) about: Value,
    pub(crate) warning: bool,
    pub(crate) component: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Event {
    pub(crate) fn new(
        kind: Kind,
        object: &Value,
        component: &'static str,
        reason: &'static str,
        message: String,
    ) -> Self {
        let about = json!({
            "apiVersion": kind.api_version(), "kind": kind.names().1,
            "namespace": text(object, "/metadata/namespace"), "name": text(object, "/metadata/name"),
            "uid": text(object, "/metadata/uid"), "resourceVersion": text(object, "/metadata/resourceVersion"),
        });
        Self { about, warning: false, component, reason, message }
    }

    pub(crate) fn warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// The event's own object. `sequence` keeps two events of one instant apart.
    pub(crate) fn object(&self, now: Timestamp, sequence: u64) -> Value {
        let unique = (now.as_nanosecond() as u64).wrapping_add(sequence);
        let (name, namespace) = (text(&self.about, "/name"), text(&self.about, "/namespace"));
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{name}.{unique:x}"), "namespace": namespace},
            "involvedObject": self.about, "reason": self.reason, "message": self.message,
            "type": if self.warning { "Warning" } else { "Normal" },
            "source": {"component": self.component}, "reportingComponent": self.component, "reportingInstance": "",
            "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "count": 1,
        })
    }
}

/// What one pass over one object wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) writes: Vec<Write>,
    /// Look again at this instant, even when nothing changes until then.
    pub(crate) wake: Option<Timestamp>,
}

impl Plan {
    /// Looks again at `at`, or earlier when an earlier instant is already asked for.
    pub(crate) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }
}

/// A patch of the metadata or spec that is refused when the object has changed since it was read.
pub(crate) fn guarded(kind: Kind, object: &Value, mut patch: Value) -> Write {
    let version = text(object, "/metadata/resourceVersion");
    if !version.is_empty() {
        patch["metadata"]["resourceVersion"] = json!(version);
    }
    Write::Patch { key: Key::of(kind, object), subresource: "", patch }
}

/// The patch that makes `object`'s status `wanted`, if it is not so yet.
pub(crate) fn status_patch(kind: Kind, object: &Value, wanted: &Value) -> Option<Write> {
    let empty = json!({});
    let difference = merge_diff(object.pointer("/status").unwrap_or(&empty), wanted)?;
    Some(Write::Patch {
        key: Key::of(kind, object),
        subresource: "status",
        patch: json!({"status": difference}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(Kind::Pod.path("ns", "p", "binding"), "/api/v1/namespaces/ns/pods/p/binding");
        assert_eq!(Kind::Deployment.path("ns", "", ""), "/apis/apps/v1/namespaces/ns/deployments");
        assert_eq!(Kind::Node.path("", "n", "status"), "/api/v1/nodes/n/status");
    }
}
