//! The Gateway API: an `HTTPRoute` for the apex splits requests between the Services.

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Object, Observed};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Cursor, Read, named},
    front::{Affinity, affinity, crossed},
    wanted::{compact, filled},
};

mod filters;
mod matches;

use filters::filters;
use matches::{everything, matches};

const GROUP: &str = "gateway.networking.k8s.io";
/// What a trial match says that a general one gives way to.
const TRIAL_FIELDS: [&str; 2] = ["headers", "queryParams"];

/// A version of the Gateway API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatewayVersion {
    /// `v1`.
    V1,
    /// `v1beta1`, without time-outs, foreign origins and a cookie of the proven version.
    V1Beta1,
}

/// The Gateway API.
pub(crate) struct Gateway(pub(crate) GatewayVersion);

impl Route for Gateway {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![self.route(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        if front.gateway_refs.is_empty() {
            return Err(Error::Unsupported {
                field: "gatewayRefs".to_owned(),
                problem: "must name at least one Gateway".to_owned(),
            });
        }
        let spec = json!({
            "parentRefs": front.gateway_refs.iter().map(filled_in).collect::<Vec<_>>(),
            "hostnames": filled(front.hosts.clone()),
            "rules": self.rules(front, split)?,
        });
        let wanted = Wanted::new(self.route(front), spec)
            .dressed_as_apex(front)
            .sharing_annotations()
            .with_defaults(is_default)
            .adopting(self.read(front, observed).is_err());
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = self.route(front);
        let read = Read::new(existing(observed, &key)?);
        let (mut found, mut mirrored) = (None, false);
        // Rules with two backends have weights; the last one is not for the bearers of cookies.
        for rule in read.at(&["spec", "rules"])?.items()? {
            for filter in rule.at("filters")?.items()? {
                let backend = filter.at("requestMirror")?.at("backendRef")?.at("name")?;
                mirrored |= backend.text()? == front.canary;
            }
            let backends = rule.at("backendRefs")?.items()?;
            if let [first, second] = &backends[..] {
                let one = (first.at("name")?.text()?, share(first)?);
                let other = (second.at("name")?.text()?, share(second)?);
                let of = |name: &str| [one, other].into_iter().find(|(found, _)| *found == name);
                if let (Some((_, primary)), Some((_, canary))) = (of(&front.primary), of(&front.canary)) {
                    found = Some(Split::new(primary, canary));
                }
            }
        }
        let split = found.filter(|split| !split.is_void()).ok_or_else(|| no_routes(front, &key))?;
        Ok(Split { mirrored, ..split })
    }

    fn accepted(&self, front: &Front, observed: &Observed) -> Result<(), Error> {
        match self.0 {
            GatewayVersion::V1 => accepted(front, existing(observed, &self.route(front))?),
            GatewayVersion::V1Beta1 => Ok(()),
        }
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![self.route(front)]
    }
}

impl Gateway {
    fn route(&self, front: &Front) -> Key {
        const V1: Kind = Kind::namespaced(GROUP, "v1", "HTTPRoute", "httproutes");
        const V1BETA1: Kind = Kind::namespaced(GROUP, "v1beta1", "HTTPRoute", "httproutes");
        let kind = match self.0 {
            GatewayVersion::V1 => V1,
            GatewayVersion::V1Beta1 => V1BETA1,
        };
        kind.key(front.namespace.clone(), front.apex.clone())
    }

    fn rules(&self, front: &Front, split: Split) -> Result<Vec<Value>, Error> {
        let own = matches("match", &front.matches)?;
        let general = if own.is_empty() { vec![everything()] } else { own.clone() };
        let mut weighted = self.rule(front, &general, &both(front, split))?;
        if split.mirrored && front.iterative {
            let copy = json!({"type": "RequestMirror", "requestMirror": {"backendRef": service(front, &front.canary)}});
            push(&mut weighted["filters"], copy);
        }
        if !front.trial.is_empty() {
            let trial = matches("analysis.match", &front.trial)?;
            weighted["matches"] = json!(crossed(&trial, &general, &TRIAL_FIELDS));
            let rest = self.rule(front, &general, &[backend(front, &front.primary, 100)])?;
            return Ok(vec![weighted, rest]);
        }
        match &front.affinity {
            Some(affinity) => self.sticky(front, affinity, split, &own, weighted),
            None => Ok(vec![weighted]),
        }
    }

    /// The weighted rule behind those for the bearers of cookies.
    fn sticky(
        &self,
        front: &Front,
        settings: &Affinity,
        split: Split,
        own: &[Value],
        mut weighted: Value,
    ) -> Result<Vec<Value>, Error> {
        let bearers = |cookie: &str| {
            let header =
                json!({"name": "Cookie", "type": "RegularExpression", "value": affinity::brought(cookie)});
            crossed(&[json!({"headers": [header]})], own, &TRIAL_FIELDS)
        };
        let given = |cookie: String| {
            let add = json!([{"name": "Set-Cookie", "value": cookie}]);
            json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": add}})
        };
        let cookies = &settings.cookies;
        let under_trial = split.canary.0 != 0;
        let mut rules = Vec::new();
        if under_trial && !cookies.current.is_empty() {
            rules.push(self.rule(front, &bearers(&cookies.current), &both(front, Split::new(0, 100)))?);
            let of_primary = settings.given_by_primary().filter(|_| self.0 == GatewayVersion::V1);
            if let Some(cookie) = of_primary {
                rules.push(self.rule(front, &bearers(&cookies.primary), &both(front, Split::PRIMARY))?);
                push(&mut weighted["backendRefs"][0]["filters"], given(cookie));
            }
            push(&mut weighted["backendRefs"][1]["filters"], given(settings.given()));
        } else if !under_trial && !cookies.previous.is_empty() {
            let mut last = self.rule(front, &bearers(&cookies.previous), &both(front, split))?;
            push(&mut last["filters"], given(affinity::taken_back(&cookies.previous)));
            rules.push(last);
        }
        rules.push(weighted);
        Ok(rules)
    }

    fn rule(&self, front: &Front, matches: &[Value], backends: &[Value]) -> Result<Value, Error> {
        let knows_more = self.0 == GatewayVersion::V1;
        let timeouts = compact(json!({"request": front.timeout, "backendRequest": front.backend_timeout}));
        let is_set = timeouts.as_object().is_some_and(|timeouts| !timeouts.is_empty());
        Ok(compact(json!({
            "matches": filled(matches.to_vec()),
            "filters": filled(filters(front, knows_more)?),
            "backendRefs": backends,
            "timeouts": (knows_more && is_set).then_some(timeouts),
        })))
    }
}

fn both(front: &Front, split: Split) -> Vec<Value> {
    vec![backend(front, &front.primary, split.primary.0), backend(front, &front.canary, split.canary.0)]
}

fn backend(front: &Front, name: &str, weight: u32) -> Value {
    let mut backend = service(front, name);
    backend["weight"] = json!(weight);
    backend
}

fn service(front: &Front, name: &str) -> Value {
    json!({"group": "", "kind": "Service", "name": name, "port": front.port.number})
}

/// The share of a backend: 1 if nothing is said, as the API has it.
fn share(backend: &Cursor<'_>) -> Result<u32, Error> {
    Ok(backend.at("weight")?.number()?.unwrap_or(1))
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = json!([item]),
    }
}

/// A reference to a Gateway with the group and the kind that it has if it says nothing.
fn filled_in(reference: &Value) -> Value {
    let mut filled = json!({"group": GROUP, "kind": "Gateway"});
    if let (Some(filled), Some(said)) = (filled.as_object_mut(), reference.as_object()) {
        let said = said.iter().filter(|(_, value)| !value.is_null());
        filled.extend(said.map(|(field, value)| (field.clone(), value.clone())));
    }
    filled
}

/// What the API's schema fills in: it would otherwise be taken away and filled in again for ever.
fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "path" => *value == everything()["path"],
        "type" => value == "Exact" || value == "PathPrefix",
        "value" => value == "/",
        "kind" => value == "Service" || value == "Gateway",
        "group" => value == GROUP,
        "weight" => *value == json!(1),
        _ => false,
    }
}

/// Whether every Gateway has taken the route as it is now. One that says nothing of it has not been asked: it may be
/// another controller's, or none that reports.
fn accepted(front: &Front, route: &Object) -> Result<(), Error> {
    let read = Read::new(route);
    for parent in read.at(&["status", "parents"])?.items()? {
        let reference = parent.at("parentRef")?;
        let wanted = |wanted: &Value| filled_in(wanted) == filled_in(reference.value());
        if !front.gateway_refs.iter().any(wanted) {
            continue;
        }
        for condition in parent.at("conditions")?.items()? {
            if condition.at("type")?.text()? != "Accepted" {
                continue;
            }
            let seen = condition.at("observedGeneration")?.value().as_i64().unwrap_or_default();
            if condition.at("status")?.text()? != "True" || seen < route.meta().generation {
                return Err(Error::NotAccepted {
                    object: named(&route.key()),
                    parent: reference.at("name")?.text()?.to_owned(),
                    reason: condition.at("reason")?.text()?.to_owned(),
                });
            }
        }
    }
    Ok(())
}
