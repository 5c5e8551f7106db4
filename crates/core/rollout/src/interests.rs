//! What must be seen to plan for a Rollout.

use serin_api::{kinds, rollout::Rollout};
use serin_kernel::{Interest, Object};

use crate::resolve;

/// Everything that the Rollout owns, names or selects.
pub(crate) fn interests(object: &Object) -> Vec<Interest> {
    let rollout = serin_api::lenient::<Rollout>(object.value()).value;
    let namespace = &object.meta().namespace;
    let mut interests = vec![Interest::Owned(kinds::REPLICA_SET)];
    if let Some(selector) = rollout.spec.selector.as_ref().and_then(serin_api::meta::LabelSelector::selector)
    {
        interests.push(Interest::Selected {
            kind: kinds::REPLICA_SET,
            namespace: namespace.clone(),
            selector,
        });
    }
    interests.extend(resolve::key(namespace, &rollout).map(Interest::Named));
    let Some(canary) = rollout.canary() else {
        return interests;
    };
    let services =
        [&canary.stable_service, &canary.canary_service].into_iter().filter(|name| !name.is_empty());
    interests
        .extend(services.map(|name| Interest::Named(kinds::SERVICE.key(namespace.clone(), name.clone()))));
    interests.extend(crate::routers::keys(object, canary).into_iter().map(Interest::Named));
    interests
}
