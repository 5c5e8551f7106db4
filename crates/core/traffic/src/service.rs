//! The three Services in front of a workload: of the proven pods, of those under trial, and the one that users call, which
//! leads to the proven ones.
//!
//! A Service that was there before is adopted: its ports and selector become what is wanted, the rest stays its user's, and
//! it is given back in the end.

use serde_json::{Map, Value, json};
use serin_api::{diff::merge_diff, kinds::SERVICE};
use serin_kernel::{Change, Key, Observed, Write};
use serin_lang::int_or_string::IntOrString;

use crate::{
    Error, Front,
    cursor::Read,
    front::Metadata,
    restore::{original, unmarked},
    wanted::{Wanted, is_ours},
};

/// Containers that stand beside the workload's own and whose ports are nobody's business.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// Which of the Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The one that users call.
    Apex,
    /// The one of the proven pods.
    Primary,
    /// The one of the pods under trial.
    Canary,
}

/// The three Services of a front.
#[derive(Clone, Copy, Debug)]
pub struct Services;

impl Services {
    /// Which object a Service is.
    #[must_use]
    pub fn key(front: &Front, role: Role) -> Key {
        let name = match role {
            Role::Apex => &front.apex,
            Role::Primary => &front.primary,
            Role::Canary => &front.canary,
        };
        SERVICE.key(front.namespace.clone(), name.clone())
    }

    /// What makes a Service as it must be; none when it is.
    ///
    /// # Errors
    /// When the existing one cannot be read.
    pub fn reconcile(front: &Front, role: Role, observed: &Observed) -> Result<Option<Write>, Error> {
        let key = Self::key(front, role);
        let node_ports = node_ports(&key, observed)?;
        let value = &front.selector.value;
        let (metadata, pods) = match role {
            Role::Apex => (&front.metadata, format!("{value}-primary")),
            Role::Primary => (&front.primary_metadata, format!("{value}-primary")),
            Role::Canary => (&front.canary_metadata, value.clone()),
        };
        let Metadata { mut labels, mut annotations } = metadata.clone();
        labels.insert(front.selector.key.clone(), key.name.clone());
        annotations.extend(front.marks.left_alone.clone());
        let mut ports = ports(front);
        for port in &mut ports {
            let kept = node_ports.iter().find(|(name, _)| port["name"] == name.as_str());
            if let Some((_, number)) = kept {
                port["nodePort"] = json!(number);
            }
        }
        let existing = observed.get(&key);
        let foreign = existing.is_some_and(|existing| !is_ours(front, existing.meta()));
        let labels = if foreign { std::collections::BTreeMap::new() } else { labels };
        let annotations = if foreign { front.marks.left_alone.clone() } else { annotations };
        let ports =
            existing.and_then(|existing| same_ports(&existing.value(), &ports)).unwrap_or(json!(ports));
        let selector = Map::from_iter([(front.selector.key.clone(), Value::from(pods))]);
        let mut first = Map::from_iter([("type".to_owned(), json!("ClusterIP"))]);
        if front.port.headless {
            first.insert("clusterIP".to_owned(), json!("None"));
        }
        if let Some(distribution) = &front.port.distribution {
            first.insert("trafficDistribution".to_owned(), json!(distribution));
        }
        Wanted::new(key, json!({"ports": ports, "selector": selector}))
            .in_parts()
            .made_with_spec(first)
            .dressed(labels, annotations)
            .dressed_with_change()
            .leaving(&front.unmanaged)
            .adopting(role == Role::Apex)
            .with_defaults(is_default)
            .write(front, observed)
    }

    /// Gives the apex Service back, if it was somebody else's: its ports and its selector, or at least the pods of the
    /// workload itself.
    ///
    /// # Errors
    /// When what it was before is there and cannot be read.
    pub fn finalize(front: &Front, observed: &Observed) -> Result<Option<Write>, Error> {
        let Some(existing) = observed.get(&Self::key(front, Role::Apex)) else { return Ok(None) };
        let controller = existing.meta().controller();
        let kind = front.owner.as_ref().map(|owner| &owner.kind);
        if controller.is_some_and(|controller| Some(&controller.kind) == kind) {
            return Ok(None);
        }
        let original = original(front, existing)?;
        let live = existing.value();
        let own = Map::from_iter([(front.selector.key.clone(), json!(front.selector.value))]);
        let own = json!({ "selector": own });
        let before = original.spec.unwrap_or(own);
        let mut spec = Map::new();
        for field in ["ports", "selector"] {
            let Some(wanted) = before.get(field).filter(|wanted| !wanted.is_null()) else { continue };
            let live = live.pointer(&format!("/spec/{field}")).unwrap_or(&Value::Null);
            if field == "ports" && lists_ports(live, wanted) {
                continue;
            }
            spec.extend(merge_diff(live, wanted).map(|change| (field.to_owned(), change)));
        }
        let mut patch = Map::new();
        if !spec.is_empty() {
            patch.insert("spec".to_owned(), Value::Object(spec));
        }
        patch.extend(
            unmarked(front, existing, &original.annotations).map(|change| ("metadata".to_owned(), change)),
        );
        Ok((!patch.is_empty()).then(|| Write::unchanged(existing, Change::Merge(Value::Object(patch)))))
    }

    /// The further ports of a pod's containers, for [`crate::front::Port::discovered`]: all but the one that is served
    /// anyway and those of sidecars.
    ///
    /// # Errors
    /// When the containers cannot be read.
    pub fn discover(front: &Front, workload: &serin_kernel::Object) -> Result<Vec<(String, u16)>, Error> {
        let read = Read::new(workload);
        let mut found: Vec<(String, u16)> = Vec::new();
        for container in read.at(&["spec", "template", "spec", "containers"])?.items()? {
            let name = container.at("name")?.text()?;
            if SIDECARS.contains(&name) {
                continue;
            }
            for (index, port) in container.at("ports")?.items()?.into_iter().enumerate() {
                let number = port.at("containerPort")?;
                let number = u16::try_from(number.weight()?).map_err(|_| number.wrong("a port"))?;
                let port_name = port.at("name")?.text()?;
                let is_served = match &front.port.target {
                    None | Some(IntOrString::Int(0)) => number == front.port.number,
                    Some(IntOrString::Int(target)) => i32::from(number) == *target,
                    Some(IntOrString::Text(target)) => port_name == target,
                };
                if is_served {
                    continue;
                }
                let port_name =
                    if port_name.is_empty() { format!("tcp-{name}-{index}") } else { port_name.to_owned() };
                found.retain(|(other, _)| *other != port_name);
                found.push((port_name, number));
            }
        }
        Ok(found)
    }
}

/// What an API server fills in.
fn is_default(field: &str, value: &Value) -> bool {
    field == "protocol" && value == "TCP"
}

/// The ports of the Services.
fn ports(front: &Front) -> Vec<Value> {
    let port = &front.port;
    let target = match &port.target {
        None | Some(IntOrString::Int(0)) => json!(port.number),
        Some(target) => target.to_value(),
    };
    let mut first = json!({
        "name": port.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("http"),
        "port": port.number,
        "protocol": "TCP",
        "targetPort": target,
    });
    if let Some(protocol) = port.app_protocol.as_ref().filter(|protocol| !protocol.is_empty()) {
        first["appProtocol"] = json!(protocol);
    }
    let further =
        port.discovered.iter().filter(|_| port.discovery).map(
            |(name, number)| json!({"name": name, "port": number, "protocol": "TCP", "targetPort": number}),
        );
    std::iter::once(first).chain(further).collect()
}

/// The node ports that a Service has, by port name: they are its users' and stay.
fn node_ports(key: &Key, observed: &Observed) -> Result<Vec<(String, u32)>, Error> {
    let Some(existing) = observed.get(key) else { return Ok(Vec::new()) };
    let read = Read::new(existing);
    let mut found = Vec::new();
    for port in read.at(&["spec", "ports"])?.items()? {
        if let Some(number) = port.at("nodePort")?.number()?.filter(|number| *number != 0) {
            found.push((port.at("name")?.text()?.to_owned(), number));
        }
    }
    Ok(found)
}

/// The live ports, if they are the wanted ones in another order.
fn same_ports(live: &Value, wanted: &[Value]) -> Option<Value> {
    let live = live.pointer("/spec/ports")?;
    lists_ports(live, &json!(wanted)).then(|| live.clone())
}

/// Whether two lists have the same ports in any order, as far as the second one says something.
fn lists_ports(live: &Value, wanted: &Value) -> bool {
    let (Some(live), Some(wanted)) = (live.as_array(), wanted.as_array()) else { return false };
    let says = |wanted: &Value, live: &Value| {
        wanted
            .as_object()
            .is_some_and(|fields| fields.iter().all(|(field, value)| live.get(field) == Some(value)))
    };
    let extra = |live: &Value| live.get("appProtocol").is_some_and(|value| !value.is_null());
    live.len() == wanted.len()
        && wanted.iter().all(|wanted| {
            live.iter()
                .any(|live| says(wanted, live) && (!extra(live) || wanted.get("appProtocol").is_some()))
        })
}
