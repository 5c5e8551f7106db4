//! The node double's loop: pods seen, one step each, status writes out.
//!
//! A pod has at most one write under way; what happens meanwhile is looked at when that write has come back.

use crate::Options;
use crate::address::{Addresses, Allocator};
use crate::app::App;
use crate::image::Fate;
use crate::lifecycle::{self, Place, Step};
use crate::node::{self, STRATEGIC, send};
use crate::pod::{Pod, text};
use crate::server::{Directory, Served, bind, serve_one};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, StreamExt};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Status writes under way at once: enough to start a thousand pods in seconds, few enough not to be a storm.
const WRITES_AT_ONCE: usize = 32;

/// Addresses tried for one pod before it goes without a server.
const BIND_TRIES: usize = 64;

/// The first retry of a refused write, doubled each time up to the last.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Namespace and name.
type Key = (String, String);
type Done = (Key, Result<Option<Value>, kube::Error>);

/// One pod on one of our nodes.
struct Entry {
    pod: Pod,
    first_seen: Timestamp,
    told_to_go: Option<Timestamp>,
    ip: Option<Ipv4Addr>,
    served: Option<Served>,
    /// No address could be had on which its ports are free: a pod that cannot be reached never becomes Ready.
    deaf: bool,
    busy: bool,
    failures: u32,
}

impl Entry {
    /// A pod that cannot listen is told from the API's view of it, which knows nothing of that.
    fn hear(&mut self) {
        if self.deaf && self.pod.behaviour.fate == Fate::Ready {
            self.pod.behaviour.fate = Fate::NeverReady;
        }
    }
}

/// Everything that the loop owns.
pub(crate) struct Double {
    client: Client,
    options: Options,
    nodes: BTreeSet<String>,
    host_ip: String,
    pool: Allocator,
    directory: Directory,
    pods: BTreeMap<Key, Entry>,
    listing: Option<BTreeSet<Key>>,
    due: BTreeSet<Key>,
    wakes: BTreeSet<(Instant, Key)>,
    wake_of: BTreeMap<Key, Instant>,
    writes: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Double {
    pub(crate) fn new(client: Client, options: Options, pool: Allocator, directory: Directory) -> Self {
        let nodes = (1..=options.nodes).map(|number| node::name(&options.node_prefix, number)).collect();
        Self {
            client,
            nodes,
            host_ip: pool.host().to_string(),
            options,
            pool,
            directory,
            pods: BTreeMap::new(),
            listing: None,
            due: BTreeSet::new(),
            wakes: BTreeSet::new(),
            wake_of: BTreeMap::new(),
            writes: FuturesUnordered::new(),
        }
    }

    /// Runs until `stop`, or until the watch ends for good.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut events = watch(&self.client);
        loop {
            while self.writes.len() < WRITES_AT_ONCE
                && let Some(key) = self.due.pop_first()
            {
                self.step(&key);
            }
            let wake = self.wakes.first().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.writes.next(), if !self.writes.is_empty() => self.finish(done),
                event = events.next() => match event {
                    Some(event) => self.take_in(event),
                    None => break,
                },
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.wake_up(),
            }
        }
        for entry in self.pods.values().filter_map(|entry| entry.served.as_ref()) {
            entry.stop.cancel();
        }
    }

    fn take_in(&mut self, event: Result<watcher::Event<DynamicObject>, watcher::Error>) {
        match event {
            Ok(watcher::Event::Init) => self.listing = Some(BTreeSet::new()),
            Ok(watcher::Event::InitApply(object)) => {
                let pod = read(object);
                if let Some(listing) = &mut self.listing {
                    listing.insert((pod.namespace.clone(), pod.name.clone()));
                }
                self.apply(pod);
            }
            Ok(watcher::Event::InitDone) => {
                let listing = self.listing.take().unwrap_or_default();
                let gone: Vec<Key> =
                    self.pods.keys().filter(|key| !listing.contains(*key)).cloned().collect();
                for key in &gone {
                    self.remove(key);
                }
            }
            Ok(watcher::Event::Apply(object)) => self.apply(read(object)),
            Ok(watcher::Event::Delete(object)) => {
                let pod = read(object);
                self.remove(&(pod.namespace, pod.name));
            }
            Err(error) => tracing::debug!(%error, "the pod watch was cut"),
        }
    }

    fn apply(&mut self, pod: Pod) {
        if !self.nodes.contains(&pod.node) {
            return;
        }
        let key = (pod.namespace.clone(), pod.name.clone());
        if self.pods.get(&key).is_some_and(|entry| entry.pod.uid != pod.uid) {
            self.remove(&key);
        }
        match self.pods.get_mut(&key) {
            Some(entry) if pod.version < entry.pod.version => return,
            Some(entry) => {
                entry.pod = pod;
                entry.hear();
            }
            None => {
                let first_seen = (self.options.clock)();
                let entry = Entry {
                    pod,
                    first_seen,
                    told_to_go: None,
                    ip: None,
                    served: None,
                    deaf: false,
                    busy: false,
                    failures: 0,
                };
                self.pods.insert(key.clone(), entry);
            }
        }
        self.due.insert(key);
    }

    fn remove(&mut self, key: &Key) {
        self.forget_wake(key);
        self.due.remove(key);
        let Some(entry) = self.pods.remove(key) else { return };
        self.stop_serving(entry.served, entry.ip);
        if let Some(ip) = entry.ip {
            self.pool.free(ip);
        }
    }

    fn step(&mut self, key: &Key) {
        let Some(mut entry) = self.pods.remove(key) else { return };
        if !entry.busy {
            self.place(&mut entry);
            let now = (self.options.clock)();
            if entry.pod.grace.is_some() {
                entry.told_to_go.get_or_insert(now);
            }
            let place = Place {
                ip: &entry.ip.map(|ip| ip.to_string()).unwrap_or_default(),
                host_ip: &self.host_ip,
                first_seen: entry.first_seen,
                told_to_go: entry.told_to_go,
                ready_delay: self.options.ready_delay,
                terminate_after: self.options.terminate_after,
            };
            let step = lifecycle::plan(&entry.pod, &place, now);
            self.carry_out(key, &mut entry, step, now);
        }
        self.pods.insert(key.clone(), entry);
    }

    fn carry_out(&mut self, key: &Key, entry: &mut Entry, step: Step, now: Timestamp) {
        if let Some(served) = entry.served.as_ref().filter(|_| step.leaving) {
            served.app.leaving.store(true, Ordering::Relaxed);
        }
        if !step.serve {
            self.stop_serving(entry.served.take(), entry.ip);
        }
        self.forget_wake(key);
        if let Some(at) = step.wake {
            let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            self.wake_at(key, Instant::now() + wait + Duration::from_millis(1));
        }
        let write: Option<BoxFuture<'static, _>> = if step.delete {
            Some(Box::pin(delete(self.client.clone(), key.clone(), entry.pod.uid.clone())))
        } else {
            let uid = entry.pod.uid.clone();
            step.status
                .map(|status| Box::pin(patch(self.client.clone(), key.clone(), uid, status)) as BoxFuture<_>)
        };
        if let Some(write) = write {
            entry.busy = true;
            let key = key.clone();
            self.writes.push(Box::pin(async move { (key, write.await) }));
        }
    }

    fn finish(&mut self, (key, outcome): Done) {
        let Some(entry) = self.pods.get_mut(&key) else { return };
        entry.busy = false;
        match outcome {
            Ok(object) => {
                entry.failures = 0;
                if let Some(object) = object {
                    self.apply(Pod::read(&object));
                }
            }
            // Gone, or another pod of that name by now: the watch will say so.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => {
                let wait = RETRY_FIRST.saturating_mul(1 << entry.failures.min(16)).min(RETRY_MAX);
                entry.failures += 1;
                tracing::debug!(pod = %key.1, %error, "a pod's status was refused");
                self.wake_at(&key, Instant::now() + wait);
            }
        }
    }

    /// Gives a pod its address and, when its image runs at all, its server.
    fn place(&mut self, entry: &mut Entry) {
        let runs = matches!(entry.pod.behaviour.fate, Fate::Ready | Fate::NeverReady);
        if entry.pod.grace.is_some() || entry.pod.is_finished() || entry.ip.is_some() {
            return;
        }
        let earlier = entry.pod.seen.ip.parse().ok().filter(|ip| self.pool.claim(*ip));
        let mut candidate = earlier.or_else(|| self.pool.next());
        for _ in 0..BIND_TRIES {
            let Some(ip) = candidate else { break };
            match if runs { self.serve(&entry.pod, ip) } else { Ok(None) } {
                Ok(served) => {
                    (entry.ip, entry.served) = (Some(ip), served);
                    return;
                }
                Err(error) => {
                    tracing::debug!(%ip, %error, "an address is taken");
                    self.pool.free(ip);
                    candidate = self.pool.next();
                }
            }
        }
        let ports = &entry.pod.ports;
        tracing::warn!(pod = %entry.pod.name, ?ports, "its ports are taken on every address (by a listener on 0.0.0.0?)");
        entry.ip = self.pool.next();
        entry.deaf = true;
        entry.hear();
    }

    fn serve(&self, pod: &Pod, ip: Ipv4Addr) -> std::io::Result<Option<Served>> {
        let image = pod.containers.first().map_or("", |container| container.image.as_str());
        let app = App::new(&pod.namespace, &pod.name, image, &pod.template_hash, pod.behaviour.clone());
        let served = Served { app: Arc::new(app), stop: CancellationToken::new() };
        match self.options.addresses {
            Addresses::None => return Ok(None),
            Addresses::Network { .. } => {
                self.directory.write().insert(ip, served.clone());
            }
            Addresses::Loopback => {
                let bound = pod.ports.iter().map(|port| bind(SocketAddr::from((ip, *port))));
                for listener in bound.collect::<Result<Vec<_>, _>>()? {
                    tokio::spawn(serve_one(listener, served.clone()));
                }
            }
        }
        Ok(Some(served))
    }

    fn stop_serving(&self, served: Option<Served>, ip: Option<Ipv4Addr>) {
        let Some(served) = served else { return };
        served.stop.cancel();
        if let Some(ip) = ip {
            self.directory.write().remove(&ip);
        }
    }

    fn wake_at(&mut self, key: &Key, at: Instant) {
        self.forget_wake(key);
        self.wake_of.insert(key.clone(), at);
        self.wakes.insert((at, key.clone()));
    }

    fn forget_wake(&mut self, key: &Key) {
        if let Some(at) = self.wake_of.remove(key) {
            self.wakes.remove(&(at, key.clone()));
        }
    }

    fn wake_up(&mut self) {
        let now = Instant::now();
        while self.wakes.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.wakes.pop_first() {
                self.wake_of.remove(&key);
                self.due.insert(key);
            }
        }
    }
}

fn watch(client: &Client) -> BoxStream<'static, Result<watcher::Event<DynamicObject>, watcher::Error>> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Pod"), "pods");
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher(api, watcher::Config::default()).default_backoff().boxed()
}

fn read(object: DynamicObject) -> Pod {
    Pod::read(&serde_json::to_value(object).unwrap_or_default())
}

async fn patch(client: Client, key: Key, uid: String, status: Value) -> Result<Option<Value>, kube::Error> {
    let body = json!({"metadata": {"uid": uid}, "status": status});
    let path = format!("/api/v1/namespaces/{}/pods/{}/status", key.0, key.1);
    send(&client, "PATCH", &path, STRATEGIC, &body).await.map(Some)
}

async fn delete(client: Client, key: Key, uid: String) -> Result<Option<Value>, kube::Error> {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": uid},
    });
    let path = format!("/api/v1/namespaces/{}/pods/{}", key.0, key.1);
    let answer = send(&client, "DELETE", &path, node::JSON, &options).await?;
    // A finalizer may hold the pod back; then it is seen again like any change.
    Ok((!text(&answer, "/metadata/resourceVersion").is_empty()).then_some(answer).filter(has_finalizers))
}

fn has_finalizers(pod: &Value) -> bool {
    pod.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}
