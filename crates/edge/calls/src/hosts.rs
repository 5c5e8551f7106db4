//! How many calls are under way, in all and to one host.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Room for calls. A host that hangs takes its own share and no more.
#[derive(Debug)]
pub(crate) struct Hosts {
    all: Arc<Semaphore>,
    of_host: Mutex<HashMap<String, Arc<Semaphore>>>,
    host_max: usize,
}

/// A place for one call, free again when it is dropped.
pub(crate) type Place = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Hosts {
    pub(crate) fn new(all_max: usize, host_max: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all_max)), of_host: Mutex::default(), host_max }
    }

    /// A place for a call to `host`; none when there is no room in time.
    pub(crate) async fn enter(&self, host: &str, patience: Duration) -> Option<Place> {
        let own = {
            let mut of_host = self.of_host.lock();
            if !of_host.contains_key(host) {
                // What has no call under way and nobody waiting is held by the map alone.
                of_host.retain(|_, places| Arc::strong_count(places) > 1);
            }
            of_host.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.host_max))).clone()
        };
        // One's own queue first: who waits there takes no room from others.
        let enter =
            async { Some((own.acquire_owned().await.ok()?, self.all.clone().acquire_owned().await.ok()?)) };
        timeout(patience, enter).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_hangs_leaves_room_for_others() {
        let hosts = Hosts::new(3, 2);
        let patience = Duration::from_secs(1);
        let hanging = [hosts.enter("a", patience).await, hosts.enter("a", patience).await];
        assert!(hosts.enter("a", patience).await.is_none());
        let other = hosts.enter("b", patience).await;
        assert!(other.is_some());
        assert!(hosts.enter("c", patience).await.is_none(), "three in all");
        drop((hanging, other));
        assert!(hosts.enter("d", patience).await.is_some());
        assert_eq!(hosts.of_host.lock().len(), 1, "what is free is forgotten");
    }
}
