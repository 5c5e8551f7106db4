//! `serin demo`: one process that holds a cluster, the controller, an ingress and a steady client, and one release; or, with
//! `--flagger`, a mesh, a load tester and a chat, and three releases of a Canary.
//!
//! Everything is the real thing but the machines: the same controller, the same API, real requests over loopback.

mod client;
mod cluster;
mod flagger;
mod kubeconfig;
mod screen;
mod story;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;

use crate::controller::leading;

/// Watch releases on a cluster inside this process: a Rollout by Argo's steps, or with --flagger three Canaries
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// End by itself: promote, shorten the timed pauses to ten seconds, and exit when the release is done; with --flagger, exit
    /// when the releases are over, as it does where there is no terminal
    #[arg(long)]
    auto: bool,
    /// Play three releases of a Canary instead, side by side: one that succeeds and two that are taken back
    #[arg(long)]
    flagger: bool,
    /// Where to write the kubeconfig of the demo's cluster: no file is there, or an earlier demo's [default: serin-demo.kubeconfig in the temporary folder]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Port of the demo's API server [default: one that is free]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    api_port: u16,
    /// Port of the demo's ingress or gateway [default: one that is free]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    ingress_port: u16,
}

/// Runs the demo until its story is over, or until a signal or a reader that goes away ends it. What it has written to
/// files goes with it in each case.
pub(crate) async fn run(arguments: &DemoArgs) -> anyhow::Result<ExitCode> {
    let kubeconfig =
        arguments.kubeconfig.clone().unwrap_or_else(|| std::env::temp_dir().join("serin-demo.kubeconfig"));
    let definitions = if arguments.flagger { flagger::definitions()? } else { serin_api::crds() };
    let clock = Arc::new(jiff::Timestamp::now);
    let stop = leading::stopped_by_signals()?;
    let starting = cluster::Cluster::start(&kubeconfig, arguments.api_port, &definitions, clock);
    let Some(started) = stop.run_until_cancelled(starting).await else { return Ok(ExitCode::SUCCESS) };
    let cluster = started.context("starting the demo's cluster")?;
    let told = if arguments.flagger {
        flagger::play(&cluster, arguments.ingress_port, arguments.auto, &stop).await
    } else {
        match story::prepare(&cluster, arguments.ingress_port).await {
            Ok(ingress) => story::tell(&cluster, ingress, arguments.auto, &stop).await,
            Err(error) => Err(error.context("starting the demo's cluster")),
        }
    };
    cluster.stop().await;
    told
}
