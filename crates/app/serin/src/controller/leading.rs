//! One controller among several copies: waiting for the lease, leading, and the end of both.

use std::time::Duration;

use anyhow::Context;
use serin_cluster::{Cluster, Lock, Role};
use serin_engine::Engine;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

/// How long events and messages that are still queued may hold up the end.
const LAST_NEWS: Duration = Duration::from_secs(5);

/// Leads when `lock` says that it is our turn, or at once without one, until `stop`; whether the lease was lost.
pub(crate) async fn serve(
    cluster: &Cluster,
    engine: &Engine,
    lock: Option<Lock>,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let election = CancellationToken::new();
    let (told, mut roles) = watch::channel(Role::Waiting { leader: None });
    let mut always_leading = None;
    let standing = if let Some(lock) = lock {
        let token = election.clone();
        Some(tokio::spawn(async move { lock.run(token, told).await }))
    } else {
        told.send_replace(Role::Leading);
        always_leading = Some(told);
        None
    };
    let lost = lead(engine, &mut roles, stop).await;
    drop(always_leading);
    if !lost {
        tokio::join!(cluster.events_sent(LAST_NEWS), engine.messages_sent(LAST_NEWS));
    }
    election.cancel();
    if let Some(standing) = standing {
        standing.await.context("the election")?;
    }
    Ok(lost)
}

/// Leads when it is our turn, until `stop`; whether the lease was lost.
async fn lead(engine: &Engine, roles: &mut watch::Receiver<Role>, stop: &CancellationToken) -> bool {
    loop {
        let role = roles.borrow_and_update().clone();
        match role {
            Role::Leading => break,
            Role::Lost => return true,
            Role::Waiting { leader } => tracing::info!(leader, "waiting for the lease"),
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            changed = roles.changed() => if changed.is_err() { return true },
        }
    }
    tracing::info!("leading");
    let running = engine.run(stop.clone());
    tokio::pin!(running);
    tokio::select! {
        () = &mut running => false,
        _ = roles.wait_for(|role| *role == Role::Lost) => {
            engine.halt();
            running.await;
            true
        }
    }
}

/// Who we are in the lease: the host, which is the pod's name in a cluster, and something that no other has.
pub(crate) fn identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let since = jiff::Timestamp::now().as_nanosecond();
    format!("{}_{}-{since:x}", host.as_deref().map_or("serin", str::trim), std::process::id())
}

/// A token that the first SIGTERM, SIGINT or SIGHUP cancels; the second ends the process at once.
pub(crate) fn stopped_by_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stays = outlives_its_terminal();
    let mut hangup = (!stays).then(|| signal(SignalKind::hangup())).transpose().context("SIGHUP")?;
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = hung_up => {}
            }
            if token.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping");
            token.cancel();
        }
    });
    Ok(stop)
}

/// Whether we were started with SIGHUP ignored, as `nohup` does; listening for it would undo that.
fn outlives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
