//! A list that never ends is a failure like others: it holds up neither the process nor the truth about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{sync::Arc, time::Duration};

use futures::{future::BoxFuture, stream::BoxStream};
use serde_json::Value;
use serin_cluster::{Api, Call, Cluster, Failure, Listed, Scope, Seen, Settings, State, clock};
use serin_kernel::{Key, Kind, Moment};
use serin_memory::MemoryApi;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const CONFIG: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");

/// Says of every page that there is one more.
struct Endless(MemoryApi);

impl Api for Endless {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        Box::pin(async move {
            let page = self.0.list(scope, next).await?;
            Ok(Listed { next: Some("more".to_owned()), ..page })
        })
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        self.0.watch(scope, since, patience)
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        self.0.read(key)
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        self.0.call(call)
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_without_an_end_is_given_up_and_said() {
    let settings = Settings::new(clock::from_start(Moment::from_secs(1_700_000_000)));
    let cluster = Cluster::new(Arc::new(Endless(MemoryApi::new())), settings, CancellationToken::new());
    let said = async {
        loop {
            match cluster.ensure(CONFIG) {
                State::Starting(Some(problem)) => return problem,
                _ => sleep(Duration::from_secs(1)).await,
            }
        }
    };
    let problem = timeout(Duration::from_mins(5), said).await.expect("given up");
    assert!(problem.contains("does not end after 4000 pages"), "{problem}");
}
