//! `serin controller`: serves the Rollouts of a cluster until it is told to stop.
//!
//! Ends with 0 when it was told to stop, and with 1 when it could not start or lost its lease: whoever restarts it then
//! gets a follower that knows nothing stale.

mod args;
mod logs;

use std::{collections::BTreeMap, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use serin_api::{kinds, names::labels};
use serin_cluster::{Cluster, KubeApi, Lock, LockTimes, Role, Settings, access::Connection, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{Operator, Requirement, Selector};
use serin_server::{Durations, Facts};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

pub(crate) use args::ControllerArgs;

/// The lease that Argo's controller takes, so that the two can never work side by side.
const LEASE: &str = "argo-rollouts-controller-lock";
/// How long events that are still queued may hold up the end.
const LAST_EVENTS: Duration = Duration::from_secs(5);
/// The version told by metrics and logs.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the controller.
pub(crate) async fn run(args: &ControllerArgs) -> anyhow::Result<ExitCode> {
    logs::start(args.loglevel, args.logformat);
    for (flag, why) in &args.ignored.0 {
        eprintln!("--{flag} is ignored: {why}");
    }
    let times = LockTimes {
        lease_duration: args.leader_election_lease_duration,
        renew_deadline: args.leader_election_renew_deadline,
        retry_period: args.leader_election_retry_period,
    };
    if let Some(problem) = times.problem().filter(|_| args.leader_elect) {
        bail!("the times of the leader election cannot work: {problem}");
    }
    let Connection { client, namespace, server } = args.access().connect(&format!("serin/{VERSION}")).await?;
    let instance = Some(args.instance_id.clone()).filter(|id| !id.is_empty());
    tracing::info!(version = VERSION, server, namespace, namespaced = args.namespaced, instance, "starting");

    let stop = stopped_by_signals()?;
    let watching = CancellationToken::new();
    let cluster = Cluster::new(Arc::new(KubeApi::new(client)), settings(args, &namespace), watching.clone());
    let planners = serin_rollout::planners(serin_rollout::Settings { instance: instance.clone() });
    let workers = usize::from(args.rollout_threads);
    let engine = Engine::new(cluster.clone(), planners, &Options { workers, ..Options::default() })?;
    serve(args, &cluster, &engine, &watching).await?;

    let election = CancellationToken::new();
    let (told, mut roles) = watch::channel(Role::Waiting { leader: None });
    let lease = instance.map_or_else(|| LEASE.to_owned(), |instance| format!("{LEASE}-{instance}"));
    let lock = Lock { cluster: cluster.clone(), namespace, name: lease, identity: identity(), times };
    let mut always_leading = None;
    let standing = if args.leader_elect {
        let token = election.clone();
        Some(tokio::spawn(async move { lock.run(token, told).await }))
    } else {
        told.send_replace(Role::Leading);
        always_leading = Some(told);
        None
    };

    let lost = lead(&engine, &mut roles, &stop).await;
    drop(always_leading);
    if !lost {
        cluster.events_sent(LAST_EVENTS).await;
    }
    election.cancel();
    if let Some(standing) = standing {
        standing.await.context("the election")?;
    }
    watching.cancel();
    if lost {
        bail!("the lease is lost: another controller may lead now");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
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

fn settings(args: &ControllerArgs, namespace: &str) -> Settings {
    let ours = Requirement {
        key: labels::POD_TEMPLATE_HASH.to_owned(),
        operator: Operator::Exists,
        values: Vec::new(),
    };
    let mut settings = Settings::new(clock::system());
    settings.namespace = args.namespaced.then(|| namespace.to_owned());
    // The ReplicaSets of Deployments are most of a cluster's ReplicaSets, and none of our business.
    settings.selectors.insert(kinds::REPLICA_SET, Selector { requirements: vec![ours] });
    settings.qps = args.qps;
    settings.burst = args.burst;
    settings.seed = u64::from(std::process::id());
    settings
}

async fn serve(
    args: &ControllerArgs,
    cluster: &Cluster,
    engine: &Engine,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let durations = Arc::new(Durations::default());
    cluster.subscribe(durations.clone());
    let (cluster, engine) = (cluster.clone(), engine.clone());
    let text = move || {
        let facts = Facts::of(&cluster, Some(&engine), kinds::ROLLOUT, VERSION);
        serin_server::render(&facts, &durations) + &serin_server::process()
    };
    let at = |port| SocketAddr::from((args.bind_address, port));
    let metrics = serin_server::metrics(Arc::new(text));
    serin_server::serve(at(args.metrics_port), metrics, stop.clone())
        .await
        .context("--metricsPort, --bind-address")?;
    let health = serin_server::health();
    serin_server::serve(at(args.healthz_port), health, stop.clone())
        .await
        .context("--healthzPort, --bind-address")?;
    Ok(())
}

/// Who we are in the lease: the host, which is the pod's name in a cluster, and something that no other has.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let since = jiff::Timestamp::now().as_nanosecond();
    format!("{}_{}-{since:x}", host.as_deref().map_or("serin", str::trim), std::process::id())
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
fn stopped_by_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
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
