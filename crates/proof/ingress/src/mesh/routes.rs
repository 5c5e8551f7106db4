//! From `VirtualService`s to the course of a request.
//!
//! Pure but for the counters of the weights. Of two that claim the same host at the same door, the older one wins (then the
//! first by name).

use super::matches::{Asked, Changes, Match};
use crate::canary::{Share, Side};
use crate::forward::ANSWER_MAX;
use crate::pool::Name;
use crate::route::{Backend, Port, list, text};
use serde_json::Value;
use serin_lang::duration::GoDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Istio's word for all sidecars.
const MESH: &str = "mesh";
/// Further tries of a request whose pod does not answer, where a route says nothing: Istio's number.
const RETRIES: u32 = 2;
/// And the most that are taken from a route.
const RETRIES_MAX: u32 = 10;
/// Where names of Services end.
const DOMAIN: &str = "svc.cluster.local";

/// Through which door a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// From outside, through a gateway. All gateways are this one.
    Gateway,
    /// From inside the mesh.
    Sidecar,
}

/// One `VirtualService`.
#[derive(Debug)]
pub(crate) struct VirtualService {
    created: String,
    hosts: Vec<String>,
    gateways: Vec<String>,
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    matches: Vec<Match>,
    destinations: Vec<Destination>,
    delegate: Option<Name>,
    uri: Option<String>,
    authority: Option<String>,
    request: Changes,
    response: Changes,
    mirror: Option<(Backend, u64, Share)>,
    tries: u32,
    patience: Duration,
}

#[derive(Debug)]
struct Destination {
    backend: Backend,
    weight: u64,
    request: Changes,
    response: Changes,
    owed: Share,
}

/// Where a request goes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) backend: Backend,
    pub(crate) path: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) request: [Changes; 2],
    pub(crate) response: [Changes; 2],
    pub(crate) mirror: Option<Backend>,
    pub(crate) tries: u32,
    pub(crate) patience: Duration,
}

impl Course {
    /// Straight to a Service.
    pub(crate) fn straight(backend: Backend) -> Self {
        Self {
            backend,
            path: None,
            authority: None,
            request: Default::default(),
            response: Default::default(),
            mirror: None,
            tries: 1 + RETRIES,
            patience: ANSWER_MAX,
        }
    }
}

impl VirtualService {
    /// Reads one; odd parts are left out.
    pub(crate) fn read(object: &Value) -> Self {
        let namespace = text(object, "/metadata/namespace");
        let words = |pointer: &str| -> Vec<String> {
            list(object, pointer).iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
        };
        // A host without a dot is a Service of this namespace.
        let host = |host: String| {
            if host.contains('.') || host == "*" { host } else { format!("{host}.{namespace}.{DOMAIN}") }
        };
        Self {
            created: text(object, "/metadata/creationTimestamp").to_owned(),
            hosts: words("/spec/hosts").into_iter().map(host).collect(),
            gateways: words("/spec/gateways"),
            routes: list(object, "/spec/http").iter().map(|route| Route::read(route, namespace)).collect(),
        }
    }

    fn is_at(&self, door: Door) -> bool {
        match door {
            Door::Sidecar => self.gateways.is_empty() || self.gateways.iter().any(|gateway| gateway == MESH),
            Door::Gateway => self.gateways.iter().any(|gateway| gateway != MESH),
        }
    }
}

impl Route {
    fn read(route: &Value, namespace: &str) -> Self {
        let duration = |pointer: &str| {
            let nanos = GoDuration::parse(text(route, pointer)).ok()?.nanos();
            u64::try_from(nanos).ok().filter(|nanos| *nanos != 0).map(Duration::from_nanos)
        };
        let named = |pointer: &str| Some(text(route, pointer).to_owned()).filter(|text| !text.is_empty());
        let retries = route.pointer("/retries/attempts").and_then(Value::as_u64);
        let retries = retries.and_then(|retries| u32::try_from(retries).ok()).unwrap_or(RETRIES);
        let delegate = named("/delegate/name")
            .map(|name| (named("/delegate/namespace").unwrap_or_else(|| namespace.to_owned()), name));
        let percent = route.pointer("/mirrorPercentage/value").and_then(Value::as_f64).unwrap_or(100.0);
        let mirror = route.get("mirror").and_then(|mirror| backend(mirror, namespace));
        Self {
            matches: Match::all(route),
            destinations: list(route, "/route")
                .iter()
                .filter_map(|to| Destination::read(to, namespace))
                .collect(),
            delegate,
            uri: named("/rewrite/uri"),
            authority: named("/rewrite/authority"),
            request: Changes::read(route, "request"),
            response: Changes::read(route, "response"),
            mirror: mirror.map(|to| (to, percent.clamp(0.0, 100.0).round() as u64, Share::default())),
            tries: 1 + retries.min(RETRIES_MAX),
            patience: [duration("/timeout"), duration("/retries/perTryTimeout")]
                .into_iter()
                .flatten()
                .fold(ANSWER_MAX, Duration::min),
        }
    }

    /// The match that fits, if the route is for this request; one without matches is for all.
    fn fits(&self, asked: &Asked<'_>) -> Option<Match> {
        if self.matches.is_empty() {
            return Some(Match::default());
        }
        self.matches.iter().find(|wanted| wanted.fits(asked)).cloned()
    }

    fn course(&self, asked: &Asked<'_>, matched: &Match) -> Option<Course> {
        let to = self.destination()?;
        let mirror =
            self.mirror.as_ref().filter(|(_, percent, owed)| owed.next(*percent, 100) == Side::Canary);
        Some(Course {
            backend: to.backend.clone(),
            path: self.uri.as_ref().map(|by| matched.rewritten(asked.uri.path(), by)),
            authority: self.authority.clone(),
            request: [self.request.clone(), to.request.clone()],
            response: [self.response.clone(), to.response.clone()],
            mirror: mirror.map(|(to, ..)| to.clone()),
            tries: self.tries,
            patience: self.patience,
        })
    }

    /// The destination whose turn it is: each in proportion to its weight, the first one when nobody has any.
    fn destination(&self) -> Option<&Destination> {
        let mut left: u64 = self.destinations.iter().map(|to| to.weight).sum();
        for to in &self.destinations {
            if left == 0 || to.owed.next(to.weight, left) == Side::Canary {
                return Some(to);
            }
            left -= to.weight;
        }
        None
    }
}

impl Destination {
    fn read(value: &Value, namespace: &str) -> Option<Self> {
        Some(Self {
            backend: backend(value.get("destination")?, namespace)?,
            weight: value.get("weight").and_then(Value::as_u64).unwrap_or(0).min(u64::from(u32::MAX)),
            request: Changes::read(value, "request"),
            response: Changes::read(value, "response"),
            owed: Share::default(),
        })
    }
}

fn backend(destination: &Value, namespace: &str) -> Option<Backend> {
    let (namespace, service) = service(&text(destination, "/host").to_lowercase(), namespace)?;
    let port = destination.pointer("/port/number").and_then(Value::as_u64);
    let port = port.and_then(|port| u16::try_from(port).ok()).map_or(Port::First, Port::Number);
    Some(Backend { namespace, service, port })
}

/// The Service that a host names; one of `namespace` when it names none. An empty namespace is none.
pub(crate) fn service(host: &str, namespace: &str) -> Option<Name> {
    let mut parts = host.split('.');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let of = parts.next().unwrap_or(namespace);
    let rest: Vec<&str> = parts.collect();
    let is_whole = matches!(rest.as_slice(), [] | ["svc"] | ["svc", "cluster", "local"]);
    (is_whole && !of.is_empty()).then(|| (of.to_owned(), name.to_owned()))
}

/// What routes say of a request.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Nobody claims its host at this door.
    Nothing,
    /// Somebody does, and has no route for it.
    NoRoute,
    /// Along this course.
    Go(Box<Course>),
}

/// All `VirtualService`s.
#[derive(Debug, Default)]
pub(crate) struct Routes(BTreeMap<Name, Arc<VirtualService>>);

impl Routes {
    /// Takes one in, or drops it. What has not changed keeps its counters.
    pub(crate) fn keep(&mut self, name: &Name, object: Option<&Value>) {
        match object {
            Some(object) => self.0.insert(name.clone(), Arc::new(VirtualService::read(object))),
            None => self.0.remove(name),
        };
    }

    /// What is said of a request: by the most telling host, then by the first route that fits.
    pub(crate) fn say(&self, door: Door, asked: &Asked<'_>) -> Said {
        let Some(found) = self.at(door, asked.host) else { return Said::Nothing };
        self.within(found, asked, true).map_or(Said::NoRoute, |course| Said::Go(Box::new(course)))
    }

    fn within(&self, found: &VirtualService, asked: &Asked<'_>, may_delegate: bool) -> Option<Course> {
        for route in &found.routes {
            let Some(matched) = route.fits(asked) else { continue };
            match &route.delegate {
                None => return route.course(asked, &matched),
                // One that was delegated to delegates no further, as in Istio.
                Some(name) if may_delegate => {
                    let delegate = self.0.get(name).filter(|it| it.hosts.is_empty());
                    if let Some(course) = delegate.and_then(|it| self.within(it, asked, false)) {
                        return Some(course);
                    }
                }
                Some(_) => {}
            }
        }
        None
    }

    fn at(&self, door: Door, host: &str) -> Option<&VirtualService> {
        let host = host.to_lowercase();
        let whole = service(&host, "").map(|(namespace, name)| format!("{name}.{namespace}.{DOMAIN}"));
        let wildcards =
            host.match_indices('.').map(|(at, _)| format!("*{}", &host[at..])).collect::<Vec<_>>();
        let wanted = std::iter::once(host.clone()).chain(whole).chain(wildcards).chain(["*".to_owned()]);
        for wanted in wanted {
            let claims = self.0.iter().filter(|(_, it)| it.is_at(door) && it.hosts.contains(&wanted));
            if let Some((_, found)) = claims.min_by_key(|(name, it)| (&it.created, *name)) {
                return Some(found);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, Uri};
    use serde_json::json;

    fn routes(all: &[(&str, Value)]) -> Routes {
        let mut routes = Routes::default();
        for (name, spec) in all {
            let object = json!({"metadata": {"namespace": "ns", "name": name}, "spec": spec});
            routes.keep(&("ns".into(), (*name).into()), Some(&object));
        }
        routes
    }

    fn to(service: &str, weight: u64) -> Value {
        json!({"destination": {"host": service}, "weight": weight})
    }

    /// The Service that each of `count` requests is sent to; "-" without a route, "?" where nobody claims the host.
    fn sent(routes: &Routes, door: Door, host: &str, path: &str, count: usize) -> Vec<String> {
        let (method, headers, uri) = (Method::GET, HeaderMap::new(), path.parse::<Uri>().unwrap());
        let asked = Asked { host, method: &method, uri: &uri, headers: &headers };
        let one = || match routes.say(door, &asked) {
            Said::Nothing => "?".to_owned(),
            Said::NoRoute => "-".to_owned(),
            Said::Go(course) => format!("{}.{}", course.backend.service, course.backend.namespace),
        };
        (0..count).map(|_| one()).collect()
    }

    #[test]
    fn requests_are_split_exactly_by_weight() {
        for weights in [[100, 0], [90, 10], [50, 50], [0, 100], [1, 99]] {
            let all: Vec<Value> = vec![to("p", weights[0]), to("c", weights[1])];
            let routes =
                routes(&[("a", json!({"hosts": ["*"], "gateways": ["g"], "http": [{"route": all}]}))]);
            let sent = sent(&routes, Door::Gateway, "x", "/", 200);
            let canary = sent.iter().filter(|service| *service == "c.ns").count() as u64;
            assert_eq!(canary, 2 * weights[1], "{weights:?}");
        }
        let three = json!({"hosts": ["*"], "http": [{"route": [to("a", 20), to("b", 30), to("c", 50)]}]});
        let sent = sent(&routes(&[("a", three)]), Door::Sidecar, "x", "/", 100);
        let of = |wanted: &str| sent.iter().filter(|service| *service == wanted).count();
        assert_eq!([of("a.ns"), of("b.ns"), of("c.ns")], [20, 30, 50]);
    }

    #[test]
    fn one_destination_without_a_weight_gets_all() {
        let only = json!({"hosts": ["*"], "http": [{"route": [{"destination": {"host": "p"}}]}]});
        assert_eq!(sent(&routes(&[("a", only)]), Door::Sidecar, "x", "/", 2), ["p.ns", "p.ns"]);
    }

    #[test]
    fn the_most_telling_host_at_the_right_door_wins() {
        let of = |service: &str, hosts: Value, gateways: Value| json!({"hosts": hosts, "gateways": gateways, "http": [{"route": [to(service, 100)]}]});
        let routes = routes(&[
            ("all", of("all", json!(["*"]), json!(["istio-system/gateway"]))),
            ("one", of("one", json!(["app.example"]), json!(["istio-system/gateway"]))),
            ("wild", of("wild", json!(["*.example"]), json!(["istio-system/gateway"]))),
            ("apex", of("apex", json!(["podinfo"]), json!(["mesh"]))),
            ("silent", of("silent", json!(["quiet"]), json!([]))),
            ("second", json!({"hosts": ["app.example"], "gateways": ["g"], "http": []})),
        ]);
        for (door, host, expected) in [
            (Door::Gateway, "App.Example", "one.ns"),
            (Door::Gateway, "b.example", "wild.ns"),
            (Door::Gateway, "elsewhere", "all.ns"),
            (Door::Gateway, "podinfo.ns", "all.ns"),
            (Door::Sidecar, "podinfo.ns", "apex.ns"),
            (Door::Sidecar, "podinfo.ns.svc.cluster.local", "apex.ns"),
            (Door::Sidecar, "quiet.ns.svc", "silent.ns"),
            (Door::Sidecar, "podinfo.other", "?"),
            (Door::Sidecar, "app.example", "?"),
        ] {
            assert_eq!(sent(&routes, door, host, "/", 1), [expected], "{door:?} {host}");
        }
    }

    #[test]
    fn a_route_may_be_delegated_once() {
        let root = json!({"hosts": ["*"], "http": [
            {"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "leaf", "namespace": "ns"}},
            {"match": [{"uri": {"prefix": "/b"}}], "delegate": {"name": "nobody"}},
            {"match": [{"uri": {"prefix": "/c"}}], "delegate": {"name": "whole"}},
            {"match": [{"uri": {"prefix": "/d"}}], "delegate": {"name": "onward"}},
        ]});
        let leaf = json!({"http": [{"route": [to("leaf", 100)]}]});
        let whole = json!({"hosts": ["other"], "http": [{"route": [to("whole", 100)]}]});
        let onward = json!({"http": [{"delegate": {"name": "leaf"}}]});
        let routes = routes(&[("a", root), ("leaf", leaf), ("whole", whole), ("onward", onward)]);
        for (path, expected) in [("/a", "leaf.ns"), ("/b", "-"), ("/c", "-"), ("/d", "-"), ("/e", "-")] {
            assert_eq!(sent(&routes, Door::Sidecar, "x", path, 1), [expected], "{path}");
        }
    }

    #[test]
    fn the_terms_of_a_route_are_read_and_bounded() {
        let spec = json!({"hosts": ["*"], "http": [{
            "route": [to("p.far.svc.cluster.local", 100)], "mirror": {"host": "c"}, "mirrorPercentage": {"value": 50},
            "retries": {"attempts": 3, "perTryTimeout": "1s"}, "timeout": "15s",
            "rewrite": {"uri": "/v2", "authority": "other"}, "match": [{"uri": {"prefix": "/v1"}}],
        }, {"route": [to("x", 1)], "retries": {"attempts": 4_000_000}, "timeout": "soon"}]});
        let routes = routes(&[("a", spec)]);
        let (method, headers) = (Method::GET, HeaderMap::new());
        let course = |path: &str| {
            let uri = path.parse::<Uri>().unwrap();
            let asked = Asked { host: "h", method: &method, uri: &uri, headers: &headers };
            let Said::Go(course) = routes.say(Door::Sidecar, &asked) else { panic!("no route for {path}") };
            *course
        };
        let first = course("/v1/x");
        assert_eq!((first.backend.namespace.as_str(), first.tries, first.patience.as_secs()), ("far", 4, 1));
        assert_eq!((first.path.as_deref(), first.authority.as_deref()), (Some("/v2/x"), Some("other")));
        let mirrored =
            [first, course("/v1"), course("/v1"), course("/v1")].map(|course| course.mirror.is_some());
        assert_eq!(mirrored.iter().filter(|mirrored| **mirrored).count(), 2);
        let other = course("/");
        assert_eq!((other.tries, other.patience), (1 + RETRIES_MAX, ANSWER_MAX));
    }

    #[test]
    fn odd_objects_route_nothing() {
        for spec in
            [json!([]), json!({"hosts": "x", "http": 5}), json!({"hosts": ["*"], "http": [{"route": [5]}]})]
        {
            let sent = sent(&routes(&[("a", spec)]), Door::Sidecar, "x", "/", 1);
            assert!(["?", "-"].contains(&sent[0].as_str()), "{sent:?}");
        }
    }
}
