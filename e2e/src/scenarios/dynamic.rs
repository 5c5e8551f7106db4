//! `dynamicStableScale`: stable shrinks as the canary grows, so the way back must wait for its pods.

use anyhow::Result;

use crate::stage::Stage;

/// Pods of the first revision become available only by hand, so that the way back can be stopped half-way.
fn spec(more: &str) -> String {
    format!(
        "{{replicas: 4, template: {{spec: {{schedulerName: by-hand}}}}, strategy: {{canary: {{dynamicStableScale: true{more},
           steps: [{{setWeight: 25}}, {{pause: {{}}}}, {{setWeight: 75}}, {{pause: {{}}}}]}}}}}}"
    )
}

async fn to_75(s: &Stage, more: &str) -> Result<()> {
    to_25(s, more).await?;
    s.promote().await?;
    s.phase_at("Paused", 3).await?;
    s.pods(&[(1, 1), (2, 3)]).await?;
    s.weight(75).await
}

async fn to_25(s: &Stage, more: &str) -> Result<()> {
    s.routed(&spec(more)).await?;
    s.bind(1, 4).await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    s.pods(&[(1, 3), (2, 1)]).await?;
    s.weight(25).await
}

pub(super) async fn dynamic_stable_scale(s: &Stage) -> Result<()> {
    to_75(s, "").await?;
    s.abort().await?;
    s.phase("Degraded").await?;
    s.pods(&[(1, 3), (2, 3)]).await?; // one step back is 25, which leaves three to stable
    s.bind(1, 2).await?;
    s.pods(&[(1, 4), (2, 1)]).await?;
    s.weight(25).await?;
    s.stays("the canary's Service while stable is not complete", |view| {
        view.selected("demo-canary") == view.hash(2)
    })
    .await?;
    s.bind(1, 1).await?;
    s.weight(0).await?;
    s.pods(&[(1, 4), (2, 0)]).await?;
    s.selects("demo-canary", 1).await
}

pub(super) async fn abort_scale_down_delay(s: &Stage) -> Result<()> {
    to_75(s, ", abortScaleDownDelaySeconds: 5").await?;
    s.abort().await?;
    s.phase("Degraded").await?;
    s.pods(&[(1, 3), (2, 3)]).await?;
    s.stays("weight, pods and no deadline while stable is not ready", |view| {
        view.weight() == 75 && view.pods_of(2) == Some(3) && !view.has_deadline(2)
    })
    .await?;
    s.bind(1, 2).await?;
    s.pods(&[(1, 4), (2, 3)]).await?;
    s.until("no deadline before weight 0", |view| view.weight() != 0 && !view.has_deadline(2)).await?;
    s.bind(1, 1).await?;
    s.weight(0).await?;
    s.until("all canary pods wait for the deadline", |view| {
        view.has_deadline(2) && view.pods_of(2) == Some(3)
    })
    .await?;
    s.pods(&[(1, 4), (2, 0)]).await
}

pub(super) async fn rollback_to_stable(s: &Stage) -> Result<()> {
    to_25(s, "").await?;
    let canary = s.view().hash(2).to_owned();
    s.undo(1).await?;
    s.pods(&[(3, 4), (2, 1)]).await?;
    s.stays("weight and canary until the fourth pod is ready", |view| {
        let weights = &view.status("canary")["weights"];
        view.weight() == 25 && weights["canary"]["podTemplateHash"] == canary.as_str()
    })
    .await?;
    s.bind(3, 1).await?;
    s.weight(0).await?;
    s.selects("demo-canary", 3).await?;
    s.selects("demo-stable", 3).await?;
    s.pods(&[(3, 4), (2, 0)]).await?;
    s.phase("Healthy").await
}
