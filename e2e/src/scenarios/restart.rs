//! `restart`: every pod is replaced, never more at once than may be missing.

use std::time::Duration;

use anyhow::Result;

use crate::cluster::BUDGET;
use crate::stage::Stage;

/// Longer than a second: creation times have that resolution, and a restart replaces pods older than itself.
const A_SECOND: Duration = Duration::from_millis(1_200);

async fn restarted(s: &Stage) -> Result<()> {
    s.until("restartedAt is restartAt", |view| {
        let wanted = &view.rollout()["spec"]["restartAt"];
        wanted.is_string() && view.status("restartedAt") == wanted
    })
    .await
}

pub(super) async fn restart(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 4, template: {spec: {schedulerName: by-hand}}, strategy: {canary: {maxUnavailable: '75%'}}}")
        .await?;
    s.bind(1, 4).await?;
    s.phase("Healthy").await?;
    s.stays_for(A_SECOND, "Healthy", |view| view.phase() == "Healthy").await?;
    s.restart().await?;
    s.until("three of four pods are replaced", |view| view.counts() == (4, 4, 4, 1, 1)).await?;
    s.stays("the fourth waits for the new ones", |view| view.counts().4 == 1).await?;
    s.bind(1, 3).await?;
    s.bind(1, 1).await?;
    restarted(s).await?;
    s.phase("Healthy").await?;
    s.counts((4, 4, 4, 4, 4)).await
}

pub(super) async fn restart_respects_budget(s: &Stage) -> Result<()> {
    s.apply(
        "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: demo},
          spec: {minAvailable: 4, selector: {matchLabels: {app: demo}}}}",
    )
    .await?;
    s.rollout("{replicas: 4, strategy: {canary: {maxUnavailable: 1}}}").await?;
    s.phase("Healthy").await?;
    s.stays_for(A_SECOND, "Healthy", |view| view.phase() == "Healthy").await?;
    s.restart().await?;
    s.stays("no pod goes against the budget", |view| view.counts().4 == 4 && view.pods(1).count() == 4)
        .await?;
    s.delete(BUDGET, "demo").await?;
    restarted(s).await?;
    s.counts((4, 4, 4, 4, 4)).await
}
