//! Istio: a `VirtualService` for the apex splits requests, and a `DestinationRule` for each version says how it is called.

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Observed};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::Read,
    front::{Affinity, affinity, crossed},
    wanted::{compact, filled},
};

const VIRTUAL_SERVICE: Kind =
    Kind::namespaced("networking.istio.io", "v1beta1", "VirtualService", "virtualservices");
const DESTINATION_RULE: Kind =
    Kind::namespaced("networking.istio.io", "v1beta1", "DestinationRule", "destinationrules");
/// Istio's word for all sidecars of the mesh, in the place of a gateway.
const MESH: &str = "mesh";
/// What a trial match says that a general one gives way to.
const TRIAL_FIELDS: [&str; 3] = ["headers", "queryParams", "sourceLabels"];

/// Istio.
pub(crate) struct Istio;

impl Route for Istio {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let rule = |service: &String| DESTINATION_RULE.key(front.namespace.clone(), service.clone());
        vec![rule(&front.canary), rule(&front.primary), virtual_service(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let rule = |service: &String| {
            let key = DESTINATION_RULE.key(front.namespace.clone(), service.clone());
            Wanted::new(key, json!({"host": service, "trafficPolicy": front.policy}))
        };
        let service = Wanted::new(virtual_service(front), spec(front, split)?)
            .dressed_as_apex(front)
            .adopting(self.read(front, observed).is_err());
        Ok(vec![rule(&front.canary), rule(&front.primary), service])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = virtual_service(front);
        let read = Read::new(existing(observed, &key)?);
        let kind = if front.is_tcp() { "tcp" } else { "http" };
        let mut found = None;
        // The last route to the version under trial has the weights; those before it are for the bearers of cookies.
        for route in read.at(&["spec", kind])?.items()? {
            let (mut primary, mut canary, mut leads) = (0, 0, false);
            for destination in route.at("route")?.items()? {
                let host = destination.at("destination")?.at("host")?.text()?;
                let weight = destination.at("weight")?;
                if host == front.canary {
                    (canary, leads) = (weight.weight()?, true);
                } else if host == front.primary {
                    primary = weight.weight()?;
                }
            }
            if leads {
                let mirrored = !route.at("mirror")?.at("host")?.text()?.is_empty();
                found = Some(Split { mirrored, ..Split::new(primary, canary) });
            }
        }
        found.filter(|split| !split.is_void()).ok_or_else(|| no_routes(front, &key))
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![virtual_service(front)]
    }

    fn mend(&self) -> fn(&mut Value) {
        without_lone_zero_weights
    }
}

fn virtual_service(front: &Front) -> Key {
    VIRTUAL_SERVICE.key(front.namespace.clone(), front.apex.clone())
}

fn spec(front: &Front, split: Split) -> Result<Value, Error> {
    let (hosts, gateways) = addresses(front)?;
    let routes = if front.is_tcp() {
        let ports = front.matches.iter().filter_map(|one| one.get("port"));
        let matches: Vec<Value> = ports.map(|port| json!({ "port": port })).collect();
        json!({"tcp": [{"match": filled(matches), "route": both(front, split)}]})
    } else {
        json!({"http": http(front, split)})
    };
    let mut spec = compact(json!({"hosts": filled(hosts), "gateways": filled(gateways)}));
    if let (Value::Object(spec), Value::Object(routes)) = (&mut spec, compact(routes)) {
        spec.extend(routes);
    }
    Ok(spec)
}

/// Hosts and gateways; none when another route hands the requests on.
fn addresses(front: &Front) -> Result<(Vec<String>, Vec<String>), Error> {
    if front.delegation {
        if front.hosts.is_empty() && front.gateways.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        return Err(Error::Unsupported {
            field: "delegation".to_owned(),
            problem: "hosts and gateways belong to the route that delegates: leave both out".to_owned(),
        });
    }
    let mut hosts = front.hosts.clone();
    if !hosts.iter().any(|host| *host == front.apex || host == "*") {
        hosts.push(front.apex.clone());
    }
    let gateways = if front.gateways.is_empty() { vec![MESH.to_owned()] } else { front.gateways.clone() };
    Ok((hosts, gateways))
}

/// The routes, the first that matches counts.
fn http(front: &Front, split: Split) -> Vec<Value> {
    let mut weighted = route(front, &front.matches, &both(front, split));
    if split.mirrored && front.trial.is_empty() {
        weighted["mirror"] = json!({"host": front.canary});
        if let Some(percent) = front.mirror_percent.filter(|percent| *percent != 0) {
            weighted["mirrorPercentage"] = json!({"value": percent});
        }
    }
    if !front.trial.is_empty() {
        let matches = crossed(&front.trial, &front.matches, &TRIAL_FIELDS);
        let rest = vec![destination(front, &front.primary, split.primary.0)];
        return vec![route(front, &matches, &both(front, split)), route(front, &front.matches, &rest)];
    }
    match &front.affinity {
        Some(affinity) => sticky(front, affinity, split, weighted),
        None => vec![weighted],
    }
}

/// The weighted route behind those for the bearers of cookies.
fn sticky(front: &Front, settings: &Affinity, split: Split, mut weighted: Value) -> Vec<Value> {
    let bearers = |cookie: &str| {
        let bears = json!({"headers": {"Cookie": {"regex": affinity::brought(cookie)}}});
        crossed(&[bears], &front.matches, &TRIAL_FIELDS)
    };
    let cookies = &settings.cookies;
    let under_trial = split.canary.0 != 0;
    let mut routes = Vec::new();
    if under_trial && !cookies.current.is_empty() {
        routes.push(route(front, &bearers(&cookies.current), &both(front, Split::new(0, 100))));
        let given = |cookie: String| json!({"response": {"add": {"Set-Cookie": cookie}}});
        if let Some(cookie) = settings.given_by_primary() {
            routes.push(route(front, &bearers(&cookies.primary), &both(front, Split::PRIMARY)));
            weighted["route"][0]["headers"] = given(cookie);
        }
        weighted["route"][1]["headers"] = given(settings.given());
    } else if !under_trial && !cookies.previous.is_empty() {
        let mut last = route(front, &bearers(&cookies.previous), &both(front, split));
        last["headers"]["response"]["add"]["Set-Cookie"] = json!(affinity::taken_back(&cookies.previous));
        routes.push(last);
    }
    routes.push(weighted);
    routes
}

fn route(front: &Front, matches: &[Value], destinations: &[Value]) -> Value {
    let rewrite = front.rewrite.as_ref();
    compact(json!({
        "match": filled(matches.to_vec()),
        "rewrite": rewrite.map(|rewrite| json!({"uri": rewrite.uri, "authority": rewrite.authority})),
        "timeout": front.timeout,
        "retries": front.retries.as_ref().map(|retries| json!({
            "attempts": retries.attempts,
            "perTryTimeout": retries.per_try_timeout,
            "retryOn": retries.retry_on,
        })),
        "corsPolicy": front.cors,
        "headers": front.headers,
        "route": destinations,
    }))
}

fn both(front: &Front, split: Split) -> Vec<Value> {
    vec![
        destination(front, &front.primary, split.primary.0),
        destination(front, &front.canary, split.canary.0),
    ]
}

fn destination(front: &Front, service: &str, weight: u32) -> Value {
    let is_gateway = front.gateways.first().is_some_and(|first| first != MESH);
    let needs_port = front.port.discovery && (is_gateway || front.delegation);
    let port = needs_port.then(|| json!({"number": front.port.number}));
    compact(json!({"destination": {"host": service, "port": port}, "weight": weight}))
}

/// Takes the weight 0 off destinations that stand alone: they get everything with or without it, and one that was kept by
/// a controller that writes zeros did not have it before.
fn without_lone_zero_weights(spec: &mut Value) {
    for kind in ["http", "tcp", "tls"] {
        let routes = spec.get_mut(kind).and_then(Value::as_array_mut);
        for route in routes.into_iter().flatten() {
            let Some([only]) = route.get_mut("route").and_then(Value::as_array_mut).map(Vec::as_mut_slice)
            else {
                continue;
            };
            if let Some(only) = only.as_object_mut().filter(|only| only.get("weight") == Some(&json!(0))) {
                only.shift_remove("weight");
            }
        }
    }
}
