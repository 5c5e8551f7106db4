//! The pod template and the selector that a Rollout means: its own, or those of the workload that it refers to.

use serde_json::Value;
use serin_api::{kinds, meta::LabelSelector, rollout::Rollout, validate};
use serin_kernel::{Key, Kind, Observed};

use crate::check::Invalid;

/// What a Rollout means.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// Its pod template.
    pub(crate) template: Value,
    /// Which pods are its own.
    pub(crate) selector: LabelSelector,
    /// The generation of the workload that it refers to.
    pub(crate) generation: Option<i64>,
}

/// The workload that the Rollout refers to.
pub(crate) fn key(namespace: &str, rollout: &Rollout) -> Option<Key> {
    let workload = rollout.spec.workload_ref.as_ref()?;
    let kind = kind(&workload.api_version, &workload.kind)?;
    Some(kind.key(namespace, workload.name.clone()))
}

/// Finds the template and the selector.
///
/// # Errors
/// When there is no such workload, or it cannot be referred to.
pub(crate) fn resolve(observed: &Observed, rollout: &Rollout) -> Result<Resolved, Invalid> {
    let own = rollout.spec.selector.clone();
    let Some(workload) = &rollout.spec.workload_ref else {
        let template = rollout.spec.template.clone();
        return Ok(Resolved { template, selector: own.unwrap_or_default(), generation: None });
    };
    let invalid =
        |text: String| Invalid::new(format!("The Rollout \"{}\" is invalid: {text}", rollout.metadata.name));
    // Known without the workload, and told before anything about it.
    if let Some(own) = validate::validate(rollout).iter().find(|problem| problem.path == "spec.template") {
        return Err(Invalid::new(validate::message(&rollout.metadata.name, own)));
    }
    let shown = format!("{}/{} {}", workload.api_version, workload.kind, workload.name);
    let Some(key) = key(&observed.object.meta().namespace, rollout) else {
        let text = "must be a Deployment or ReplicaSet of apps/v1 or a PodTemplate of v1";
        return Err(invalid(format!("spec.workloadRef: Invalid value: \"{shown}\": {text}")));
    };
    let Some(object) = observed.get(&key) else {
        let text = format!("{} \"{}\" not found", key.kind, workload.name);
        let text = format!("spec.workloadRef.name: Invalid value: \"{}\": {text}", workload.name);
        return Err(Invalid { waits: true, ..invalid(text) });
    };
    let body = object.value();
    let path = if key.kind == kinds::POD_TEMPLATE { "/template" } else { "/spec/template" };
    let template = body.pointer(path).cloned().unwrap_or(Value::Null);
    let read = |value: &Value| serin_api::lenient::<LabelSelector>(value.clone()).value;
    let selector = own.or_else(|| body.pointer("/spec/selector").map(read)).unwrap_or_default();
    Ok(Resolved { template, selector, generation: Some(object.meta().generation) })
}

fn kind(api_version: &str, kind: &str) -> Option<Kind> {
    let known = [kinds::DEPLOYMENT, kinds::REPLICA_SET, kinds::POD_TEMPLATE];
    known.into_iter().find(|known| known.kind == kind && known.api_version() == api_version)
}
