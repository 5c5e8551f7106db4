//! A Service's endpoints, and whose turn it is.
//!
//! Ready endpoints take turns. When none is ready, those that are on their way out but still serve are better than an
//! error.

use crate::route::{Backend, Port, list, text};
use crate::watch::Names;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Namespace and name.
pub(crate) type Name = (String, String);

/// One EndpointSlice as the pools need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) service: Name,
    ports: Vec<(String, u16)>,
    ready: Vec<IpAddr>,
    leaving: Vec<IpAddr>,
}

impl Slice {
    /// Reads a slice; endpoints without a plain address are left out. None when it belongs to no Service.
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let service = text(object, "/metadata/labels/kubernetes.io~1service-name");
        let namespace = text(object, "/metadata/namespace");
        let (mut ready, mut leaving) = (Vec::new(), Vec::new());
        for endpoint in list(object, "/endpoints") {
            let Ok(address) = text(endpoint, "/addresses/0").parse() else { continue };
            let condition = |name: &str| endpoint.pointer("/conditions").and_then(|c| c.get(name)?.as_bool());
            // The API's rule: unknown readiness counts as ready.
            if condition("ready").unwrap_or(true) {
                ready.push(address);
            } else if condition("serving") == Some(true) && condition("terminating") == Some(true) {
                leaving.push(address);
            }
        }
        let port = |port: &Value| {
            Some((text(port, "/name").to_owned(), u16::try_from(port.pointer("/port")?.as_u64()?).ok()?))
        };
        let ports = list(object, "/ports").iter().filter_map(port).collect();
        (!service.is_empty()).then(|| Self {
            service: (namespace.to_owned(), service.to_owned()),
            ports,
            ready,
            leaving,
        })
    }
}

/// The Service's ports: number and name.
fn service_ports(object: &Value) -> Vec<(u16, String)> {
    let read = |port: &Value| {
        Some((u16::try_from(port.pointer("/port")?.as_u64()?).ok()?, text(port, "/name").to_owned()))
    };
    list(object, "/spec/ports").iter().filter_map(read).collect()
}

/// What answers for one port of one Service.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    ready: Vec<SocketAddr>,
    leaving: Vec<SocketAddr>,
    turn: AtomicUsize,
}

impl Pool {
    /// The endpoints of the port that the slices call `name`.
    pub(crate) fn build<'a>(slices: impl Iterator<Item = &'a Slice>, name: &str) -> Self {
        let mut pool = Self::default();
        for slice in slices {
            for (_, port) in slice.ports.iter().filter(|(port, _)| port == name) {
                pool.ready.extend(slice.ready.iter().map(|ip| SocketAddr::new(*ip, *port)));
                pool.leaving.extend(slice.leaving.iter().map(|ip| SocketAddr::new(*ip, *port)));
            }
        }
        pool.ready.sort_unstable();
        pool.leaving.sort_unstable();
        pool
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.leaving.is_empty()
    }

    /// The endpoint whose turn it is, another one than `avoid` where there is one.
    pub(crate) fn next(&self, avoid: Option<SocketAddr>) -> Option<SocketAddr> {
        let choice = if self.ready.is_empty() { &self.leaving } else { &self.ready };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let at = |turn: usize| choice.get(turn.checked_rem(choice.len())?).copied();
        match at(turn)? {
            same if Some(same) == avoid => at(turn.wrapping_add(1)),
            endpoint => Some(endpoint),
        }
    }
}

/// The pools of every Service that has slices, by port name.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    ports: BTreeMap<Name, Vec<(u16, String)>>,
    slices: BTreeMap<Name, Slice>,
    by_port: BTreeMap<(Name, String), Pool>,
}

impl Pools {
    /// The kinds that pools are made of.
    pub(crate) const SERVICES: Names = ("", "v1", "Service", "services");
    pub(crate) const SLICES: Names = ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");

    /// Takes in an object of one of these kinds, or that it is gone.
    pub(crate) fn keep(&mut self, kind: &Names, name: &Name, object: Option<&Value>) {
        match *kind {
            Self::SERVICES => self.set_service(name, object.map(service_ports)),
            Self::SLICES => self.set_slice(name, object.and_then(Slice::read)),
            _ => {}
        }
    }

    /// Takes in (or drops) a Service's ports.
    fn set_service(&mut self, name: &Name, ports: Option<Vec<(u16, String)>>) {
        match ports {
            Some(ports) => self.ports.insert(name.clone(), ports),
            None => self.ports.remove(name),
        };
    }

    /// Takes in (or drops) a slice.
    fn set_slice(&mut self, name: &Name, slice: Option<Slice>) {
        if self.slices.get(name) == slice.as_ref() {
            return;
        }
        let touched: Vec<Name> =
            self.slices.get(name).iter().copied().chain(slice.as_ref()).map(|s| s.service.clone()).collect();
        match slice {
            Some(slice) => self.slices.insert(name.clone(), slice),
            None => self.slices.remove(name),
        };
        for service in touched {
            self.rebuild(&service);
        }
    }

    /// The pool of a backend, if it has any endpoint.
    pub(crate) fn find(&self, backend: &Backend) -> Option<&Pool> {
        let name = (backend.namespace.clone(), backend.service.clone());
        let ports = self.ports.get(&name)?;
        let port = ports.iter().find(|(number, port)| match &backend.port {
            Port::Number(wanted) => wanted == number,
            Port::Name(wanted) => wanted == port,
            Port::First => true,
        })?;
        self.by_port.get(&(name, port.1.clone())).filter(|pool| !pool.is_empty())
    }

    /// Whether there is a Service of this name.
    pub(crate) fn knows(&self, service: &Name) -> bool {
        self.ports.contains_key(service)
    }

    fn rebuild(&mut self, service: &Name) {
        // Slices are named after their Service, and all of one namespace lie side by side.
        let of_service = || {
            let first = (service.0.clone(), String::new());
            let inside = self.slices.range(first..).take_while(|((namespace, _), _)| *namespace == service.0);
            inside.map(|(_, slice)| slice).filter(|slice| slice.service == *service)
        };
        let mut names: Vec<String> =
            of_service().flat_map(|s| s.ports.iter().map(|(name, _)| name.clone())).collect();
        names.sort_unstable();
        names.dedup();
        let pools: Vec<_> = names.into_iter().map(|name| (Pool::build(of_service(), &name), name)).collect();
        let stale: Vec<_> = self
            .by_port
            .range((service.clone(), String::new())..)
            .take_while(|((s, _), _)| s == service)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &stale {
            self.by_port.remove(key);
        }
        for (pool, name) in pools {
            self.by_port.insert((service.clone(), name), pool);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(name: &str, endpoints: &[(&str, bool, bool, bool)]) -> (Name, Option<Slice>) {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(ip, ready, serving, leaving)| {
                json!({"addresses": [ip], "conditions": {"ready": ready, "serving": serving, "terminating": leaving}})
            })
            .collect();
        let object = json!({
            "metadata": {"namespace": "ns", "name": name, "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}],
        });
        (("ns".into(), name.into()), Slice::read(&object))
    }

    fn pools(slices: &[(Name, Option<Slice>)]) -> Pools {
        let mut pools = Pools::default();
        pools.set_service(&("ns".into(), "web".into()), Some(vec![(80, "http".into())]));
        for (name, slice) in slices {
            pools.set_slice(name, slice.clone());
        }
        pools
    }

    fn backend(port: Port) -> Backend {
        Backend { namespace: "ns".into(), service: "web".into(), port }
    }

    fn turns(pools: &Pools, count: usize) -> Vec<String> {
        let pool = pools.find(&backend(Port::Number(80)));
        (0..count).filter_map(|_| Some(pool?.next(None)?.to_string())).collect()
    }

    #[test]
    fn ready_endpoints_of_all_slices_take_turns() {
        let pools = pools(&[
            slice("a", &[("10.0.0.1", true, true, false), ("10.0.0.2", false, false, false)]),
            slice("b", &[("10.0.0.3", true, true, false), ("10.0.0.4", false, true, true)]),
        ]);
        assert_eq!(turns(&pools, 3), ["10.0.0.1:8080", "10.0.0.3:8080", "10.0.0.1:8080"]);
    }

    #[test]
    fn leaving_endpoints_serve_only_when_none_is_ready() {
        let pools =
            pools(&[slice("a", &[("10.0.0.4", false, true, true), ("10.0.0.5", false, false, true)])]);
        assert_eq!(turns(&pools, 2), ["10.0.0.4:8080", "10.0.0.4:8080"]);
    }

    #[test]
    fn a_second_try_avoids_the_first_ones_endpoint() {
        let all = [slice("a", &[("10.0.0.1", true, true, false), ("10.0.0.2", true, true, false)])];
        let pools = pools(&all);
        let pool = pools.find(&backend(Port::Name("http".into()))).unwrap();
        for _ in 0..5 {
            let first = pool.next(None).unwrap();
            assert_ne!(pool.next(Some(first)), Some(first));
        }
    }

    #[test]
    fn a_slice_that_goes_takes_its_endpoints_with_it() {
        let (name, one) = slice("a", &[("10.0.0.1", true, true, false)]);
        let mut pools = pools(&[(name.clone(), one)]);
        assert_eq!(turns(&pools, 1).len(), 1);
        pools.set_slice(&name, None);
        assert!(pools.find(&backend(Port::Number(80))).is_none());
        assert!(pools.find(&backend(Port::Number(81))).is_none());
    }
}
