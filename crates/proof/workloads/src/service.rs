//! Services: which pods answer for them, as EndpointSlices and as the older Endpoints.
//!
//! Pure. An endpoint stays in the slice where it is, so one pod's change is one slice's write however many pods a
//! Service has. A pod on its way out stays listed as terminating, so that a proxy can let it finish.

use crate::json::{Labels, flag, int, labels, list, owner_reference, text};
use crate::pod::Pod;
use crate::write::{Key, Kind, Plan, Write, guarded};
use serde_json::{Map, Value, json};
use serin_api::diff::merge_diff;
use serin_lang::selector::Selector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Endpoints in one slice: Kubernetes' own default, which keeps a slice below the size that etcd likes.
const SLICE_MAX: usize = 100;

/// Addresses in one Endpoints object: Kubernetes cuts there and says so in an annotation.
const ENDPOINTS_MAX: usize = 1000;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";

/// One pass over one Service. `slices` are those of this Service; `endpoints` is the object of the Service's name.
pub(crate) fn plan(
    service: &Value,
    pods: &[Arc<Pod>],
    slices: &[Arc<Value>],
    endpoints: Option<&Value>,
) -> Plan {
    let mut plan = Plan::default();
    if labels(service, "/spec/selector").is_empty() || text(service, "/spec/type") == "ExternalName" {
        return plan;
    }
    let selector = service_selector(service);
    let chosen: Vec<&Pod> = pods
        .iter()
        .map(AsRef::as_ref)
        .filter(|pod| !pod.is_finished() && !pod.ips.is_empty() && selector.matches(&pod.labels))
        .collect();
    plan_slices(service, &chosen, slices, &mut plan.writes);
    plan.writes.extend(plan_endpoints(service, &chosen, endpoints));
    plan
}

/// What a Service selects; nothing when it names no labels or impossible ones.
pub(crate) fn service_selector(service: &Value) -> Selector {
    let labels =
        service.pointer("/spec/selector").filter(|labels| labels.as_object().is_some_and(|l| !l.is_empty()));
    labels.and_then(|labels| Selector::from_labels(labels).ok()).unwrap_or_else(Selector::nothing)
}

/// Whether a slice belongs to these controllers and to the Service of this name.
pub(crate) fn slice_service(slice: &Value) -> Option<String> {
    let labels = labels(slice, "/metadata/labels");
    let ours = labels.get(MANAGED_BY).is_some_and(|manager| manager == MANAGER);
    labels.get(SERVICE_NAME).filter(|_| ours).cloned()
}

/// Pods with the same resolved ports share slices: a target port's name may mean another number in another pod.
fn by_ports<'a>(service: &Value, pods: &[&'a Pod]) -> BTreeMap<String, (Value, Vec<&'a Pod>)> {
    let mut groups: BTreeMap<String, (Value, Vec<&Pod>)> = BTreeMap::new();
    for pod in pods {
        let ports = ports(service, pod);
        groups.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(pod);
    }
    groups
}

fn plan_slices(service: &Value, pods: &[&Pod], slices: &[Arc<Value>], writes: &mut Vec<Write>) {
    let mut groups = by_ports(service, pods);
    if groups.is_empty() {
        // An empty slice says "no endpoints" where none at all would say "nobody has looked yet".
        groups.insert(String::new(), (Value::Null, Vec::new()));
    }
    let mut spare: Vec<&Arc<Value>> = slices.iter().collect();
    spare.sort_by_key(|slice| text(slice, "/metadata/name"));
    for (ports, group) in groups.into_values() {
        let fits = |slice: &&Arc<Value>| *slice.pointer("/ports").unwrap_or(&Value::Null) == ports;
        let (fitting, others) = spare.into_iter().partition::<Vec<_>, _>(fits);
        spare = others;
        let mut todo: Vec<&Pod> = group;
        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        for slice in fitting {
            let (here, elsewhere) = todo.iter().partition::<Vec<&Pod>, _>(|pod| holds(slice, pod));
            todo = elsewhere;
            if here.is_empty() { rest.push(slice) } else { kept.push((slice, here)) }
        }
        for (_, here) in &mut kept {
            let room = SLICE_MAX.saturating_sub(here.len()).min(todo.len());
            here.extend(todo.drain(..room));
        }
        for (slice, here) in kept {
            writes.extend(update_slice(service, slice, &ports, &here));
        }
        spare.extend(rest);
        let empty_is_enough = todo.is_empty() && slices.is_empty() && pods.is_empty();
        let chunks: Vec<&[&Pod]> = if empty_is_enough { vec![&[]] } else { todo.chunks(SLICE_MAX).collect() };
        for chunk in chunks {
            match spare.pop() {
                Some(slice) => writes.extend(update_slice(service, slice, &ports, chunk)),
                None => writes.push(create_slice(service, &ports, chunk)),
            }
        }
    }
    if pods.is_empty() && !spare.is_empty() {
        let placeholder = spare.remove(0);
        let ports = placeholder.pointer("/ports").cloned().unwrap_or_default();
        writes.extend(update_slice(service, placeholder, &ports, &[]));
    }
    for slice in spare {
        let key = Key::of(Kind::EndpointSlice, slice);
        writes.push(Write::Delete { key, uid: text(slice, "/metadata/uid").to_owned(), told: None });
    }
}

fn holds(slice: &Value, pod: &Pod) -> bool {
    list(slice, "/endpoints").iter().any(|endpoint| text(endpoint, "/targetRef/uid") == pod.uid)
}

fn slice_labels(service: &Value) -> Labels {
    let mut wanted = labels(service, "/metadata/labels");
    wanted.insert(SERVICE_NAME.into(), text(service, "/metadata/name").into());
    wanted.insert(MANAGED_BY.into(), MANAGER.into());
    if text(service, "/spec/clusterIP") == "None" {
        wanted.insert(HEADLESS.into(), String::new());
    }
    wanted
}

fn update_slice(service: &Value, slice: &Value, ports: &Value, pods: &[&Pod]) -> Option<Write> {
    let mut order: Vec<&Pod> = pods.to_vec();
    let place = |pod: &Pod| {
        list(slice, "/endpoints").iter().position(|endpoint| text(endpoint, "/targetRef/uid") == pod.uid)
    };
    order.sort_by_key(|pod| (place(pod).unwrap_or(usize::MAX), pod.name.clone()));
    let endpoints: Vec<Value> = order.iter().map(|pod| endpoint(service, pod)).collect();
    let current = json!({
        "endpoints": list(slice, "/endpoints"), "ports": slice.pointer("/ports").unwrap_or(&Value::Null),
        "metadata": {"labels": labels(slice, "/metadata/labels")},
    });
    let wanted =
        json!({"endpoints": endpoints, "ports": ports, "metadata": {"labels": slice_labels(service)}});
    merge_diff(&current, &wanted).map(|patch| guarded(Kind::EndpointSlice, slice, patch))
}

fn create_slice(service: &Value, ports: &Value, pods: &[&Pod]) -> Write {
    let endpoints: Vec<Value> = pods.iter().map(|pod| endpoint(service, pod)).collect();
    let object = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", text(service, "/metadata/name")),
            "namespace": text(service, "/metadata/namespace"),
            "labels": slice_labels(service),
            "ownerReferences": [owner_reference("v1", "Service", service)],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    });
    Write::Create { kind: Kind::EndpointSlice, object, told: None }
}

fn endpoint(service: &Value, pod: &Pod) -> Value {
    let publish = flag(service, "/spec/publishNotReadyAddresses");
    let mut endpoint = json!({
        "addresses": [pod.ips.first()],
        "conditions": {"ready": publish || (pod.ready && !pod.deleting), "serving": pod.ready, "terminating": pod.deleting},
        "targetRef": {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
    });
    if !pod.node.is_empty() {
        endpoint["nodeName"] = json!(pod.node);
    }
    endpoint
}

/// The Service's ports as this pod has them; a name that the pod does not know leaves that port out.
fn ports(service: &Value, pod: &Pod) -> Value {
    let resolved = list(service, "/spec/ports").iter().filter_map(|port| {
        let protocol = if text(port, "/protocol").is_empty() { "TCP" } else { text(port, "/protocol") };
        let number = match port.pointer("/targetPort") {
            Some(Value::String(name)) => match name.parse::<u16>() {
                Ok(number) => number,
                Err(_) => pod.ports.iter().find(|p| p.name == *name && p.protocol == protocol)?.number,
            },
            Some(Value::Number(_)) => u16::try_from(int(port, "/targetPort", 0)).ok()?,
            _ => u16::try_from(int(port, "/port", 0)).ok()?,
        };
        let mut entry = Map::new();
        entry.insert("name".into(), json!(text(port, "/name")));
        entry.insert("protocol".into(), json!(protocol));
        entry.insert("port".into(), json!(number));
        if !text(port, "/appProtocol").is_empty() {
            entry.insert("appProtocol".into(), json!(text(port, "/appProtocol")));
        }
        Some(Value::Object(entry))
    });
    Value::Array(resolved.collect())
}

fn plan_endpoints(service: &Value, pods: &[&Pod], current: Option<&Value>) -> Option<Write> {
    let publish = flag(service, "/spec/publishNotReadyAddresses");
    let staying: Vec<&Pod> = pods.iter().copied().filter(|pod| !pod.deleting).take(ENDPOINTS_MAX).collect();
    let mut subsets = Vec::new();
    for (ports, mut group) in by_ports(service, &staying).into_values() {
        group.sort_by(|a, b| (&a.ips, &a.name).cmp(&(&b.ips, &b.name)));
        let (ready, not_ready): (Vec<&Pod>, Vec<&Pod>) =
            group.into_iter().partition(|pod| publish || pod.ready);
        let mut subset = Map::new();
        for (field, pods) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
            if !pods.is_empty() {
                subset.insert(field.into(), pods.into_iter().map(address).collect());
            }
        }
        subset.insert("ports".into(), without_empty_names(ports));
        subsets.push(Value::Object(subset));
    }
    let Some(current) = current else {
        let object = json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": {"name": text(service, "/metadata/name"), "namespace": text(service, "/metadata/namespace"),
                         "labels": labels(service, "/metadata/labels")},
            "subsets": subsets,
        });
        return Some(Write::Create { kind: Kind::Endpoints, object, told: None });
    };
    (list(current, "/subsets") != subsets.as_slice())
        .then(|| guarded(Kind::Endpoints, current, json!({"subsets": subsets})))
}

fn address(pod: &Pod) -> Value {
    let mut address = json!({"ip": pod.ips.first()});
    if !pod.node.is_empty() {
        address["nodeName"] = json!(pod.node);
    }
    address["targetRef"] =
        json!({"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid});
    address
}

/// Endpoints leave out an empty port name where slices keep it.
fn without_empty_names(mut ports: Value) -> Value {
    for port in ports.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if port.get("name").is_some_and(|name| name == "") {
            port.shift_remove("name");
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Value {
        json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "svc", "labels": {"team": "a"}},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
        })
    }

    fn pod(name: &str, ready: bool, deleting: bool) -> Arc<Pod> {
        let mut object = json!({
            "metadata": {"name": name, "namespace": "ns", "uid": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "n", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": "127.0.0.9", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        if deleting {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(Pod::read(&object))
    }

    /// Does the writes, as an API would.
    fn done(plan: &Plan, slices: &mut Vec<Arc<Value>>, endpoints: &mut Option<Value>) {
        for write in &plan.writes {
            match write {
                Write::Create { kind: Kind::EndpointSlice, object, .. } => {
                    let mut object = object.clone();
                    object["metadata"]["name"] = json!(format!("web-{}", slices.len()));
                    slices.push(Arc::new(object));
                }
                Write::Create { object, .. } => *endpoints = Some(object.clone()),
                Write::Patch { key, patch, .. } if key.kind == Kind::EndpointSlice => {
                    let slice = slices.iter_mut().find(|s| text(s, "/metadata/name") == key.name).unwrap();
                    for (field, value) in
                        patch.as_object().unwrap().iter().filter(|(field, _)| *field != "metadata")
                    {
                        Arc::make_mut(slice)[field] = value.clone();
                    }
                }
                Write::Patch { patch, .. } => {
                    endpoints.as_mut().unwrap()["subsets"] = patch["subsets"].clone();
                }
                Write::Delete { key, .. } => slices.retain(|s| text(s, "/metadata/name") != key.name),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn readiness_and_termination_show_in_the_conditions() {
        for (ready, deleting, expected) in [
            (true, false, json!({"ready": true, "serving": true, "terminating": false})),
            (false, false, json!({"ready": false, "serving": false, "terminating": false})),
            (true, true, json!({"ready": false, "serving": true, "terminating": true})),
            (false, true, json!({"ready": false, "serving": false, "terminating": true})),
        ] {
            let (mut slices, mut endpoints) = (Vec::new(), None);
            done(&plan(&service(), &[pod("a", ready, deleting)], &[], None), &mut slices, &mut endpoints);
            assert_eq!(slices[0]["endpoints"][0]["conditions"], expected);
            assert_eq!(slices[0]["ports"], json!([{"name": "", "protocol": "TCP", "port": 8080}]));
            let listed = list(endpoints.as_ref().unwrap(), "/subsets/0/addresses").len();
            assert_eq!(listed == 1, ready && !deleting);
        }
    }

    #[test]
    fn a_settled_service_writes_nothing_and_one_change_is_one_slice() {
        let mut pods: Vec<_> = (0..250).map(|n| pod(&format!("p{n:03}"), true, false)).collect();
        let (mut slices, mut endpoints) = (Vec::new(), None);
        done(&plan(&service(), &pods, &[], None), &mut slices, &mut endpoints);
        assert_eq!(slices.iter().map(|s| list(s, "/endpoints").len()).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(plan(&service(), &pods, &slices, endpoints.as_ref()).writes, []);
        pods[7] = pod("p007", false, false);
        assert_eq!(
            plan(&service(), &pods, &slices, endpoints.as_ref()).writes.len(),
            2,
            "one slice, one Endpoints"
        );
        pods.truncate(100);
        let change = plan(&service(), &pods, &slices, endpoints.as_ref());
        done(&change, &mut slices, &mut endpoints);
        assert_eq!(slices.len(), 1);
        assert_eq!(plan(&service(), &pods, &slices, endpoints.as_ref()).writes, []);
    }

    #[test]
    fn a_service_without_pods_keeps_one_empty_slice() {
        let (mut slices, mut endpoints) = (Vec::new(), None);
        done(&plan(&service(), &[], &[], None), &mut slices, &mut endpoints);
        assert_eq!(plan(&service(), &[], &slices, endpoints.as_ref()).writes, []);
        let pods = [pod("a", true, false)];
        let change = plan(&service(), &pods, &slices, endpoints.as_ref());
        done(&change, &mut slices, &mut endpoints);
        assert_eq!((slices.len(), list(&slices[0], "/endpoints").len()), (1, 1));
        let change = plan(&service(), &[], &slices, endpoints.as_ref());
        done(&change, &mut slices, &mut endpoints);
        assert_eq!((slices.len(), list(&slices[0], "/endpoints").len()), (1, 0));
        assert_eq!(plan(&service(), &[], &slices, endpoints.as_ref()).writes, []);
    }

    #[test]
    fn services_without_a_selector_are_left_alone() {
        assert_eq!(
            plan(&json!({"metadata": {"name": "x"}}), &[pod("a", true, false)], &[], None),
            Plan::default()
        );
    }
}
