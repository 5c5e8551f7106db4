//! A mesh without sidecars: real requests forwarded by Istio's `VirtualService`s, counted, and told as Prometheus tells it.
//!
//! Held: weights are exact, a request that was forwarded is in the counts, and a count is of a request that a pod has
//! answered. So what a release is judged by is what its users got.
//!
//! Three addresses. The **gateway** is for requests from outside: all gateways that `VirtualService`s name are this one. The
//! **sidecar** is for those from inside: by `VirtualService`s of the mesh, or else straight to the Service that the host
//! names (`podinfo-canary.test`); it takes whole addresses too, so that it can be a program's `http_proxy`. **Prometheus**
//! answers about all of them. Whose pod has answered is read from the pods' owners.
//!
//! Read of routes: hosts, gateways, matches, weights, delegates, rewrites, header changes, mirrors, retries (of a pod that does
//! not answer) and timeouts. Not read: CORS, TCP and TLS routes, faults, subsets. `DestinationRule`s say how a pod is called,
//! which means nothing on loopback: they are not read either.

mod matches;
mod meter;
mod prometheus;
mod proxy;
mod query;
mod routes;

use crate::forward;
use crate::pool::{Name, Pools};
use crate::route::{list, text};
use crate::watch::{self, Keeper, Names};
use crate::{Error, listen, serve};
use matches::Asked;
use meter::{Meter, SCRAPE};
use parking_lot::RwLock;
use routes::{Door, Routes};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch as level;
use tokio_util::sync::CancellationToken;

/// The definitions of the objects that are read, for a cluster that has none: without a schema.
pub const DEFINITIONS: &str = include_str!("istio.yaml");

const KINDS: [Names; 4] = [
    ("networking.istio.io", "v1beta1", "VirtualService", "virtualservices"),
    ("", "v1", "Pod", "pods"),
    Pools::SERVICES,
    Pools::SLICES,
];
const VIRTUAL_SERVICE: usize = 0;
const POD: usize = 1;

/// Where a mesh listens; port 0 is any free one.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For requests from outside.
    pub gateway: SocketAddr,
    /// For requests from inside.
    pub sidecar: SocketAddr,
    /// For questions about them.
    pub prometheus: SocketAddr,
}

/// The mesh's entry.
#[derive(Debug)]
pub struct MeshDouble;

/// A running mesh.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// Where it listens.
    pub at: Addresses,
    synced: level::Receiver<bool>,
}

/// What requests are routed by, and what became of them.
#[derive(Debug)]
struct World {
    tables: RwLock<Tables>,
    meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct Tables {
    routes: Routes,
    pools: Pools,
    workloads: Workloads,
}

impl MeshDouble {
    /// Listens and follows the API until `stop` is cancelled; requests under way are answered first.
    ///
    /// # Errors
    /// [`Error::Listen`] when an address cannot be had.
    pub async fn start(client: kube::Client, at: Addresses, stop: CancellationToken) -> Result<Mesh, Error> {
        let (gateway, gateway_at) = listen(at.gateway).await?;
        let (sidecar, sidecar_at) = listen(at.sidecar).await?;
        let (asked, prometheus_at) = listen(at.prometheus).await?;
        let world = Arc::new(World { tables: RwLock::default(), meter: Arc::new(Meter::new()) });
        let (sender, synced) = level::channel(false);
        tokio::spawn(watch::run(client, &KINDS, Reading(Arc::clone(&world)), sender, stop.clone()));
        let to_pods = forward::client();
        for (listener, door) in [(gateway, Door::Gateway), (sidecar, Door::Sidecar)] {
            let (world, to_pods) = (Arc::clone(&world), to_pods.clone());
            tokio::spawn(serve(listener, stop.clone(), move |request, from| {
                let (world, to_pods) = (Arc::clone(&world), to_pods.clone());
                async move { proxy::forward(&world, &to_pods, door, request, from).await }
            }));
        }
        let counted = Arc::clone(&world);
        tokio::spawn(serve(asked, stop.clone(), move |request, _| {
            let world = Arc::clone(&counted);
            async move { prometheus::respond(&world.meter, &request) }
        }));
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SCRAPE);
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                world.meter.scrape();
            }
        });
        let at = Addresses { gateway: gateway_at, sidecar: sidecar_at, prometheus: prometheus_at };
        Ok(Mesh { at, synced })
    }
}

impl Mesh {
    /// Waits until everything that is read has been listed once. False when the mesh stopped first.
    pub async fn synced(&self) -> bool {
        self.synced.clone().wait_for(|synced| *synced).await.is_ok()
    }
}

struct Reading(Arc<World>);

impl Keeper for Reading {
    fn keep(&mut self, kind: usize, name: &Name, object: Option<&Value>) {
        let mut tables = self.0.tables.write();
        match kind {
            VIRTUAL_SERVICE => tables.routes.keep(name, object),
            POD => tables.workloads.keep(name, object),
            _ => tables.pools.keep(&KINDS[kind], name, object),
        }
    }

    fn settled(&mut self, _kind: usize) {}
}

/// Which workload an address belongs to.
#[derive(Debug, Default)]
struct Workloads {
    of_pod: BTreeMap<Name, IpAddr>,
    /// The pod and its workload.
    at: BTreeMap<IpAddr, (Name, String)>,
}

impl Workloads {
    fn keep(&mut self, pod: &Name, object: Option<&Value>) {
        let address = object.and_then(|object| text(object, "/status/podIP").parse::<IpAddr>().ok());
        if let Some(old) = self.of_pod.remove(pod).filter(|old| Some(*old) != address)
            && self.at.get(&old).is_some_and(|(of, _)| of == pod)
        {
            self.at.remove(&old);
        }
        if let (Some(object), Some(address)) = (object, address) {
            self.of_pod.insert(pod.clone(), address);
            self.at.insert(address, (pod.clone(), workload(object)));
        }
    }

    fn at(&self, address: IpAddr) -> Option<(&str, &str)> {
        self.at.get(&address).map(|((namespace, _), workload)| (namespace.as_str(), workload.as_str()))
    }
}

/// As Istio calls a pod's workload: a Deployment, where its `ReplicaSet` is named after one.
fn workload(pod: &Value) -> String {
    let Some(owner) = list(pod, "/metadata/ownerReferences").first() else {
        return text(pod, "/metadata/name").to_owned();
    };
    let (name, hash) = (text(owner, "/name"), text(pod, "/metadata/labels/pod-template-hash"));
    let stem = name.strip_suffix(hash).and_then(|stem| stem.strip_suffix('-')).filter(|_| !hash.is_empty());
    stem.filter(|_| text(owner, "/kind") == "ReplicaSet").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(owner: Option<(&str, &str)>, address: &str) -> Value {
        let owners: Vec<Value> =
            owner.iter().map(|(kind, name)| json!({"kind": kind, "name": name})).collect();
        json!({
            "metadata": {"name": "p", "labels": {"pod-template-hash": "abc"}, "ownerReferences": owners},
            "status": {"podIP": address},
        })
    }

    #[test]
    fn a_pods_workload_is_named_by_its_owner() {
        for (owner, expected) in [
            (Some(("ReplicaSet", "app-primary-abc")), "app-primary"),
            (Some(("ReplicaSet", "app-other")), "app-other"),
            (Some(("DaemonSet", "app-abc")), "app-abc"),
            (None, "p"),
        ] {
            assert_eq!(workload(&pod(owner, "")), expected);
        }
    }

    #[test]
    fn an_address_is_that_of_its_latest_pod() {
        let mut workloads = Workloads::default();
        let (one, other): (Name, Name) = (("ns".into(), "one".into()), ("ns".into(), "other".into()));
        let at = "10.0.0.1".parse().unwrap();
        workloads.keep(&one, Some(&pod(Some(("ReplicaSet", "a-abc")), "10.0.0.1")));
        workloads.keep(&other, Some(&pod(Some(("ReplicaSet", "b-abc")), "10.0.0.1")));
        workloads.keep(&one, None);
        assert_eq!(workloads.at(at), Some(("ns", "b")));
        workloads.keep(&other, Some(&pod(None, "")));
        assert_eq!(workloads.at(at), None);
    }
}
