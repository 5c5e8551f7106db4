//! From Ingresses to a routing table, and from a request to a route.
//!
//! Pure. A table is built whole from all Ingresses of the class, so what a request meets never depends on the order in
//! which they came. Of two Ingresses that claim the same host and path, the older one wins (then the first by name).

use crate::canary::{Policy, Share};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Service's port as a route names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Port {
    Number(u16),
    Name(String),
    /// The one that the Service names first.
    First,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Backend {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: Port,
}

/// How a path is matched. The order is the preference among equally long matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// ingress-nginx's reading of `ImplementationSpecific`: the path begins so.
    Start,
    /// Whole path elements.
    Prefix,
    Exact,
}

/// One host's path.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) backend: Backend,
    pub(crate) canary: Option<(Policy, Backend)>,
    /// Survives rebuilds of the table, so a changed weight starts from where the last one was.
    pub(crate) share: Arc<Share>,
}

/// Host ("" for any), path and how it is matched.
pub(crate) type Place = (String, String, Match);

/// All routes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    routes: BTreeMap<Place, Route>,
    shares: BTreeMap<Place, Arc<Share>>,
}

/// One Ingress as the table needs it.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    namespace: String,
    name: String,
    created: String,
    rules: Vec<(Place, Backend)>,
    policy: Option<Policy>,
}

impl Ingress {
    /// Reads an Ingress of this class; none for another class's. Odd rules are left out.
    pub(crate) fn read(object: &Value, class: &str) -> Option<Self> {
        let annotations = texts(object, "/metadata/annotations");
        let named = annotations.get("kubernetes.io/ingress.class").map(String::as_str);
        if named.unwrap_or_else(|| text(object, "/spec/ingressClassName")) != class {
            return None;
        }
        let namespace = text(object, "/metadata/namespace");
        let mut rules = Vec::new();
        for rule in list(object, "/spec/rules") {
            let host = text(rule, "/host").to_lowercase();
            for path in list(rule, "/http/paths") {
                if let Some(backend) = backend(namespace, path.pointer("/backend")) {
                    rules.push(((host.clone(), path_of(path), match_of(path)), backend));
                }
            }
        }
        if let Some(backend) = backend(namespace, object.pointer("/spec/defaultBackend")) {
            rules.push(((String::new(), "/".to_owned(), Match::Start), backend));
        }
        Some(Self {
            namespace: namespace.to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            created: text(object, "/metadata/creationTimestamp").to_owned(),
            rules,
            policy: Policy::read(&annotations),
        })
    }
}

impl Table {
    /// The table of these Ingresses; `earlier` is the one that it replaces.
    pub(crate) fn build<'a>(ingresses: impl Iterator<Item = &'a Ingress>, earlier: &Self) -> Self {
        let mut sorted: Vec<&Ingress> = ingresses.collect();
        sorted.sort_by_key(|ingress| (&ingress.created, &ingress.namespace, &ingress.name));
        let mut table = Self::default();
        for ingress in sorted.iter().filter(|ingress| ingress.policy.is_none()) {
            for (place, backend) in &ingress.rules {
                let share = earlier.shares.get(place).cloned().unwrap_or_default();
                table.shares.entry(place.clone()).or_insert_with(|| Arc::clone(&share));
                let route = Route { backend: backend.clone(), canary: None, share };
                table.routes.entry(place.clone()).or_insert(route);
            }
        }
        for ingress in &sorted {
            let Some(policy) = &ingress.policy else { continue };
            for ((host, path, _), backend) in &ingress.rules {
                // A canary shadows the main route of its host and path, however either matches it.
                let twins = table.routes.iter_mut().filter(|((h, p, _), _)| h == host && p == path);
                for (_, route) in
                    twins.filter(|(_, route)| route.canary.is_none() && route.backend != *backend)
                {
                    route.canary = Some((policy.clone(), backend.clone()));
                }
            }
        }
        table
    }

    /// The route of a request: the most telling host, then the longest path.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Route> {
        let host = host.to_lowercase();
        let wildcards =
            host.match_indices('.').map(|(at, _)| format!("*{}", &host[at..])).collect::<Vec<_>>();
        let hosts = std::iter::once(host.clone()).chain(wildcards).chain(std::iter::once(String::new()));
        for wanted in hosts {
            let of_host = self.routes.iter().filter(|((host, _, _), _)| *host == wanted);
            let fitting = of_host.filter(|((_, route, kind), _)| fits(*kind, route, path));
            let best = fitting.max_by_key(|((_, route, kind), _)| (route.trim_end_matches('/').len(), *kind));
            if let Some((_, route)) = best {
                return Some(route);
            }
        }
        None
    }
}

fn fits(kind: Match, route: &str, path: &str) -> bool {
    match kind {
        Match::Exact => route == path,
        Match::Start => path.starts_with(route),
        Match::Prefix => {
            let stem = route.trim_end_matches('/');
            path.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

fn path_of(path: &Value) -> String {
    match text(path, "/path") {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn match_of(path: &Value) -> Match {
    match text(path, "/pathType") {
        "Exact" => Match::Exact,
        "Prefix" => Match::Prefix,
        _ => Match::Start,
    }
}

fn backend(namespace: &str, value: Option<&Value>) -> Option<Backend> {
    let service = value?.pointer("/service")?;
    let name = text(service, "/name");
    let port = match service.pointer("/port/number").and_then(Value::as_u64) {
        Some(number) => Port::Number(u16::try_from(number).ok()?),
        None => Port::Name(text(service, "/port/name").to_owned()),
    };
    (!name.is_empty()).then(|| Backend { namespace: namespace.to_owned(), service: name.to_owned(), port })
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = object.pointer(pointer).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ingress(name: &str, annotations: &Value, rules: &[(&str, &str, &str, &str)]) -> Ingress {
        let rules: Vec<Value> = rules
            .iter()
            .map(|(host, kind, path, service)| {
                json!({"host": host, "http": {"paths": [{
                    "path": path, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 80}}},
                }]}})
            })
            .collect();
        let object = json!({
            "metadata": {"namespace": "ns", "name": name, "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": annotations},
            "spec": {"ingressClassName": "nginx", "rules": rules},
        });
        Ingress::read(&object, "nginx").unwrap()
    }

    fn table(ingresses: &[Ingress]) -> Table {
        Table::build(ingresses.iter(), &Table::default())
    }

    #[test]
    fn the_most_telling_host_and_the_longest_path_win() {
        let table = table(&[ingress(
            "all",
            &json!({}),
            &[
                ("a.example", "Prefix", "/", "root"),
                ("a.example", "Prefix", "/api", "api"),
                ("a.example", "Prefix", "/api/v1/", "v1"),
                ("a.example", "Exact", "/api", "exact"),
                ("a.example", "ImplementationSpecific", "/sta", "start"),
                ("*.example", "Prefix", "/", "wild"),
                ("*.b.example", "Prefix", "/only", "inner"),
                ("", "Prefix", "/", "any"),
            ],
        )]);
        for (host, path, service) in [
            ("a.example", "/", "root"),
            ("A.Example", "/x", "root"),
            ("a.example", "/api", "exact"),
            ("a.example", "/api/", "api"),
            ("a.example", "/apix", "root"),
            ("a.example", "/api/v1", "v1"),
            ("a.example", "/api/v1/x", "v1"),
            ("a.example", "/api/v10", "api"),
            ("a.example", "/static", "start"),
            ("c.example", "/", "wild"),
            ("x.b.example", "/only", "inner"),
            ("x.b.example", "/else", "wild"),
            ("elsewhere", "/", "any"),
            ("", "/", "any"),
        ] {
            assert_eq!(table.find(host, path).unwrap().backend.service, service, "{host}{path}");
        }
    }

    #[test]
    fn no_route_is_no_route() {
        let table = table(&[ingress("i", &json!({}), &[("a.example", "Prefix", "/x", "s")])]);
        assert!(table.find("a.example", "/y").is_none());
        assert!(table.find("b.example", "/x").is_none());
    }

    #[test]
    fn a_canary_joins_the_main_route_of_its_host_and_path_alone() {
        let canary = json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "25"});
        let main =
            ingress("main", &json!({}), &[("h", "Prefix", "/", "stable"), ("h", "Prefix", "/x", "other")]);
        let table = table(&[
            ingress("a-canary", &canary, &[("h", "Prefix", "/", "canary"), ("g", "Prefix", "/", "alone")]),
            main,
        ]);
        assert_eq!(table.find("h", "/").unwrap().canary.as_ref().unwrap().1.service, "canary");
        assert!(table.find("h", "/x").unwrap().canary.is_none());
        assert!(table.find("g", "/").is_none(), "a canary without a main route routes nothing");
    }

    #[test]
    fn other_classes_are_left_alone_and_the_annotation_decides() {
        for (annotation, class, mine) in [
            (None, "nginx", true),
            (None, "", false),
            (None, "traefik", false),
            (Some("nginx"), "", true),
            (Some("traefik"), "nginx", false),
        ] {
            let mut object = json!({"metadata": {"annotations": {}}, "spec": {"ingressClassName": class}});
            if let Some(annotation) = annotation {
                object["metadata"]["annotations"]["kubernetes.io/ingress.class"] = json!(annotation);
            }
            assert_eq!(Ingress::read(&object, "nginx").is_some(), mine, "{annotation:?} {class}");
        }
    }

    #[test]
    fn the_share_of_a_route_survives_a_rebuild() {
        let all = [ingress("i", &json!({}), &[("h", "Prefix", "/", "s")])];
        let first = table(&all);
        let second = Table::build(all.iter(), &first);
        assert!(Arc::ptr_eq(&first.find("h", "/").unwrap().share, &second.find("h", "/").unwrap().share));
    }

    #[test]
    fn odd_ingresses_have_no_routes() {
        for spec in
            [json!({"rules": "x"}), json!({"rules": [{"http": {"paths": [{"backend": 5}]}}]}), json!([])]
        {
            let object =
                json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}, "spec": spec});
            assert!(Ingress::read(&object, "nginx").unwrap().rules.is_empty());
        }
    }
}
