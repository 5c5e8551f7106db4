//! However many passes write, so many requests are under way at once, and all are made in the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{
    future::{BoxFuture, join_all},
    stream::BoxStream,
};
use serde_json::{Value, json};
use serin_cluster::{Api, Call, Cluster, Failure, Listed, Scope, Seen, Settings, Written, clock};
use serin_kernel::{Change, Key, Kind, Moment, Write};
use serin_memory::MemoryApi;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const CONFIG: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");

/// Takes a second for each change, and counts those under way.
#[derive(Default)]
struct Slow {
    api: MemoryApi,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Api for Slow {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        self.api.list(scope, next)
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        self.api.watch(scope, since, patience)
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        self.api.read(key)
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            self.most.fetch_max(self.now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
            sleep(Duration::from_secs(1)).await;
            self.now.fetch_sub(1, Ordering::AcqRel);
            self.api.call(call).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_changes_are_under_way_at_once_and_all_are_made() {
    let api = Arc::new(Slow::default());
    let settings = Settings::new(clock::from_start(Moment::from_secs(1_700_000_000)));
    let cluster = Cluster::new(api.clone(), settings, CancellationToken::new());
    let writes = (0..100).map(|index| {
        let key = CONFIG.key("n", format!("c{index}"));
        let write = Write::new(key.clone(), Change::Create(json!({"metadata": {"name": key.name}})));
        let cluster = cluster.clone();
        async move { cluster.write(&write).await }
    });
    let written = join_all(writes).await;
    assert!(written.iter().all(|written| matches!(written, Written::Done(Some(_)))), "{written:?}");
    assert_eq!((api.api.all(CONFIG).len(), api.most.load(Ordering::Acquire)), (100, 32));
}
