//! Runs one shift's planner until the shift is over.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use serin_api::kinds;
use serin_cluster::{Client, Cluster, KubeApi, Listener, Settings, State as Watch, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{Key, Kind, Object};
use serin_rollout::shift::{self, Phase, ShiftPlanner, State};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{heard::Heard, text};
use crate::{interrupt::interrupted, out};

/// How long events that are still queued may hold up the end.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// Wakes whoever waits for news.
struct News(Arc<Notify>);

impl Listener for News {
    fn changed(&self, _change: &serin_cluster::Change) {
        self.0.notify_one();
    }

    fn settled(&self, _kind: Kind) {
        self.0.notify_one();
    }
}

/// How the watching of a shift ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The shift is over.
    Over(Phase),
    /// The shift, or the Deployment that carries it, is no longer there.
    Gone,
    /// Somebody pressed Ctrl-C, or sent SIGTERM.
    Interrupted,
    /// The API will not have what the shift needs.
    Refused(String),
}

/// Plans and applies until the shift to `target` ends, printing a line for each change. An API that only fails for
/// `patience` ends it too.
pub(super) async fn drive(
    client: Client,
    target: &Key,
    from: &str,
    patience: Duration,
) -> anyhow::Result<Ending> {
    let stop = CancellationToken::new();
    let settings = Settings {
        namespace: Some(target.namespace.clone()),
        component: "serin-shift".to_owned(),
        ..Settings::new(clock::system())
    };
    let woken = Arc::new(Notify::new());
    let heard = Arc::new(Heard::new(KubeApi::new(client), woken.clone(), patience));
    let cluster = Cluster::new(heard.clone(), settings, stop.clone());
    cluster.subscribe(Arc::new(News(woken.clone())));
    let planner = ShiftPlanner { only: Some(target.clone()) };
    let engine = Engine::new(cluster.clone(), vec![Box::new(planner)], &Options::default())?;
    let running = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    let ended = tokio::select! {
        ended = follow(&cluster, &heard, &woken, target, from) => ended,
        interrupted = interrupted() => {
            interrupted.context("listening for signals").map(|()| Ending::Interrupted)
        }
    };
    cluster.events_sent(LAST_EVENTS).await;
    stop.cancel();
    running.await.context("the engine")?;
    ended
}

/// Prints what changes, until there is nothing more to come.
async fn follow(
    cluster: &Cluster,
    heard: &Heard,
    woken: &Notify,
    target: &Key,
    from: &str,
) -> anyhow::Result<Ending> {
    let old_key = kinds::DEPLOYMENT.key(target.namespace.clone(), from);
    let (mut told, mut seen) = (String::new(), false);
    loop {
        if let Some(refusal) = heard.refusal() {
            return Ok(Ending::Refused(refusal));
        }
        // Before everything is listed, what is missing is not gone.
        if cluster.ensure(kinds::DEPLOYMENT) != Watch::Synced {
            woken.notified().await;
            continue;
        }
        let Some(object) = cluster.get(target) else {
            if seen {
                out::complain(format_args!("deployment {:?} is gone", target.name));
                return Ok(Ending::Gone);
            }
            woken.notified().await;
            continue;
        };
        seen = true;
        let Some(state) = State::of(&object)? else {
            out::complain(format_args!("the shift's annotation is gone from deployment {:?}", target.name));
            return Ok(Ending::Gone);
        };
        let line = describe(&object, cluster.get(&old_key).as_ref(), &state)?;
        if line != told {
            // The shift goes on whether somebody reads or not.
            out::offer(format!("{} {line}\n", clock::system()()).as_bytes())?;
            told = line;
        }
        if state.is_over() {
            return Ok(Ending::Over(state.phase));
        }
        woken.notified().await;
    }
}

fn describe(target: &Object, old: Option<&Object>, state: &State) -> anyhow::Result<String> {
    let pods = shift::pods(target, old)?;
    Ok(text::progress(state, &pods, &target.meta().name))
}
