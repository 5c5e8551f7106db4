//! What is shown of an object ends with it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use serin_cluster::{Cluster, Settings, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{
    Act, Answers, Freeze, Interest, Kind, Measure, Moment, Object, Observed, Plan, Planner, Reading,
};
use serin_memory::MemoryApi;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const BELL: Kind = Kind::namespaced("toys.example", "v1", "Bell", "bells");

/// Counts each look at a bell.
struct Bells;

impl Planner for Bells {
    fn kind(&self) -> Kind {
        BELL
    }

    fn interests(&self, _: &Object) -> Vec<Interest> {
        Vec::new()
    }

    fn plan(&self, observed: &Observed, _: &Answers, _: Moment) -> Plan {
        let labels = vec![("bell", observed.object.meta().name.clone())];
        let looks = Measure { name: "looks", labels, reading: Reading::Count(1.0) };
        Plan::Act(Act { measures: vec![looks], ..Act::default() })
    }

    fn freeze(&self, _: &Object, _: &Freeze, _: Moment) -> Act {
        Act::default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_series_of_an_object_that_is_gone_are_shown_no_longer() {
    let api = MemoryApi::new();
    for name in ["a", "b"] {
        api.put(&BELL.key("n", name), json!({}));
    }
    let cluster = Cluster::new(
        Arc::new(api.clone()),
        Settings::new(clock::from_start(Moment::EPOCH)),
        CancellationToken::new(),
    );
    let engine = Engine::new(cluster, vec![Box::new(Bells)], &Options::default()).unwrap();
    let (running, stop) = (engine.clone(), CancellationToken::new());
    let task = tokio::spawn({
        let stop = stop.clone();
        async move { running.run(stop).await }
    });
    let until_shown = async |expected: &[&str]| {
        let shown = || {
            let measured = engine.snapshot().measured;
            let labels = measured.series.values().flat_map(|series| series.keys());
            labels.map(|labels| labels[0].1.clone()).collect::<Vec<String>>()
        };
        let wait = async {
            while shown() != expected {
                sleep(Duration::from_millis(25)).await;
            }
        };
        timeout(Duration::from_mins(30), wait).await.unwrap_or_else(|_| panic!("{:?} are shown", shown()));
    };
    until_shown(&["a", "b"]).await;
    api.take(&BELL.key("n", "a"));
    until_shown(&["b"]).await;
    stop.cancel();
    task.await.unwrap();
}
