//! An engine on an API in memory, in virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use serin_cluster::{Api, Cluster, Settings, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{Key, Moment, Planner};
use serin_memory::MemoryApi;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::planners::{Alarms, TOY, Toys};

/// Never replies, but at `http://echo/`.
#[derive(Debug)]
struct Silent;

impl serin_calls::Caller for Silent {
    fn call(&self, call: serin_kernel::Call) -> BoxFuture<'_, Result<serin_kernel::Reply, String>> {
        if call.url == "http://echo/" {
            return Box::pin(async { Ok(serin_kernel::Reply::new(200, "a word back")) });
        }
        Box::pin(std::future::pending())
    }
}

pub(crate) struct World {
    pub(crate) api: MemoryApi,
    pub(crate) cluster: Cluster,
    pub(crate) engine: Engine,
    pub(crate) plans: Arc<AtomicU32>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

/// Virtual time between two looks at a condition.
pub(crate) const POLL: Duration = Duration::from_millis(25);
pub(crate) const START: i64 = 1_700_000_000;

impl World {
    pub(crate) fn new(prepare: impl FnOnce(&MemoryApi)) -> Self {
        Self::behind(prepare, |api| Arc::new(api))
    }

    /// A world whose cluster reaches the API through `door`.
    pub(crate) fn behind(
        prepare: impl FnOnce(&MemoryApi),
        door: impl FnOnce(MemoryApi) -> Arc<dyn Api>,
    ) -> Self {
        Self::run(prepare, door, &Options::default())
    }

    /// A world whose engine runs so, with a caller that mostly never replies.
    pub(crate) fn run(
        prepare: impl FnOnce(&MemoryApi),
        door: impl FnOnce(MemoryApi) -> Arc<dyn Api>,
        options: &Options,
    ) -> Self {
        let api = MemoryApi::new();
        prepare(&api);
        let settings = Settings::new(clock::from_start(Moment::from_secs(START)));
        let stop = CancellationToken::new();
        let cluster = Cluster::new(door(api.clone()), settings, CancellationToken::new());
        let toys = Toys::default();
        let plans = toys.plans.clone();
        let planners: Vec<Box<dyn Planner>> = vec![Box::new(toys), Box::new(Alarms)];
        let options = Options { caller: Arc::new(Silent), ..options.clone() };
        let engine = Engine::new(cluster.clone(), planners, &options).unwrap();
        let (running, token) = (engine.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(token).await });
        Self { api, cluster, engine, plans, stop, task }
    }

    pub(crate) async fn until(&self, what: &str, key: &Key, test: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                if let Some(value) = self.api.get(key).filter(&test) {
                    return value;
                }
                sleep(POLL).await;
            }
        };
        let found = timeout(Duration::from_mins(30), wait).await;
        found.unwrap_or_else(|_| panic!("never came: {what}; at last {:?}", self.api.get(key)))
    }

    /// Lets everything settle, and counts requests and plans from then on.
    pub(crate) async fn rest(&self) -> (Vec<String>, u32) {
        sleep(Duration::from_mins(2)).await;
        let _ = self.api.requests();
        self.plans.store(0, Ordering::Release);
        sleep(Duration::from_hours(1)).await;
        (self.api.requests(), self.plans.load(Ordering::Acquire))
    }
}

pub(crate) fn toy(name: &str) -> Key {
    TOY.key("n", name)
}

pub(crate) fn sized(size: u64) -> Value {
    json!({"spec": {"size": size}})
}

pub(crate) fn parts(value: &Value) -> Option<u64> {
    value["status"]["parts"].as_u64()
}
