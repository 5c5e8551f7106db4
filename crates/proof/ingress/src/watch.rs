//! Ingresses, Services and EndpointSlices, watched into the tables.

use crate::World;
use crate::pool::{Name, Slice, service_ports};
use crate::route::{Ingress, Table, text};
use futures::stream::{self, BoxStream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ingress,
    Service,
    Slice,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Ingress, Self::Service, Self::Slice];

    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("networking.k8s.io", "Ingress", "ingresses"),
            Self::Service => ("", "Service", "services"),
            Self::Slice => ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
        }
    }
}

type Seen = (Kind, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Keeps `world`'s tables up to date until `stop`. `synced` turns true once every kind has been listed.
pub(crate) async fn run(
    client: kube::Client,
    world: Arc<World>,
    synced: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let mut events = stream::select_all(Kind::ALL.map(|kind| open(&client, kind)));
    let mut follower =
        Follower { world, ingresses: BTreeMap::new(), listing: BTreeMap::new(), unsynced: Kind::ALL.into() };
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        let Some((kind, event)) = event else { return };
        follower.take_in(kind, event);
        if follower.unsynced.is_empty() {
            synced.send_replace(true);
        }
    }
}

fn open(client: &kube::Client, kind: Kind) -> BoxStream<'static, Seen> {
    let (group, name, plural) = kind.names();
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", name), plural);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (kind, event)).boxed()
}

struct Follower {
    world: Arc<World>,
    ingresses: BTreeMap<Name, Ingress>,
    listing: BTreeMap<Kind, BTreeSet<Name>>,
    unsynced: BTreeSet<Kind>,
}

impl Follower {
    fn take_in(&mut self, kind: Kind, event: Result<watcher::Event<DynamicObject>, watcher::Error>) {
        match event {
            Ok(watcher::Event::Init) => {
                self.listing.insert(kind, BTreeSet::new());
            }
            Ok(watcher::Event::InitApply(object)) => {
                let name = self.set(kind, object, true);
                self.listing.entry(kind).or_default().insert(name);
            }
            Ok(watcher::Event::InitDone) => self.end_listing(kind),
            Ok(watcher::Event::Apply(object)) => drop(self.set(kind, object, true)),
            Ok(watcher::Event::Delete(object)) => drop(self.set(kind, object, false)),
            Err(error) => tracing::debug!(kind = kind.names().1, %error, "a watch was cut"),
        }
    }

    fn set(&mut self, kind: Kind, object: DynamicObject, present: bool) -> Name {
        let object = serde_json::to_value(object).unwrap_or_default();
        let name =
            (text(&object, "/metadata/namespace").to_owned(), text(&object, "/metadata/name").to_owned());
        match kind {
            Kind::Ingress => {
                match Ingress::read(&object, &self.world.class).filter(|_| present) {
                    Some(ingress) => self.ingresses.insert(name.clone(), ingress),
                    None => self.ingresses.remove(&name),
                };
                // A listing is built once, at its end.
                if !self.listing.contains_key(&kind) {
                    self.rebuild();
                }
            }
            Kind::Service => {
                self.world.tables.write().pools.set_service(&name, present.then(|| service_ports(&object)));
            }
            Kind::Slice => {
                self.world.tables.write().pools.set_slice(&name, Slice::read(&object).filter(|_| present));
            }
        }
        name
    }

    fn end_listing(&mut self, kind: Kind) {
        let seen = self.listing.remove(&kind).unwrap_or_default();
        self.unsynced.remove(&kind);
        match kind {
            Kind::Ingress => {
                self.ingresses.retain(|name, _| seen.contains(name));
                self.rebuild();
            }
            Kind::Service | Kind::Slice => {
                let pools = &mut self.world.tables.write().pools;
                let (slices, services) = pools.names();
                let known = if kind == Kind::Slice { slices } else { services };
                for name in known.iter().filter(|name| !seen.contains(*name)) {
                    match kind {
                        Kind::Slice => pools.set_slice(name, None),
                        _ => pools.set_service(name, None),
                    }
                }
            }
        }
    }

    fn rebuild(&self) {
        let tables = &mut self.world.tables.write();
        let built = Table::build(self.ingresses.values(), &tables.routes);
        tables.routes = built;
    }
}
