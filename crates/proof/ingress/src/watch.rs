//! Objects of some kinds, watched, each change handed on once.

use crate::pool::Name;
use crate::route::text;
use futures::stream::{self, BoxStream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A kind by group, version, kind and plural.
pub(crate) type Names = (&'static str, &'static str, &'static str, &'static str);

/// Who is told of objects. A kind is the place in the list that is watched.
pub(crate) trait Keeper: Send {
    /// An object as it is now; none when it is gone.
    fn keep(&mut self, kind: usize, name: &Name, object: Option<&Value>);

    /// What was told of a kind up to here is a state that was: after one change, or after a whole list.
    fn settled(&mut self, kind: usize);
}

type Seen = (usize, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Tells `keeper` of `kinds` until `stop`. `synced` turns true once every kind has been listed.
pub(crate) async fn run<K: Keeper>(
    client: kube::Client,
    kinds: &'static [Names],
    keeper: K,
    synced: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let mut events =
        stream::select_all(kinds.iter().enumerate().map(|(kind, names)| open(&client, kind, names)));
    let mut follower = Follower { keeper, kinds: kinds.iter().map(|_| Known::default()).collect() };
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        let Some((kind, event)) = event else { return };
        follower.take_in(kind, event);
        if follower.kinds.iter().all(|known| known.is_listed) {
            synced.send_replace(true);
        }
    }
}

fn open(client: &kube::Client, at: usize, names: &Names) -> BoxStream<'static, Seen> {
    let (group, version, kind, plural) = names;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (at, event)).boxed()
}

/// What is known of one kind.
#[derive(Default)]
struct Known {
    names: BTreeSet<Name>,
    /// The names in a list that has not ended yet.
    listing: Option<BTreeSet<Name>>,
    is_listed: bool,
}

struct Follower<K> {
    keeper: K,
    kinds: Vec<Known>,
}

impl<K: Keeper> Follower<K> {
    fn take_in(&mut self, kind: usize, event: Result<watcher::Event<DynamicObject>, watcher::Error>) {
        let Some(known) = self.kinds.get_mut(kind) else { return };
        match event {
            Ok(watcher::Event::Init) => known.listing = Some(BTreeSet::new()),
            Ok(watcher::Event::InitApply(object)) => {
                let (name, object) = read(object);
                self.keeper.keep(kind, &name, Some(&object));
                known.names.insert(name.clone());
                known.listing.get_or_insert_default().insert(name);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = known.listing.take().unwrap_or_default();
                for gone in known.names.difference(&listed) {
                    self.keeper.keep(kind, gone, None);
                }
                known.names = listed;
                known.is_listed = true;
                self.keeper.settled(kind);
            }
            Ok(watcher::Event::Apply(object)) => {
                let (name, object) = read(object);
                self.keeper.keep(kind, &name, Some(&object));
                known.names.insert(name);
                self.keeper.settled(kind);
            }
            Ok(watcher::Event::Delete(object)) => {
                let (name, _) = read(object);
                self.keeper.keep(kind, &name, None);
                known.names.remove(&name);
                self.keeper.settled(kind);
            }
            Err(error) => tracing::debug!(kind, %error, "a watch was cut"),
        }
    }
}

fn read(object: DynamicObject) -> (Name, Value) {
    let object = serde_json::to_value(object).unwrap_or_default();
    let name = (text(&object, "/metadata/namespace").to_owned(), text(&object, "/metadata/name").to_owned());
    (name, object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl Keeper for &mut Told {
        fn keep(&mut self, kind: usize, name: &Name, object: Option<&Value>) {
            self.0.push(format!("{kind} {} {}", name.1, if object.is_some() { "is" } else { "gone" }));
        }

        fn settled(&mut self, kind: usize) {
            self.0.push(format!("{kind} settled"));
        }
    }

    #[test]
    fn what_a_second_list_lacks_is_gone() {
        let object = |name: &str| {
            let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Service>(&());
            DynamicObject::new(name, &resource).within("ns")
        };
        let mut told = Told::default();
        let mut follower = Follower { keeper: &mut told, kinds: vec![Known::default()] };
        for event in [
            watcher::Event::Init,
            watcher::Event::InitApply(object("a")),
            watcher::Event::InitApply(object("b")),
            watcher::Event::InitDone,
            watcher::Event::Apply(object("c")),
            watcher::Event::Delete(object("a")),
            watcher::Event::Init,
            watcher::Event::InitApply(object("c")),
            watcher::Event::InitDone,
        ] {
            follower.take_in(0, Ok(event));
        }
        let expected =
            "0 a is;0 b is;0 settled;0 c is;0 settled;0 a gone;0 settled;0 c is;0 b gone;0 settled";
        assert_eq!(told.0.join(";"), expected);
    }
}
