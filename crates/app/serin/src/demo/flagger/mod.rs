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
use serin_report::paint::Hue;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use crate::out;
use stand_ins::StandIns;
use story::{Story, farewell};

/// The definitions that the releases need.
pub(super) fn definitions() -> anyhow::Result<Vec<Value>> {
    let mut all = serin_api::flagger::crds();
    let istio = serde_saphyr::from_multiple::<Value>(serin_ingress::mesh::DEFINITIONS);
    all.extend(istio.context("Istio's definitions")?);
    Ok(all)
}

/// Plays the releases to their end; succeeds when each ended as it should and no request failed, those apart that a person
/// has taken in hand. On a terminal the cluster stays after that until `stop`, unless `auto` is wanted.
pub(super) async fn play(
    cluster: &Cluster,
    gateway_port: u16,
    auto: bool,
    stop: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let Some(started) = stop.run_until_cancelled(StandIns::start(cluster, gateway_port)).await else {
        return Ok(interrupted());
    };
    let stand_ins = started.context("starting the demo's cluster")?;
    let mut story = Story::new(cluster, &stand_ins, auto);
    let told = stop.run_until_cancelled(story.tell_all()).await;
    if told.is_none() && !story.has_ended {
        return Ok(interrupted());
    }
    let summed_up = story.finish().await;
    let Some(told) = told else {
        // Whoever has hung up reads no more.
        let _ = out::say(format_args!("\n{}", farewell()));
        return Ok(ExitCode::SUCCESS);
    };
    told.and(summed_up)?;
    let verdict = story.paint().paint(Some(Hue::Green), &story.verdict()?);
    out::say(format_args!("\n{verdict}\n\n{}", farewell()))?;
    Ok(ExitCode::SUCCESS)
}

fn interrupted() -> ExitCode {
    let _ = out::say("\ninterrupted");
    ExitCode::SUCCESS
}
