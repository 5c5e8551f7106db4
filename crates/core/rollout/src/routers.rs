//! The bridge to the traffic routers.

use serin_api::rollout::{CanaryStrategy, NginxRouting};
use serin_kernel::{Key, Object, Weight, Write};
use serin_traffic::{Error, Intent, Nginx, Router};

use crate::scene::Scene;

/// The objects that the routers read and write.
pub(crate) fn keys(owner: &Object, canary: &CanaryStrategy) -> Vec<Key> {
    routers(canary).iter().flat_map(|router| router.keys(owner)).collect()
}

/// The writes that give the new version `weight`.
///
/// # Errors
/// What a router cannot do.
pub(crate) fn writes(scene: &Scene<'_>, weight: u32) -> Result<Vec<Write>, Error> {
    let canary = scene.canary;
    let services = (canary.stable_service.as_str(), canary.canary_service.as_str());
    let whole = Weight(scene.whole().max_weight);
    let intent = Intent::split(scene.object(), services, Weight(weight), whole);
    let mut writes = Vec::new();
    for router in routers(canary) {
        writes.extend(router.writes(&intent, scene.observed)?);
    }
    Ok(writes)
}

/// The largest weight that a router's objects ask for now, if any can be read.
pub(crate) fn observed(scene: &Scene<'_>) -> Option<u32> {
    let weight = |router: &Router| router.observed_weight(scene.object(), scene.observed);
    routers(scene.canary).iter().filter_map(weight).map(|weight| weight.0).max()
}

fn routers(canary: &CanaryStrategy) -> Vec<Router> {
    let Some(routing) = &canary.traffic_routing else {
        return Vec::new();
    };
    let total = routing.max_traffic_weight.and_then(|total| u32::try_from(total).ok());
    routing.nginx.iter().map(|routing| Router::Nginx(nginx(routing, total.map(Weight)))).collect()
}

fn nginx(routing: &NginxRouting, total: Option<Weight>) -> Nginx {
    Nginx {
        prefix: routing.annotation_prefix().to_owned(),
        ingresses: routing.ingresses().map(str::to_owned).collect(),
        additional: routing.additional_ingress_annotations.clone(),
        verbatim: routing.canary_ingress_annotations.clone(),
        total,
    }
}
