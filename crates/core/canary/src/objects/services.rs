//! The three Services: of the users, of the primary, of the canary.
//!
//! Property: users never lose a port or an address by a Service being managed. One that was there before keeps its own
//! ports beside ours, and what was changed in it stands in an annotation until it is given back.
//!
//! Reason: Flagger takes every other port out of such a Service, renames the first, and leaves it so when the Canary goes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use serin_api::{
    diff::merge_diff,
    flagger::{CANARY_SUFFIX, Canary, CanaryService},
    kinds,
    meta::LabelsAndAnnotations,
    network::PORT_MAX,
};
use serin_kernel::{Change, Key, Object, Write};

use super::{
    Shape, Target, Trouble,
    json::{list, text},
    metadata::{LEFT_ALONE, all, owner},
};

/// What a Service was that is not ours: its ports, selector and annotations before we changed them.
pub(super) const BEFORE: &str = "serin.dev/before-canary";
/// Containers that a mesh puts into pods: their ports are nobody's.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];
const PROTOCOL: &str = "TCP";
/// What a copy of a Service must not have: addresses and ports of the nodes belong to one Service alone.
const OF_ONE_SERVICE: [&str; 4] = ["clusterIPs", "healthCheckNodePort", "loadBalancerIP", "externalIPs"];

/// One of the three Services, as it should be.
struct Wanted<'a> {
    key: Key,
    selector: Value,
    metadata: Option<&'a LabelsAndAnnotations>,
}

/// Names of the three Services: canary, primary, and the users' own.
pub(super) fn names(canary: &Canary) -> [String; 3] {
    [canary.canary_service_name(), canary.primary_service_name(), canary.apex_name().to_owned()]
}

/// Name of the copy of a Service target that leads to its newest version.
pub(super) fn canary_copy(canary: &Canary) -> String {
    format!("{}{CANARY_SUFFIX}", canary.spec.target_ref.name)
}

impl Target<'_> {
    /// Makes or mends the Services of the canary and the primary; of a Service target, the copy that follows it.
    ///
    /// # Errors
    /// The Canary does not say which port.
    pub fn services(&self) -> Result<Vec<Write>, Trouble> {
        match self.shape {
            Shape::Knative => Ok(Vec::new()),
            Shape::Service => Ok(self.canary_copy_write().into_iter().collect()),
            Shape::Deployment | Shape::DaemonSet => {
                let service = self.service()?;
                let [canary, primary, _] = names(self.canary);
                let wanted = [
                    self.wanted(&canary, &self.value, service.canary.as_ref()),
                    self.wanted(&primary, &self.primary_value(), service.primary.as_ref()),
                ];
                Ok(wanted.iter().filter_map(|wanted| self.reconcile(service, wanted)).collect())
            }
        }
    }

    /// Makes the users' Service, or leads it to the primary's pods. What has no pods of its own is led by its router.
    ///
    /// # Errors
    /// The Canary does not say which port.
    pub fn apex(&self) -> Result<Vec<Write>, Trouble> {
        if !self.shape.has_pods() {
            return Ok(Vec::new());
        }
        let service = self.service()?;
        let wanted = self.wanted(self.canary.apex_name(), &self.primary_value(), service.apex.as_ref());
        Ok(self.reconcile(service, &wanted).into_iter().collect())
    }

    fn service(&self) -> Result<&CanaryService, Trouble> {
        let service = self.canary.spec.service.as_ref();
        let service = service
            .ok_or_else(|| Trouble("spec.service is missing: name the port of the Services".to_owned()))?;
        if (1..=PORT_MAX).contains(&service.port) {
            return Ok(service);
        }
        Err(Trouble(format!("spec.service.port: {} must be from 1 to {PORT_MAX}", service.port)))
    }

    fn wanted<'a>(&self, name: &str, value: &str, metadata: Option<&'a LabelsAndAnnotations>) -> Wanted<'a> {
        Wanted { key: self.key(kinds::SERVICE, name), selector: json!({&self.label: value}), metadata }
    }

    fn reconcile(&self, service: &CanaryService, wanted: &Wanted<'_>) -> Option<Write> {
        match self.observed.get(&wanted.key) {
            None => Some(Write::new(wanted.key.clone(), Change::Create(self.new_service(service, wanted)))),
            Some(object) if object.meta().is_controlled_by(&self.canary.metadata.uid) => {
                self.mend_own(service, wanted, object)
            }
            Some(object) => self.adopt(service, wanted, object),
        }
    }

    fn labels(&self, wanted: &Wanted<'_>) -> Map<String, Value> {
        let users = wanted.metadata.map(|it| texts(it.labels.iter())).unwrap_or_default();
        let own = (self.label.clone(), json!(wanted.key.name));
        users.into_iter().chain([own]).collect()
    }

    fn new_service(&self, service: &CanaryService, wanted: &Wanted<'_>) -> Value {
        let mut spec = json!({
            "type": "ClusterIP", "selector": wanted.selector, "ports": self.ports(service),
        });
        if service.headless {
            spec["clusterIP"] = json!("None");
        }
        if !service.traffic_distribution.is_empty() {
            spec["trafficDistribution"] = json!(service.traffic_distribution);
        }
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": wanted.key.name, "namespace": wanted.key.namespace,
                "labels": self.labels(wanted), "annotations": annotations(wanted),
                "ownerReferences": [owner(self.canary)],
            },
            "spec": spec,
        })
    }

    /// Ports, selector, labels and annotations of a Service of ours, except for what others were given to manage.
    fn mend_own(&self, service: &CanaryService, wanted: &Wanted<'_>, object: &Object) -> Option<Write> {
        let body = object.value();
        let (meta, unmanaged) = (object.meta(), service.unmanaged_metadata.as_ref());
        let beside = |is: &BTreeMap<String, String>, keys: &[String], wanted: Map<String, Value>| {
            let mut wanted: Map<_, _> = wanted.into_iter().filter(|(key, _)| !keys.contains(key)).collect();
            wanted.extend(texts(is.iter().filter(|(key, _)| keys.contains(key))));
            wanted
        };
        let (labels, annots) =
            unmanaged.map_or((&[][..], &[][..]), |it| (&it.labels[..], &it.annotations[..]));
        let before = json!({
            "metadata": {"labels": meta.labels, "annotations": meta.annotations},
            "spec": {"selector": body.pointer("/spec/selector"), "ports": body.pointer("/spec/ports")},
        });
        let after = json!({
            "metadata": {
                "labels": beside(&meta.labels, labels, self.labels(wanted)),
                "annotations": beside(&meta.annotations, annots, annotations(wanted)),
            },
            "spec": {"selector": wanted.selector, "ports": fitting(&body, self.ports(service))},
        });
        merge_diff(&before, &after).map(|patch| Write::unchanged(object, Change::Merge(patch)))
    }

    /// Ports and selector of a Service that was there before. It keeps its other ports.
    fn adopt(&self, service: &CanaryService, wanted: &Wanted<'_>, object: &Object) -> Option<Write> {
        let body = object.value();
        let ports = fitting(&body, beside(&body, self.ports(service)));
        let before =
            json!({"selector": body.pointer("/spec/selector"), "ports": body.pointer("/spec/ports")});
        let mut patch = json!({
            "spec": merge_diff(&before, &json!({"selector": wanted.selector, "ports": ports}))?,
        });
        let annotations = &object.meta().annotations;
        let mut marks = Map::new();
        for (key, value) in
            LEFT_ALONE.iter().filter(|(key, value)| annotations.get(*key).is_none_or(|is| is != value))
        {
            marks.insert((*key).to_owned(), json!(value));
        }
        if !annotations.contains_key(BEFORE) {
            let were = LEFT_ALONE.iter().map(|(key, _)| ((*key).to_owned(), json!(annotations.get(*key))));
            // Led to the primary already: by Flagger, and nobody knows what it was before.
            let selector =
                if before["selector"] == wanted.selector { Value::Null } else { before["selector"].clone() };
            let record = json!({
                "selector": selector, "ports": before["ports"], "annotations": were.collect::<Map<_, _>>(),
            });
            marks.insert(BEFORE.to_owned(), json!(record.to_string()));
        }
        if !marks.is_empty() {
            patch["metadata"] = json!({ "annotations": marks });
        }
        Some(Write::unchanged(object, Change::Merge(patch)))
    }

    /// The ports that the Canary asks for.
    pub(super) fn ports(&self, service: &CanaryService) -> Vec<Value> {
        let target = service.target_port().to_value();
        let mut first = json!({
            "name": service.port_name(), "protocol": PROTOCOL, "port": service.port, "targetPort": target,
        });
        if !service.app_protocol.is_empty() {
            first["appProtocol"] = json!(service.app_protocol);
        }
        let mut ports = vec![first];
        if service.port_discovery {
            self.discover(&target, &mut ports);
        }
        ports
    }

    /// The other ports of the containers. No number and no name comes twice: Kubernetes would refuse the Service.
    fn discover(&self, target: &Value, ports: &mut Vec<Value>) {
        let mut names: BTreeSet<String> = ports.iter().filter_map(name_of).collect();
        let mut numbers: BTreeSet<i64> = ports.iter().filter_map(|port| port.get("port")?.as_i64()).collect();
        for container in list(self.template(), "/spec/containers") {
            let container_name = text(container, "/name").unwrap_or_default();
            if SIDECARS.contains(&container_name) {
                continue;
            }
            for (index, port) in list(container, "/ports").enumerate() {
                let name = text(port, "/name").unwrap_or_default();
                let Some(number) = port.get("containerPort").and_then(Value::as_i64) else { continue };
                let is_first =
                    target.as_i64() == Some(number) || (!name.is_empty() && target.as_str() == Some(name));
                if is_first || !(1..=i64::from(PORT_MAX)).contains(&number) || !numbers.insert(number) {
                    continue;
                }
                let is_free = !name.is_empty() && names.insert(name.to_owned());
                let name = if is_free { name.to_owned() } else { format!("tcp-{container_name}-{index}") };
                names.insert(name.clone());
                ports.push(json!({
                    "name": name, "protocol": PROTOCOL, "port": number, "targetPort": number,
                }));
            }
        }
    }

    /// A copy of a Service target under another name, with an address of its own.
    pub(super) fn service_copy(&self, name: &str) -> Value {
        let meta = self.object.meta();
        let mut spec = self.body.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        spec.retain(is_own);
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().map(|port| port.shift_remove("nodePort"));
        }
        let mut metadata = json!({
            "name": name, "namespace": meta.namespace, "ownerReferences": [owner(self.canary)],
        });
        for (part, texts) in [("labels", all(&meta.labels)), ("annotations", all(&meta.annotations))] {
            if !texts.is_empty() {
                metadata[part] = Value::Object(texts);
            }
        }
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    }

    fn canary_copy_write(&self) -> Option<Write> {
        let name = canary_copy(self.canary);
        let wanted = self.service_copy(&name);
        let key = self.key(kinds::SERVICE, &name);
        match self.observed.get(&key) {
            None => Some(Write::new(key, Change::Create(wanted))),
            Some(copy) => sync_copy(copy, &wanted),
        }
    }
}

/// The write that brings a copy of a Service target to what it should be; what it was given stays.
pub(super) fn sync_copy(copy: &Object, wanted: &Value) -> Option<Write> {
    let body = copy.value();
    let mut wanted = wanted.clone();
    if let Some(ports) = wanted.pointer("/spec/ports").and_then(Value::as_array).cloned() {
        wanted["spec"]["ports"] = fitting(&body, ports);
    }
    let part = |of: &Value| {
        let mut spec = of.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        spec.retain(is_own);
        let texts = |field: &str| of.get("metadata").and_then(|meta| meta.get(field)).cloned();
        json!({"spec": spec, "metadata": {"labels": texts("labels"), "annotations": texts("annotations")}})
    };
    let patch = merge_diff(&part(&body), &part(&wanted))?;
    Some(Write::unchanged(copy, Change::Merge(patch)))
}

/// Whether a field of a Service is what somebody wants, and not what this one Service was given.
fn is_own(field: &String, value: &mut Value) -> bool {
    let is_address = field == "clusterIP" && value.as_str() != Some("None");
    !OF_ONE_SERVICE.contains(&field.as_str()) && !is_address
}

fn texts<'a>(of: impl Iterator<Item = (&'a String, &'a String)>) -> Map<String, Value> {
    of.map(|(key, value)| (key.clone(), json!(value))).collect()
}

fn annotations(wanted: &Wanted<'_>) -> Map<String, Value> {
    let users = wanted.metadata.map(|it| texts(it.annotations.iter())).unwrap_or_default();
    users.into_iter().chain(LEFT_ALONE.map(|(key, value)| (key.to_owned(), json!(value)))).collect()
}

fn name_of(port: &Value) -> Option<String> {
    port.get("name")?.as_str().map(str::to_owned)
}

/// `ports` with what the Service was given for them; the very list of the Service when it says the same in another
/// order.
pub(super) fn fitting(service: &Value, ports: Vec<Value>) -> Value {
    let has: Vec<&Value> = list(service, "/spec/ports").collect();
    let kept = |port: &Value| {
        let by_name =
            has.iter().find(|other| other.get("name").is_some() && other.get("name") == port.get("name"));
        let by_number = has.iter().find(|other| other.get("port") == port.get("port"));
        by_name.or(by_number).and_then(|other| other.get("nodePort")).cloned()
    };
    let ports: Vec<Value> = ports
        .into_iter()
        .map(|mut port| {
            if let (Some(number), Some(port)) = (kept(&port), port.as_object_mut()) {
                port.insert("nodePort".to_owned(), number);
            }
            port
        })
        .collect();
    let is_same =
        has.len() == ports.len() && ports.iter().all(|port| has.iter().any(|other| same_port(port, other)));
    if is_same { has.into_iter().cloned().collect() } else { Value::Array(ports) }
}

/// Whether two ports say the same, defaults written out or not.
fn same_port(a: &Value, b: &Value) -> bool {
    let said = |port: &Value| {
        let mut port = port.as_object().cloned().unwrap_or_default();
        port.entry("protocol").or_insert_with(|| json!(PROTOCOL));
        let number = port.get("port").cloned().unwrap_or_default();
        port.entry("targetPort").or_insert(number);
        port.shift_remove("nodePort");
        port
    };
    said(a) == said(b)
}

/// Our ports, and those of a Service that was there before which ours do not replace.
fn beside(service: &Value, mut ports: Vec<Value>) -> Vec<Value> {
    let at =
        |port: &Value| (port.get("port").cloned(), text(port, "/protocol").unwrap_or(PROTOCOL).to_owned());
    let mut names: BTreeSet<String> = ports.iter().filter_map(name_of).collect();
    let taken: Vec<_> = ports.iter().map(at).collect();
    for other in list(service, "/spec/ports").filter(|other| other.is_object() && !taken.contains(&at(other)))
    {
        let mut other = other.clone();
        // Of several ports each must have a name.
        if !name_of(&other).is_some_and(|name| names.insert(name)) {
            let base = name_of(&other).unwrap_or_else(|| "port".to_owned());
            let name = format!("{base}-{}", other.get("port").cloned().unwrap_or_default());
            names.insert(name.clone());
            other["name"] = json!(name);
        }
        ports.push(other);
    }
    ports
}

/// The ports that a Service had, and those that it got since without us.
pub(super) fn restored(service: &Value, mut before: Vec<Value>, ours: &[Value]) -> Value {
    let is_known = |port: &Value, of: &[Value]| of.iter().any(|other| other.get("port") == port.get("port"));
    let later = list(service, "/spec/ports").filter(|port| !is_known(port, &before) && !is_known(port, ours));
    let later: Vec<Value> = later.cloned().collect();
    before.extend(later);
    fitting(service, before)
}
