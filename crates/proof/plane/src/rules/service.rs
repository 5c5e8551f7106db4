//! Addresses and node ports of Services: given once, kept as long as the Service wants one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::set_or_remove;
use crate::cluster::{Cluster, Place};
use crate::status::{Refusal, cause};

/// The first two octets of every cluster address, Kubernetes' usual 10.96.0.0/16.
const ADDRESS_PREFIX: &str = "10.96";
/// Addresses are given from here on; the lowest are left to those who ask for one by name.
const ADDRESS_FIRST: u32 = 256;
/// The last address that is given; the one after it is the broadcast address.
const ADDRESS_LAST: u32 = 65_534;
/// Kubernetes' usual range of node ports.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Gives a Service the addresses and ports it needs and does not have.
pub(super) fn allocate(
    cluster: &Cluster,
    place: &Place,
    old: Option<&Value>,
    object: &mut Value,
) -> Result<(), Refusal> {
    let (addresses, ports) = taken(cluster, place);
    let kind = object["spec"]["type"].as_str().unwrap_or_default().to_owned();
    if kind == "ExternalName" {
        for field in ["clusterIP", "clusterIPs"] {
            set_or_remove(&mut object["spec"], field, None);
        }
        return Ok(());
    }
    let asked = object["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned();
    let kept = old.and_then(|old| old["spec"]["clusterIP"].as_str()).unwrap_or_default();
    let address = match (asked.as_str(), kept) {
        ("", "") => free_address(&addresses)?,
        ("", kept) => kept.to_owned(),
        (asked, _) => asked.to_owned(),
    };
    if address != "None" && addresses.contains(&address) {
        let list = json!([address]);
        let detail = "failed to allocate IP ".to_owned() + &address + ": provided IP is already allocated";
        let cause = cause::invalid("spec.clusterIPs", &list, &detail);
        return Err(cluster.invalid(place, &place.key.name, &[cause]));
    }
    object["spec"]["clusterIP"] = address.clone().into();
    object["spec"]["clusterIPs"] = json!([address]);
    node_ports(cluster, place, old, object, &ports, &kind)
}

fn node_ports(
    cluster: &Cluster,
    place: &Place,
    old: Option<&Value>,
    object: &mut Value,
    taken: &BTreeSet<i64>,
    kind: &str,
) -> Result<(), Refusal> {
    let wants = match kind {
        "NodePort" => true,
        "LoadBalancer" => object["spec"]["allocateLoadBalancerNodePorts"] != Value::Bool(false),
        _ => false,
    };
    let mut taken = taken.clone();
    let Some(ports) = object.pointer_mut("/spec/ports").and_then(Value::as_array_mut) else { return Ok(()) };
    for (at, port) in ports.iter_mut().enumerate() {
        if !wants {
            set_or_remove(port, "nodePort", None);
            continue;
        }
        let kept = old.and_then(|old| {
            let all = old["spec"]["ports"].as_array()?;
            all.iter().find(|one| one["port"] == port["port"])?["nodePort"].as_i64()
        });
        let asked = port["nodePort"].as_i64().filter(|asked| *asked != 0);
        let number = match asked.or(kept) {
            Some(number) => number,
            None => NODE_PORTS.clone().find(|number| !taken.contains(number)).unwrap_or(0),
        };
        let path = format!("spec.ports[{at}].nodePort");
        if !NODE_PORTS.contains(&number) {
            let detail = "provided port is not in the valid range. The range of valid ports is \
                          30000-32767";
            let cause = cause::invalid(path, &number.into(), detail);
            return Err(cluster.invalid(place, &place.key.name, &[cause]));
        }
        if !taken.insert(number) {
            let cause = cause::invalid(path, &number.into(), "provided port is already allocated");
            return Err(cluster.invalid(place, &place.key.name, &[cause]));
        }
        port["nodePort"] = number.into();
    }
    Ok(())
}

/// The addresses and node ports of all other Services.
fn taken(cluster: &Cluster, place: &Place) -> (BTreeSet<String>, BTreeSet<i64>) {
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    let others = cluster.store.list(&place.resource, "").filter(|(key, _)| **key != place.key);
    for (_, service) in others {
        let address = service["spec"]["clusterIP"].as_str().unwrap_or_default();
        if !matches!(address, "" | "None") {
            addresses.insert(address.to_owned());
        }
        let all = service["spec"]["ports"].as_array().into_iter().flatten();
        ports.extend(all.filter_map(|port| port["nodePort"].as_i64()));
    }
    (addresses, ports)
}

fn free_address(taken: &BTreeSet<String>) -> Result<String, Refusal> {
    (ADDRESS_FIRST..=ADDRESS_LAST)
        .map(|number| format!("{ADDRESS_PREFIX}.{}.{}", number >> 8, number & 0xff))
        .find(|address| !taken.contains(address))
        .ok_or_else(|| Refusal::internal("failed to allocate a serviceIP: range is full"))
}
