//! Whether users reach pods, whatever the last write was.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::Kind;

use crate::world::World;

/// Who of the users would reach no pods now; none when all do.
pub(crate) fn unserved(world: &World) -> Option<String> {
    led(world).into_iter().find_map(|(service, name)| {
        let deployment = there(world, kinds::DEPLOYMENT, &name)?;
        let has = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_i64).unwrap_or(0) != 0;
        let is_served = has("/spec/replicas") && has("/status/availableReplicas");
        (!is_served).then(|| format!("users of {service} reach no pods of {name}: {}", deployment["status"]))
    })
}

/// The Deployments that users are led to, each with the Service: that with the Service's selector.
pub(crate) fn led(world: &World) -> Vec<(String, String)> {
    let apex = world.canary["spec"]["service"]["name"].as_str();
    let apex = apex.or(world.canary["spec"]["targetRef"]["name"].as_str()).unwrap();
    let mut services: BTreeSet<String> = [apex.to_owned()].into();
    for kind in [kinds::ISTIO_VIRTUAL_SERVICE, kinds::HTTP_ROUTE] {
        reached(&world.get(kind, apex)["spec"], &mut services);
    }
    let ingress = world.get(kinds::INGRESS, &format!("{apex}-canary"));
    let marks = &ingress["metadata"]["annotations"];
    let mark = |name: &str| marks[format!("nginx.ingress.kubernetes.io/{name}")].as_str().unwrap_or_default();
    let is_matched = ["canary-by-header", "canary-by-cookie"].iter().any(|name| !mark(name).is_empty());
    if mark("canary") == "true" && (is_matched || !["", "0"].contains(&mark("canary-weight"))) {
        services.insert(format!("{apex}-canary"));
    }
    let selected = services.into_iter().filter_map(|service| {
        let object = there(world, kinds::SERVICE, &service)?;
        let selector = object["spec"]["selector"]["app"].as_str()?.to_owned();
        Some((service, selector))
    });
    selected.collect()
}

fn there(world: &World, kind: Kind, name: &str) -> Option<Value> {
    Some(world.get(kind, name)).filter(|it| !it.is_null())
}

/// The Services that get any of the traffic.
fn reached(value: &Value, services: &mut BTreeSet<String>) {
    for item in value.as_array().into_iter().flatten() {
        reached(item, services);
    }
    let Some(map) = value.as_object() else { return };
    if let Some(weight) = map.get("weight") {
        let name = map.get("destination").map_or(&value["name"], |it| &it["host"]);
        if *weight != json!(0) {
            services.extend(name.as_str().map(str::to_owned));
        }
    }
    map.values().for_each(|value| reached(value, services));
}
