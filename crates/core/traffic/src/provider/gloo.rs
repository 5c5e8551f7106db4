//! Gloo: a `RouteTable` for the apex, and an `Upstream` for each version, which may take its settings from a user's one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_api::kinds::SERVICE;
use serin_kernel::{Key, Kind, Object, Observed};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::Read,
    wanted::{filled, unless_zero},
};

const ROUTE_TABLE: Kind = Kind::namespaced("gateway.solo.io", "v1", "RouteTable", "routetables");
const UPSTREAM: Kind = Kind::namespaced("gloo.solo.io", "v1", "Upstream", "upstreams");
/// The setting of the user's upstream that is kept alike.
const BALANCING: &str = "loadBalancerConfig";
/// The settings that an upstream takes over when it is made.
const TAKEN_OVER: [&str; 7] = [
    "sslConfig",
    "circuitBreakers",
    "connectionConfig",
    "useHttp2",
    "initialStreamWindowSize",
    "initialConnectionWindowSize",
    "httpProxyHostname",
];

/// Gloo.
pub(crate) struct Gloo;

impl Route for Gloo {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let services = [&front.canary, &front.primary];
        let made = services.map(|service| upstream_key(front, service));
        let read = services.map(|service| SERVICE.key(front.namespace.clone(), service.clone()));
        let table = [table_key(front)];
        made.into_iter().chain(table).chain(read).chain(settings_key(front)).collect()
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let settings = settings_key(front).map(|key| existing(observed, &key)).transpose()?;
        let proven = format!("{}-primary", front.selector.value);
        let upstreams = [
            upstream(front, &front.canary, &front.selector.value, settings, observed),
            upstream(front, &front.primary, &proven, settings, observed),
        ];
        let to = |service: &str, weight: u32| {
            let upstream = upstream_key(front, service);
            let upstream = json!({"name": upstream.name, "namespace": upstream.namespace});
            json!({"destination": {"upstream": upstream}, "weight": unless_zero(weight)})
        };
        let destinations = [to(&front.primary, split.primary.0), to(&front.canary, split.canary.0)];
        let route = json!({
            "inheritablePathMatchers": true,
            "matchers": matchers(front),
            "routeAction": {"multi": {"destinations": destinations}},
        });
        let table = Wanted::new(table_key(front), json!({"routes": [route]}))
            .dressed_as_apex(front)
            .adopting(self.read(front, observed).is_err());
        Ok(upstreams.into_iter().chain([table]).collect())
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = table_key(front);
        let read = Read::new(existing(observed, &key)?);
        let primary = upstream_key(front, &front.primary).name;
        if let Some(first) = read.at(&["spec", "routes"])?.items()?.first() {
            for part in first.at("routeAction")?.at("multi")?.at("destinations")?.items()? {
                if part.at("destination")?.at("upstream")?.at("name")?.text()? == primary {
                    return Ok(Split::beside(part.at("weight")?.weight()?));
                }
            }
        }
        Err(no_routes(front, &key))
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![table_key(front)]
    }
}

fn table_key(front: &Front) -> Key {
    ROUTE_TABLE.key(front.namespace.clone(), front.apex.clone())
}

fn upstream_key(front: &Front, service: &str) -> Key {
    let name = format!("{}-{service}upstream-{}", front.namespace, front.port.number);
    UPSTREAM.key(front.namespace.clone(), name)
}

fn settings_key(front: &Front) -> Option<Key> {
    let upstream = front.upstream.as_ref()?;
    Some(UPSTREAM.key(upstream.namespace.clone(), upstream.name.clone()))
}

/// The upstream of one version, whose pods have `pods` for their label.
fn upstream(
    front: &Front,
    service: &str,
    pods: &str,
    settings: Option<&Object>,
    observed: &Observed,
) -> Wanted {
    let live = observed.get(&SERVICE.key(front.namespace.clone(), service));
    let selector = live.and_then(|live| live.value().pointer("/spec/selector").cloned());
    let own = || Value::Object(Map::from_iter([(front.selector.key.clone(), json!(pods))]));
    let settings_spec = settings.map(|settings| settings.value()["spec"].clone()).unwrap_or_default();
    let setting = |name: &str| settings_spec.get(name).filter(|value| !value.is_null()).cloned();
    let taken = TAKEN_OVER.iter().filter_map(|name| Some(((*name).to_owned(), setting(name)?)));
    let spec = json!({
        "kube": {
            "serviceName": service,
            "serviceNamespace": front.namespace,
            "servicePort": front.port.number,
            "selector": selector.filter(Value::is_object).unwrap_or_else(own),
        },
        BALANCING: setting(BALANCING),
    });
    let labels = settings.map(|settings| settings.meta().labels.clone()).unwrap_or_default();
    Wanted::new(upstream_key(front, service), spec)
        .in_parts()
        .made_with(labels, BTreeMap::new())
        .made_with_spec(taken.collect())
}

/// Which requests the route is for; none for all of them.
fn matchers(front: &Front) -> Option<Value> {
    let header = |(name, said): (&str, &Value)| {
        let text = |kind: &str| said.get(kind).and_then(Value::as_str).filter(|text| !text.is_empty());
        let regex = text("regex");
        json!({"name": name, "value": regex.or(text("exact")), "regex": regex.map(|_| true)})
    };
    let headers: Vec<Value> = front.trial_headers().into_iter().map(header).collect();
    let methods = front.trial.iter().filter_map(|one| one.pointer("/method/exact").cloned());
    let methods: Vec<Value> = methods.collect();
    if headers.is_empty() && methods.is_empty() {
        return None;
    }
    Some(json!([{"headers": filled(headers), "methods": filled(methods)}]))
}
