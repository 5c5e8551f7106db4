//! What must be seen to plan for a Rollout.

use serin_api::{
    kinds,
    meta::LabelSelector,
    names::labels,
    rollout::Rollout,
    validate::{referenced_ingresses, referenced_services},
};
use serin_kernel::{Interest, Object, Operator, Requirement, Selector};

use crate::{dress, resolve, restart, routers};

/// Everything that the Rollout owns, names or selects. Pods only when they are looked at one by one: for a restart that
/// is pending, and for labels and annotations of their role.
pub(crate) fn interests(object: &Object) -> Vec<Interest> {
    let rollout = serin_api::lenient::<Rollout>(object.value()).value;
    let namespace = &object.meta().namespace;
    let mut interests = vec![Interest::Owned(kinds::REPLICA_SET)];
    let own = rollout.spec.selector.as_ref().and_then(LabelSelector::selector);
    // The selector of a workload that is referred to is not known here: all that any Rollout made is looked at, and
    // owners tell whose it is.
    let any = rollout.spec.workload_ref.as_ref().map(|_| made_by_rollouts());
    let selector = own.filter(|selector| !selector.requirements.is_empty()).or(any);
    if let Some(selector) = selector {
        let selected =
            |kind| Interest::Selected { kind, namespace: namespace.clone(), selector: selector.clone() };
        interests.push(selected(kinds::REPLICA_SET));
        let dresses = rollout.canary().is_some_and(|canary| dress::looks_at_pods(object, canary));
        if dresses || restart::is_pending(rollout.spec.restart_at, rollout.status.restarted_at) {
            interests.push(selected(kinds::POD));
        }
    }
    interests.extend(resolve::key(namespace, &rollout).map(Interest::Named));
    let services = referenced_services(&rollout)
        .into_iter()
        .map(|named| kinds::SERVICE.key(namespace.clone(), named.name));
    let ingresses = referenced_ingresses(&rollout)
        .into_iter()
        .map(|named| kinds::INGRESS.key(namespace.clone(), named.name));
    interests.extend(services.chain(ingresses).map(Interest::Named));
    if let Some(canary) = rollout.canary() {
        interests.extend(routers::keys(object, canary).into_iter().map(Interest::Named));
    }
    interests
}

fn made_by_rollouts() -> Selector {
    let key = labels::POD_TEMPLATE_HASH.to_owned();
    Selector { requirements: vec![Requirement { key, operator: Operator::Exists, values: Vec::new() }] }
}
