//! `serin demo --flagger`: three releases of one application with a `Canary`, side by side: a good version, a broken one, and
//! one whose metric has no series.
//!
//! The controller, the load tester, the API and every request are the real thing. Istio's sidecars, Prometheus and the chat
//! have stand-ins; what the stand-in for Prometheus says is counted from the requests that the mesh has forwarded.

mod act;
mod stand_ins;
mod story;
#[cfg(test)]
mod tests;
mod told;
mod watcher;

use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use super::cluster::Cluster;
use stand_ins::StandIns;
use story::{Story, farewell};

/// The definitions that the releases need.
pub(super) fn definitions() -> anyhow::Result<Vec<Value>> {
    let mut all = serin_api::flagger::crds();
    let istio = serde_saphyr::from_multiple::<Value>(serin_ingress::mesh::DEFINITIONS);
    all.extend(istio.context("Istio's definitions")?);
    Ok(all)
}

/// Plays the releases to their end; succeeds when each ended as it should and no request failed. Ctrl-C ends it early.
pub(super) async fn play(cluster: &Cluster, gateway_port: u16) -> anyhow::Result<ExitCode> {
    let told = async {
        let stand_ins =
            StandIns::start(cluster, gateway_port).await.context("starting the demo's cluster")?;
        let mut story = Story::new(cluster, &stand_ins);
        let told = async {
            story.begin().await?;
            story.release().await
        };
        let told = told.await;
        story.finish().await;
        told?;
        story.check()?;
        println!("\n{}", farewell(story.paint()));
        Ok(ExitCode::SUCCESS)
    };
    tokio::select! {
        told = told => told,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("listening for Ctrl-C")?;
            println!("\ninterrupted");
            Ok(ExitCode::SUCCESS)
        }
    }
}
