//! Merge keys and strategies of the built-in kinds: facts published in the `OpenAPI` of Kubernetes 1.33
//! (`x-kubernetes-patch-strategy`, `x-kubernetes-patch-merge-key`).

/// How a field is patched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Strategy {
    /// Maps merge field by field, lists are replaced.
    #[default]
    Default,
    /// A list of objects merges by this key.
    MergeBy(&'static str),
    /// A list of scalars merges as a set.
    MergeSet,
    /// A map is replaced.
    Replace,
}

/// A place in the types of Kubernetes: the name of a line group in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place(Option<&'static str>);

/// (type, field, strategy, type of the field or of its items; empty where nothing inside is special).
type Field = (&'static str, &'static str, Strategy, &'static str);

use Strategy::{Default as Plain, MergeBy, MergeSet, Replace};

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    ("Meta", "ownerReferences", MergeBy("uid"), ""),
    ("Meta", "finalizers", MergeSet, ""),
    ("Conditions", "conditions", MergeBy("type"), ""),
    ("Workload", "metadata", Plain, "Meta"),
    ("Workload", "spec", Plain, "WorkloadSpec"),
    ("Workload", "status", Plain, "Conditions"),
    ("WorkloadSpec", "template", Plain, "Template"),
    ("Template", "metadata", Plain, "Meta"),
    ("Template", "spec", Plain, "PodSpec"),
    ("Pod", "metadata", Plain, "Meta"),
    ("Pod", "spec", Plain, "PodSpec"),
    ("Pod", "status", Plain, "PodStatus"),
    ("PodSpec", "containers", MergeBy("name"), "Container"),
    ("PodSpec", "initContainers", MergeBy("name"), "Container"),
    ("PodSpec", "ephemeralContainers", MergeBy("name"), "Container"),
    ("PodSpec", "volumes", MergeBy("name"), ""),
    ("PodSpec", "hostAliases", MergeBy("ip"), ""),
    ("PodSpec", "imagePullSecrets", MergeBy("name"), ""),
    ("PodSpec", "resourceClaims", MergeBy("name"), ""),
    ("PodSpec", "schedulingGates", MergeBy("name"), ""),
    ("PodSpec", "topologySpreadConstraints", MergeBy("topologyKey"), ""),
    ("Container", "env", MergeBy("name"), ""),
    ("Container", "ports", MergeBy("containerPort"), ""),
    ("Container", "volumeDevices", MergeBy("devicePath"), ""),
    ("Container", "volumeMounts", MergeBy("mountPath"), ""),
    ("PodStatus", "conditions", MergeBy("type"), ""),
    ("PodStatus", "hostIPs", MergeBy("ip"), ""),
    ("PodStatus", "podIPs", MergeBy("ip"), ""),
    ("PodStatus", "resourceClaimStatuses", MergeBy("name"), ""),
    ("Service", "metadata", Plain, "Meta"),
    ("Service", "spec", Plain, "ServiceSpec"),
    ("Service", "status", Plain, "Conditions"),
    ("ServiceSpec", "ports", MergeBy("port"), ""),
    ("ServiceAccount", "metadata", Plain, "Meta"),
    ("ServiceAccount", "secrets", MergeBy("name"), ""),
    ("Node", "metadata", Plain, "Meta"),
    ("Node", "spec", Plain, "NodeSpec"),
    ("Node", "status", Plain, "NodeStatus"),
    ("NodeSpec", "podCIDRs", MergeSet, ""),
    ("NodeStatus", "addresses", MergeBy("type"), ""),
    ("NodeStatus", "conditions", MergeBy("type"), ""),
    ("PodDisruptionBudget", "metadata", Plain, "Meta"),
    ("PodDisruptionBudget", "spec", Plain, "PodDisruptionBudgetSpec"),
    ("PodDisruptionBudget", "status", Plain, "Conditions"),
    ("PodDisruptionBudgetSpec", "selector", Replace, ""),
    ("Status", "metadata", Plain, "Meta"),
    ("Status", "status", Plain, "Conditions"),
    ("Other", "metadata", Plain, "Meta"),
];

/// Which line group a kind begins with; kinds that are not here have nothing special below `metadata`.
const ROOTS: &[(&str, &str, &str)] = &[
    ("", "Pod", "Pod"),
    ("", "Service", "Service"),
    ("", "ServiceAccount", "ServiceAccount"),
    ("", "Node", "Node"),
    ("", "Namespace", "Status"),
    ("apps", "Deployment", "Workload"),
    ("apps", "ReplicaSet", "Workload"),
    ("apps", "DaemonSet", "Workload"),
    ("policy", "PodDisruptionBudget", "PodDisruptionBudget"),
    ("autoscaling", "HorizontalPodAutoscaler", "Status"),
];

/// Where a kind begins.
pub(super) fn root(group: &str, kind: &str) -> Place {
    let found = ROOTS.iter().find(|(g, k, _)| *g == group && *k == kind);
    Place(Some(found.map_or("Other", |(_, _, place)| place)))
}

impl Place {
    /// The strategy of a field and the place below it.
    pub(super) fn field(self, name: &str) -> (Strategy, Place) {
        let found = FIELDS.iter().find(|(type_, field, ..)| Some(*type_) == self.0 && *field == name);
        match found {
            Some((_, _, strategy, below)) => {
                (*strategy, Place(Some(below).filter(|b| !b.is_empty()).copied()))
            }
            None => (Strategy::Default, Place(None)),
        }
    }
}
