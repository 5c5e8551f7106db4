//! What a person's tools see of a Canary: the objects around it, the split that is live, and the revision of its target.
//!
//! Property: no configuration and no Secret is looked at, so that whoever may see workloads and routes may use it.

use serin_api::{flagger::Canary, lenient};
use serin_kernel::{Key, Object, Observed};
use serin_traffic::{Split, front::Selector};

use crate::{front, objects, settings::Settings};

/// The target, its primary and the three Services.
#[must_use]
pub fn objects(canary: &Canary) -> Vec<Key> {
    let namespace = &canary.metadata.namespace;
    let services =
        [canary.apex_name().to_owned(), canary.primary_service_name(), canary.canary_service_name()];
    let workloads = [canary.spec.target_ref.name.clone(), canary.primary_name()];
    let kind = objects::Shape::of(&canary.spec.target_ref).map(objects::Shape::kind);
    let mut keys: Vec<Key> = Vec::new();
    for key in kind.iter().flat_map(|kind| workloads.iter().map(|name| kind.key(namespace.clone(), name))) {
        keys.push(key);
    }
    for name in services {
        let key = serin_api::kinds::SERVICE.key(namespace.clone(), name);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The objects of the router.
#[must_use]
pub fn routes(object: &Object, settings: &Settings) -> Vec<Key> {
    let canary = lenient::<Canary>(object.value()).value;
    let front = front::front(&canary, object.meta(), settings, Selector::default());
    front::provider(canary.spec.provider(&settings.mesh_provider)).keys(&front)
}

/// How the router's objects split the traffic.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn live(observed: &Observed, settings: &Settings) -> Result<Split, String> {
    let canary = lenient::<Canary>(observed.object.value()).value;
    let front = front::front(&canary, observed.object.meta(), settings, Selector::default());
    let provider = front::provider(canary.spec.provider(&settings.mesh_provider));
    let keys = provider.keys(&front);
    if !keys.is_empty() && !keys.iter().any(|key| observed.get(key).is_some()) {
        return Err("there are no routes yet".to_owned());
    }
    provider.routes(&front, observed).map_err(|error| error.to_string())
}

/// The revision that the target is at; none when it is not there.
#[must_use]
pub fn revision(observed: &Observed) -> Option<String> {
    let canary = lenient::<Canary>(observed.object.value()).value;
    let labels = objects::ObjectSettings::default();
    objects::Target::revision_of(observed, &canary, &labels)
}
