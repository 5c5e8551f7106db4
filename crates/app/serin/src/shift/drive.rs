//! Runs one shift's planner until the shift is over.

use std::sync::Arc;

use anyhow::Context;
use serin_api::kinds;
use serin_cluster::{Client, Cluster, KubeApi, Listener, Settings, State as Watch, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{Key, Kind, Object};
use serin_rollout::shift::{self, Phase, ShiftPlanner, State};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::text;

/// How long events that are still queued may hold up the end.
const LAST_EVENTS: std::time::Duration = std::time::Duration::from_secs(5);

/// Wakes whoever waits for news.
struct News(Notify);

impl Listener for News {
    fn changed(&self, _change: &serin_cluster::Change) {
        self.0.notify_one();
    }

    fn settled(&self, _kind: Kind) {
        self.0.notify_one();
    }
}

/// Plans and applies until the shift to `target` is over, printing a line for each change. None when interrupted or when
/// there is no shift any more.
pub(super) async fn drive(client: Client, target: &Key, from: &str) -> anyhow::Result<Option<Phase>> {
    let stop = CancellationToken::new();
    let settings = Settings {
        namespace: Some(target.namespace.clone()),
        component: "serin-shift".to_owned(),
        ..Settings::new(clock::system())
    };
    let cluster = Cluster::new(Arc::new(KubeApi::new(client)), settings, stop.clone());
    let news = Arc::new(News(Notify::new()));
    cluster.subscribe(news.clone());
    let planner = ShiftPlanner { only: Some(target.clone()) };
    let engine = Engine::new(cluster.clone(), vec![Box::new(planner)], &Options::default())?;
    let running = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    let ended = tokio::select! {
        ended = follow(&cluster, &news, target, from) => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("listening for Ctrl-C")?;
            eprintln!("interrupted: run the same command again to go on, or with --abort to go back");
            Ok(None)
        }
    };
    cluster.events_sent(LAST_EVENTS).await;
    stop.cancel();
    running.await.context("the engine")?;
    ended
}

/// Prints what changes, until there is nothing more to come.
async fn follow(cluster: &Cluster, news: &News, target: &Key, from: &str) -> anyhow::Result<Option<Phase>> {
    let old_key = kinds::DEPLOYMENT.key(target.namespace.clone(), from);
    let (mut told, mut seen) = (String::new(), false);
    loop {
        // Before everything is listed, what is missing is not gone.
        if cluster.ensure(kinds::DEPLOYMENT) != Watch::Synced {
            news.0.notified().await;
            continue;
        }
        let Some(object) = cluster.get(target) else {
            if seen {
                eprintln!("deployment {:?} is gone", target.name);
                return Ok(None);
            }
            news.0.notified().await;
            continue;
        };
        seen = true;
        let Some(state) = State::of(&object)? else {
            eprintln!("the shift's annotation is gone from deployment {:?}", target.name);
            return Ok(None);
        };
        let line = describe(&object, cluster.get(&old_key).as_ref(), &state)?;
        if line != told {
            println!("{} {line}", clock::system()());
            told = line;
        }
        if state.is_over() {
            return Ok(Some(state.phase));
        }
        news.0.notified().await;
    }
}

fn describe(target: &Object, old: Option<&Object>, state: &State) -> anyhow::Result<String> {
    let pods = shift::pods(target, old)?;
    Ok(text::progress(state, &pods, &target.meta().name))
}
