//! What speaks against a shift, before it begins.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::{
    network::Service,
    workload::{Deployment, DeploymentSpec},
};

/// Something that speaks against a shift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No Service, or not the one that was named, sends requests to both.
    #[error("{}", no_service(.named.as_deref(), .from, .to))]
    NoService {
        /// The Service that was named.
        named: Option<String>,
        /// The old Deployment.
        from: String,
        /// The new Deployment.
        to: String,
    },
    /// One Deployment would take the other's pods for its own.
    #[error(
        "the selector of deployment {of:?} also matches the pods of {other:?}: give each a label of its own, such as a version"
    )]
    SharedPods {
        /// The Deployment with the selector.
        of: String,
        /// The Deployment with the pods.
        other: String,
    },
    /// An autoscaler would undo what the shift does. This one is a warning.
    #[error(
        "the HorizontalPodAutoscaler {autoscaler:?} scales deployment {deployment:?} too, and the two will undo each other's work: delete it, or fix its minReplicas and maxReplicas, for the time of the shift"
    )]
    Autoscaler {
        /// Its name.
        autoscaler: String,
        /// The Deployment that it scales.
        deployment: String,
    },
}

impl Problem {
    /// Whether the shift may begin all the same.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Autoscaler { .. })
    }
}

fn no_service(named: Option<&str>, from: &str, to: &str) -> String {
    let both = format!("the pods of both {from:?} and {to:?}");
    named.map_or_else(
        || format!("no service selects {both}: moving pods would not move requests"),
        |name| format!("service {name:?} does not select {both}: moving pods would not move its requests"),
    )
}

/// What speaks against moving pods from one Deployment to the other, given the namespace's Services and
/// autoscalers (HPA). `service` is the one that was named, if one was.
#[must_use]
pub fn check(
    from: &Deployment,
    to: &Deployment,
    services: &[Service],
    autoscalers: &[Value],
    service: Option<&str>,
) -> Vec<Problem> {
    let name = |deployment: &Deployment| deployment.metadata.name.clone();
    let mut problems = Vec::new();
    let (from_labels, to_labels) = (pod_labels(&from.spec), pod_labels(&to.spec));
    let serves_both = |candidate: &&Service| {
        let selector = &candidate.spec.selector;
        let selects = |labels: &BTreeMap<String, String>| {
            selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        !selector.is_empty() && selects(&from_labels) && selects(&to_labels)
    };
    let meant = |candidate: &&Service| service.is_none_or(|service| candidate.metadata.name == service);
    if !services.iter().filter(meant).any(|candidate| serves_both(&candidate)) {
        problems.push(Problem::NoService {
            named: service.map(str::to_owned),
            from: name(from),
            to: name(to),
        });
    }
    for (of, other, labels) in [(from, to, &to_labels), (to, from, &from_labels)] {
        if of.spec.selector.selector().is_some_and(|selector| selector.matches(labels)) {
            problems.push(Problem::SharedPods { of: name(of), other: name(other) });
        }
    }
    for autoscaler in autoscalers {
        let text = |pointer: &str| autoscaler.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let target = text("/spec/scaleTargetRef/name");
        if text("/spec/scaleTargetRef/kind") == "Deployment"
            && [name(from), name(to)].contains(&target.to_owned())
        {
            problems.push(Problem::Autoscaler {
                autoscaler: text("/metadata/name").to_owned(),
                deployment: target.to_owned(),
            });
        }
    }
    problems
}

fn pod_labels(spec: &DeploymentSpec) -> BTreeMap<String, String> {
    let labels = spec.template.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}
