//! The story: a healthy application, a new image, a quarter of the traffic, a person's word, all of the traffic.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use serin_api::kinds::{INGRESS, ROLLOUT, SERVICE};
use serin_cluster::direct::{Change, Direct};
use serin_engine::{Engine, Options};
use serin_ingress::IngressProxy;
use serin_kernel::Kind;
use serin_rollout::commands;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    client::SteadyClient,
    cluster::{Cluster, loopback},
    screen::Screen,
};
use crate::out;

pub(super) const NAMESPACE: Kind = Kind::cluster("", "v1", "Namespace", "namespaces");
/// Namespace and name of the application.
const APP: &str = "sample-app";
const HOST: &str = "sample-app.local";
const NEW_IMAGE: &str = "sample-app:2.0";
const SAMPLE: &str = include_str!("sample-app.yaml");
/// The kinds in [`SAMPLE`], by kind.
const KINDS: [Kind; 4] =
    [Kind::namespaced("", "v1", "ServiceAccount", "serviceaccounts"), SERVICE, INGRESS, ROLLOUT];
/// How long `--auto` looks at the canary before it promotes: long enough for a share to be seen.
const LOOK: Duration = Duration::from_secs(8);
/// How long 1.0 serves alone before the release.
const BEFORE: Duration = Duration::from_secs(3);
/// What a timed pause is shortened to by `--auto`.
const SHORT_PAUSE: &str = "10s";
/// The application is up by then, or never.
const START_MAX: Duration = Duration::from_mins(1);
/// The whole release with `--auto` takes about 40 seconds; one that takes this long hangs.
const RELEASE_MAX: Duration = Duration::from_mins(3);

/// Requests per second: enough to see a weight within seconds, little enough for any laptop.
const RATE: u32 = 50;

/// Starts the ingress and the controller.
pub(super) async fn prepare(cluster: &Cluster, ingress_port: u16) -> anyhow::Result<SocketAddr> {
    let stop = cluster.stopping();
    let ingress = IngressProxy::start(cluster.client(), loopback(ingress_port), stop.clone()).await?;
    let (api, settings) = cluster.seen();
    let seen = serin_cluster::Cluster::new(api, settings, stop.clone());
    let planners = serin_rollout::planners(serin_rollout::Settings::default());
    let engine = Engine::new(seen, planners, &Options::default())?;
    cluster.running().spawn(async move { engine.run(stop).await });
    Ok(ingress.addr)
}

/// Tells the story; succeeds when no request failed. Without `auto` it goes on until `stop`, so that a person can try
/// every verb on it.
pub(super) async fn tell(
    cluster: &Cluster,
    ingress: SocketAddr,
    auto: bool,
    stop: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let api = Direct::new(cluster.client());
    let mut screen = Screen::new(cluster.client(), APP);
    let Some(begun) = stop.run_until_cancelled(begin(cluster, ingress, &mut screen, auto)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    begun?;
    let client = SteadyClient::start(ingress, HOST, RATE);
    let ended = tokio::select! {
        ended = release_and_promote(cluster, &api, &mut screen, &client, auto) => ended,
        () = sleep(RELEASE_MAX), if auto => Err(anyhow!("the release is not done after {RELEASE_MAX:?}")),
        () = stop.cancelled() => Ok(()),
    };
    let requests = client.finish().await;
    let told = out::say(format_args!("\n{}", screen.bars(&requests)));
    ended?;
    if let Some(why) = client.first_failure() {
        bail!("requests failed, the first one with: {why}");
    }
    let told = told.and_then(|()| out::say("No request failed."));
    // Whoever has hung up reads no more.
    if !stop.is_cancelled() {
        told?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Creates the application and waits until it serves.
async fn begin(
    cluster: &Cluster,
    ingress: SocketAddr,
    screen: &mut Screen,
    auto: bool,
) -> anyhow::Result<()> {
    create(&Direct::new(cluster.client()), auto).await?;
    screen.say(&format!("API server   KUBECONFIG={}", cluster.kubeconfig().display()))?;
    screen.say(&format!("ingress      http://{ingress}  (Host: {HOST})"))?;
    let up = timeout(START_MAX, wait(screen, None, "Healthy")).await;
    up.with_context(|| format!("the application is not Healthy after {START_MAX:?}"))?
}

async fn release_and_promote(
    cluster: &Cluster,
    api: &Direct,
    screen: &mut Screen,
    client: &SteadyClient,
    auto: bool,
) -> anyhow::Result<()> {
    screen.say("1.0 is live and serves 50 requests a second. Releasing 2.0.")?;
    look(screen, client, BEFORE).await?;
    release(api).await?;
    wait(screen, Some(client), "Paused").await?;
    screen.say("2.0 has a quarter of the traffic, and waits for your word.")?;
    if auto {
        look(screen, client, LOOK).await?;
        promote(api).await?;
        screen.say("promoted")?;
    } else {
        screen.say(&instructions(cluster))?;
    }
    wait(screen, Some(client), "Healthy").await?;
    look(screen, client, LOOK).await?;
    if auto {
        return Ok(());
    }
    screen.say("The rollout is done. Set another image, undo, abort … Ctrl-C ends the demo.")?;
    loop {
        look(screen, client, LOOK).await?;
    }
}

fn instructions(cluster: &Cluster) -> String {
    let (kubeconfig, serin) = (cluster.kubeconfig().display(), this_program());
    format!(
        "In a second terminal:\n\n  export KUBECONFIG={kubeconfig}\n  {serin} rollouts -n {APP} promote {APP}          # goes on; again to skip a timed pause\n  \
         {serin} rollouts -n {APP} promote {APP} --full   # skips the rest of the steps\n  {serin} rollouts -n {APP} abort {APP}            # back to the stable version at once\n  \
         kubectl -n {APP} get rollout,ingress,pods\n\nCtrl-C ends the demo.\n"
    )
}

/// What a person types to call this program.
pub(super) fn this_program() -> String {
    std::env::current_exe().map_or_else(|_| "serin".to_owned(), |path| path.display().to_string())
}

async fn create(api: &Direct, auto: bool) -> anyhow::Result<()> {
    api.create(NAMESPACE, "", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP}}))
        .await?;
    for document in serde_saphyr::from_multiple::<Value>(SAMPLE).context("the sample application")? {
        let mut object = document;
        let name = object.pointer("/kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind =
            KINDS.into_iter().find(|kind| kind.kind == name).context("a kind that the demo does not know")?;
        if let Some(port) = object.pointer_mut("/spec/template/spec/containers/0/ports/0/containerPort") {
            *port = json!(free_port().context("a port for the pods")?);
        }
        let steps = object.pointer_mut("/spec/strategy/canary/steps").and_then(Value::as_array_mut);
        for duration in steps.into_iter().flatten().filter_map(|step| step.pointer_mut("/pause/duration")) {
            if auto {
                *duration = json!(SHORT_PAUSE);
            }
        }
        api.create(kind, APP, &object).await.with_context(|| format!("creating the sample's {name}"))?;
    }
    Ok(())
}

/// A port that is free on every address of this machine: each pod listens on it, on an address of its own.
pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}

async fn release(api: &Direct) -> anyhow::Result<()> {
    let key = ROLLOUT.key(APP, APP);
    let mut rollout = api.get(&key).await?;
    commands::set_images(&mut rollout, &[("*".to_owned(), NEW_IMAGE.to_owned())])?;
    let template = rollout.pointer("/spec/template").cloned().unwrap_or_default();
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    api.change(&key, &Change::Json(patch)).await.context("setting the new image")?;
    Ok(())
}

async fn promote(api: &Direct) -> anyhow::Result<()> {
    let key = ROLLOUT.key(APP, APP);
    let rollout = api.get(&key).await?;
    for change in commands::promote(&rollout, commands::Promotion::Next)? {
        if let serin_kernel::Change::MergeStatus(patch) = change {
            api.change(&key, &Change::MergeStatus(patch)).await?;
        }
    }
    Ok(())
}

/// Draws until the rollout is in `phase`.
async fn wait(screen: &mut Screen, client: Option<&SteadyClient>, phase: &str) -> anyhow::Result<()> {
    while screen.next(client).await?.is_none_or(|info| info.status.phase != phase) {}
    Ok(())
}

/// Draws for a while.
async fn look(screen: &mut Screen, client: &SteadyClient, length: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + length;
    while let Ok(shown) = timeout_at(end, screen.next(Some(client))).await {
        shown?;
    }
    Ok(())
}
