//! `serin controller`: serves the Rollouts of a cluster until it is told to stop.
//!
//! Ends with 0 when it was told to stop, and with 1 when it could not start or lost its lease: whoever restarts it then
//! gets a follower that knows nothing stale.

mod args;
pub(crate) mod leading;
pub(crate) mod logs;

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use serin_api::{kinds, names::labels};
use serin_cluster::{Cluster, KubeApi, Lock, LockTimes, Settings, access::Connection, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{Operator, Requirement, Selector};
use serin_server::{Durations, Facts};
use tokio_util::sync::CancellationToken;

pub(crate) use args::ControllerArgs;

use crate::out;

/// The lease that Argo's controller takes, so that the two can never work side by side.
const LEASE: &str = "argo-rollouts-controller-lock";
/// The version told by metrics and logs.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the controller.
pub(crate) async fn run(args: &ControllerArgs) -> anyhow::Result<ExitCode> {
    logs::start(args.loglevel, args.logformat);
    for (flag, why) in &args.ignored.0 {
        out::complain(format_args!("--{flag} is ignored: {why}"));
    }
    let times = LockTimes {
        lease_duration: args.leader_election_lease_duration,
        renew_deadline: args.leader_election_renew_deadline,
        retry_period: args.leader_election_retry_period,
    };
    if let Some(problem) = times.problem().filter(|_| args.leader_elect) {
        bail!("the times of the leader election cannot work: {problem}");
    }
    let Connection { client, namespace, server } =
        args.access.access().connect(&format!("serin/{VERSION}")).await?;
    let instance = Some(args.instance_id.clone()).filter(|id| !id.is_empty());
    tracing::info!(version = VERSION, server, namespace, namespaced = args.namespaced, instance, "starting");

    let stop = leading::stopped_by_signals()?;
    let watching = CancellationToken::new();
    let cluster = Cluster::new(Arc::new(KubeApi::new(client)), settings(args, &namespace), watching.clone());
    let planners = serin_rollout::planners(serin_rollout::Settings { instance: instance.clone() });
    let workers = usize::from(args.rollout_threads);
    let engine = Engine::new(cluster.clone(), planners, &Options { workers, ..Options::default() })?;
    serve(args, &cluster, &engine, &watching).await?;

    let lease = instance.map_or_else(|| LEASE.to_owned(), |instance| format!("{LEASE}-{instance}"));
    let lock = args.leader_elect.then(|| Lock {
        cluster: cluster.clone(),
        namespace,
        name: lease,
        identity: leading::identity(),
        times,
    });
    let lost = leading::serve(&cluster, &engine, lock, &stop).await?;
    watching.cancel();
    if lost {
        bail!("the lease is lost: another controller may lead now");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
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
