//! The built-in kinds: one line each. Facts are those of a real API server's discovery.

use super::{ALL_VERBS, KindInfo, ScalePaths};

/// One line of the table.
struct Line {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    /// Letters: `n` namespaced, `s` status subresource, `c` scale subresource.
    flags: &'static str,
}

/// Namespaces cannot be deleted all at once.
const NAMESPACE_VERBS: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

const fn line(
    gv: (&'static str, &'static str),
    names: (&'static str, &'static str),
    short: &'static [&'static str],
    categories: &'static [&'static str],
    flags: &'static str,
) -> Line {
    Line { group: gv.0, version: gv.1, kind: names.0, plural: names.1, short, categories, flags }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const NETWORKING: (&str, &str) = ("networking.k8s.io", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const HPA: (&str, &str) = ("HorizontalPodAutoscaler", "horizontalpodautoscalers");
const CRD: (&str, &str) = ("CustomResourceDefinition", "customresourcedefinitions");

const LINES: &[Line] = &[
    line(CORE, ("ConfigMap", "configmaps"), &["cm"], &[], "n"),
    line(CORE, ("Endpoints", "endpoints"), &["ep"], &[], "n"),
    line(CORE, ("Event", "events"), &["ev"], &[], "n"),
    line(CORE, ("Namespace", "namespaces"), &["ns"], &[], "s"),
    line(CORE, ("Node", "nodes"), &["no"], &[], "s"),
    line(CORE, ("Pod", "pods"), &["po"], &["all"], "ns"),
    line(CORE, ("Secret", "secrets"), &[], &[], "n"),
    line(CORE, ("ServiceAccount", "serviceaccounts"), &["sa"], &[], "n"),
    line(CORE, ("Service", "services"), &["svc"], &["all"], "ns"),
    line(("apiextensions.k8s.io", "v1"), CRD, &["crd", "crds"], &["api-extensions"], "s"),
    line(APPS, ("DaemonSet", "daemonsets"), &["ds"], &["all"], "ns"),
    line(APPS, ("Deployment", "deployments"), &["deploy"], &["all"], "nsc"),
    line(APPS, ("ReplicaSet", "replicasets"), &["rs"], &["all"], "nsc"),
    line(("autoscaling", "v2"), HPA, &["hpa"], &["all"], "ns"),
    line(("autoscaling", "v1"), HPA, &["hpa"], &["all"], "ns"),
    line(("coordination.k8s.io", "v1"), ("Lease", "leases"), &[], &[], "n"),
    line(("discovery.k8s.io", "v1"), ("EndpointSlice", "endpointslices"), &[], &[], "n"),
    line(("events.k8s.io", "v1"), ("Event", "events"), &["ev"], &[], "n"),
    line(NETWORKING, ("IngressClass", "ingressclasses"), &[], &[], ""),
    line(NETWORKING, ("Ingress", "ingresses"), &["ing"], &[], "ns"),
    line(("policy", "v1"), ("PodDisruptionBudget", "poddisruptionbudgets"), &["pdb"], &[], "ns"),
    line(RBAC, ("ClusterRoleBinding", "clusterrolebindings"), &[], &[], ""),
    line(RBAC, ("ClusterRole", "clusterroles"), &[], &[], ""),
    line(RBAC, ("RoleBinding", "rolebindings"), &[], &[], "n"),
    line(RBAC, ("Role", "roles"), &[], &[], "n"),
];

/// The built-in kinds, in the order in which a real API server lists them.
///
/// `autoscaling/v1` and `events.k8s.io/v1` are other spellings of objects stored as `autoscaling/v2` and core
/// `v1`; see [`crate::convert`].
#[must_use]
pub fn builtin() -> Vec<KindInfo> {
    LINES.iter().map(Line::info).collect()
}

impl Line {
    fn info(&self) -> KindInfo {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let scale = || ScalePaths {
            spec: ".spec.replicas".to_owned(),
            status: ".status.replicas".to_owned(),
            selector: Some(".spec.selector".to_owned()),
        };
        KindInfo {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: owned(self.short),
            categories: owned(self.categories),
            namespaced: self.flags.contains('n'),
            verbs: if self.kind == "Namespace" { NAMESPACE_VERBS } else { ALL_VERBS },
            status: self.flags.contains('s'),
            scale: self.flags.contains('c').then(scale),
            columns: Vec::new(),
            schema: None,
            custom: false,
            storage: !matches!((self.group, self.version), ("autoscaling", "v1") | ("events.k8s.io", _)),
        }
    }
}
