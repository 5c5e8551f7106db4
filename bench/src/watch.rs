//! One watch over the objects of one kind in one namespace, and what was noted of them.
//!
//! Measured where the user is, at the API server, so that a slow queue, a slow write and a slow clock all count.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;

/// What is noted of objects as they change.
pub(crate) trait Note: Default + Send + 'static {
    /// An object of this name looks so now; `value` has everything but its metadata.
    fn note(&mut self, name: String, value: &Value, now: Instant);
}

/// A watch, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched<N> {
    seen: Arc<Mutex<N>>,
    task: tokio::task::JoinHandle<()>,
}

impl<N> Drop for Watched<N> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<N: Note> Watched<N> {
    /// Begins to look.
    pub(crate) fn begin(client: Client, namespace: &str, resource: &ApiResource) -> Self {
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, resource);
        let seen = Arc::new(Mutex::new(N::default()));
        let into = seen.clone();
        let task = tokio::spawn(async move {
            let mut changes =
                std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
            while let Some(change) = changes.next().await {
                if let (Ok(object), Ok(mut seen)) = (change, into.lock()) {
                    seen.note(object.metadata.name.unwrap_or_default(), &object.data, Instant::now());
                }
            }
        });
        Self { seen, task }
    }

    /// What was noted so far.
    pub(crate) fn read<T: Default>(&self, read: impl FnOnce(&N) -> T) -> T {
        self.seen.lock().map(|seen| read(&seen)).unwrap_or_default()
    }
}

/// A kind of namespaced objects.
pub(crate) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
