//! Cells about addresses, ports and hosts.

use super::text::{NONE, at, int, list, shortened, text_or};
use serde_json::Value;

/// Addresses, ports or hosts that one cell shows.
const SHOWN: usize = 3;

/// CLUSTER-IP of a Service.
pub(super) fn cluster_ip(service: &Value) -> String {
    let first = list(service, "spec.clusterIPs").first().and_then(Value::as_str);
    first.map_or_else(|| text_or(service, "spec.clusterIP", NONE), str::to_owned)
}

/// EXTERNAL-IP of a Service.
pub(super) fn external_ip(service: &Value) -> String {
    let external =
        || list(service, "spec.externalIPs").iter().filter_map(|ip| ip.as_str().map(str::to_owned));
    let or = |found: Vec<String>, otherwise: &str| {
        if found.is_empty() { otherwise.to_owned() } else { found.join(",") }
    };
    match at(service, "spec.type").as_str() {
        Some("ClusterIP" | "NodePort") => or(external().collect(), NONE),
        Some("LoadBalancer") => or(balancers(service).into_iter().chain(external()).collect(), "<pending>"),
        Some("ExternalName") => text_or(service, "spec.externalName", ""),
        _ => "<unknown>".to_owned(),
    }
}

/// PORT(S) of a Service.
pub(super) fn service_ports(service: &Value) -> String {
    let port = |port: &Value| match int(port, "nodePort") {
        0 => format!("{}/{}", int(port, "port"), text_or(port, "protocol", "")),
        node => format!("{}:{node}/{}", int(port, "port"), text_or(port, "protocol", "")),
    };
    let ports: Vec<String> = list(service, "spec.ports").iter().map(port).collect();
    if ports.is_empty() { NONE.to_owned() } else { ports.join(",") }
}

/// ENDPOINTS of an Endpoints object.
pub(super) fn endpoints(endpoints: &Value) -> String {
    let subsets = list(endpoints, "subsets");
    if subsets.is_empty() {
        return NONE.to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = || list(subset, "addresses").iter().map(|address| text_or(address, "ip", ""));
        let ports = list(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses());
        }
        for port in ports {
            let number = int(port, "port");
            all.extend(addresses().map(|ip| {
                if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") }
            }));
        }
    }
    shortened(&all, SHOWN, ",")
}

/// PORTS of an `EndpointSlice`.
pub(super) fn slice_ports(slice: &Value) -> String {
    let port = |port: &Value| match port["port"].as_i64() {
        Some(number) => number.to_string(),
        None => port["name"].as_str().unwrap_or("*").to_owned(),
    };
    unset_or(&list(slice, "ports").iter().map(port).collect::<Vec<_>>())
}

/// ENDPOINTS of an `EndpointSlice`.
pub(super) fn slice_addresses(slice: &Value) -> String {
    let endpoints = list(slice, "endpoints").iter();
    let addresses = endpoints.flat_map(|endpoint| list(endpoint, "addresses"));
    unset_or(&addresses.map(|address| address.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>())
}

/// HOSTS of an Ingress.
pub(super) fn hosts(ingress: &Value) -> String {
    let rules = list(ingress, "spec.rules");
    let mut hosts: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        // A rule without a host counts as left out once the cell is full.
        more |= hosts.len() == SHOWN;
        hosts.extend(rule["host"].as_str().filter(|host| !more && !host.is_empty()));
    }
    match (hosts.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, false) => hosts.join(","),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN),
    }
}

/// ADDRESS of an Ingress.
pub(super) fn load_balancer(ingress: &Value) -> String {
    balancers(ingress).join(",")
}

/// PARAMETERS of an `IngressClass`.
pub(super) fn class_parameters(class: &Value) -> String {
    let parameters = at(class, "spec.parameters");
    if !parameters.is_object() {
        return NONE.to_owned();
    }
    let group = parameters["apiGroup"].as_str().map_or(String::new(), |group| format!(".{group}"));
    format!("{}{group}/{}", text_or(parameters, "kind", ""), text_or(parameters, "name", ""))
}

/// Addresses of the load balancer, sorted, each once.
fn balancers(object: &Value) -> Vec<String> {
    let entries = list(object, "status.loadBalancer.ingress").iter();
    let address = |entry: &Value| text_or(entry, "ip", &text_or(entry, "hostname", ""));
    let found: std::collections::BTreeSet<String> =
        entries.map(address).filter(|one| !one.is_empty()).collect();
    found.into_iter().collect()
}

fn unset_or(all: &[String]) -> String {
    if all.is_empty() { "<unset>".to_owned() } else { shortened(all, SHOWN, ",") }
}
