//! Old pods behind a router are kept for a while: after a promotion, and after an abort.

use std::time::Duration;

use anyhow::Result;

use crate::stage::Stage;

pub(super) async fn scale_down_delay(s: &Stage) -> Result<()> {
    s.routed(
        "{revisionHistoryLimit: 5, strategy: {canary: {scaleDownDelaySeconds: 600, scaleDownDelayRevisionLimit: 1}}}",
    )
    .await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 1), (2, 1)]).await?;
    s.until("only revision 1 waits", |view| view.has_deadline(1) && !view.has_deadline(2)).await?;
    s.update("v3").await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 1), (3, 1)]).await?;
    s.until("only revision 2 waits", |view| {
        !view.has_deadline(1) && view.has_deadline(2) && !view.has_deadline(3)
    })
    .await?;
    s.undo(2).await?;
    s.until("revision 4 is what was revision 2", |view| !view.hash(4).is_empty()).await?;
    s.phase("Healthy").await?;
    s.pods(&[(3, 1), (4, 1)]).await?;
    s.until("only revision 3 waits", |view| view.has_deadline(3) && !view.has_deadline(4)).await
}

pub(super) async fn delay_longer_than_deadline(s: &Stage) -> Result<()> {
    s.routed("{progressDeadlineSeconds: 2, strategy: {canary: {scaleDownDelaySeconds: 6}}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Healthy").await?;
    s.until("revision 1 waits", |view| view.has_deadline(1)).await?;
    s.stays_for(Duration::from_secs(4), "Healthy while the old pods wait", |view| view.phase() == "Healthy")
        .await?;
    s.pods(&[(1, 0), (2, 1)]).await?;
    s.phase("Healthy").await
}

const PAUSED: &str = "steps: [{setWeight: 50}, {pause: {}}]";

pub(super) async fn scale_down_on_abort(s: &Stage) -> Result<()> {
    s.routed(&format!("strategy: {{canary: {{abortScaleDownDelaySeconds: 1, {PAUSED}}}}}")).await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.weight(50).await?;
    s.selects("demo-canary", 2).await?;
    s.abort().await?;
    s.phase_says("Degraded", "RolloutAborted").await?;
    s.weight(0).await?;
    s.selects("demo-canary", 1).await?;
    s.pods(&[(1, 1), (2, 0)]).await?;
    s.stays("the canary's Service stays with stable", |view| view.selected("demo-canary") == view.hash(1))
        .await
}

pub(super) async fn scale_down_on_abort_basic(s: &Stage) -> Result<()> {
    s.rollout(&format!("{{replicas: 2, strategy: {{canary: {{abortScaleDownDelaySeconds: 1, {PAUSED}}}}}}}"))
        .await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.abort().await?;
    s.phase_says("Degraded", "RolloutAborted").await?;
    s.pods(&[(1, 2), (2, 0)]).await
}

pub(super) async fn no_scale_down_on_abort(s: &Stage) -> Result<()> {
    s.routed(&format!("strategy: {{canary: {{abortScaleDownDelaySeconds: 0, {PAUSED}}}}}")).await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.abort().await?;
    s.phase("Degraded").await?;
    s.weight(0).await?;
    s.stays("the aborted pods, without a deadline", |view| {
        view.pods_of(2) == Some(1) && !view.has_deadline(2)
    })
    .await?;
    let written = s.view().one(crate::cluster::SERVICE, "demo-canary")["metadata"]["resourceVersion"].clone();
    s.stays("the canary's Service is not written again and again", |view| {
        view.one(crate::cluster::SERVICE, "demo-canary")["metadata"]["resourceVersion"] == written
    })
    .await
}
